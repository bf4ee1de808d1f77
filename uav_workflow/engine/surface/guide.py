"""The coarse surface around which photos are matched."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Grid
from uav_workflow.engine.scratch import Scratch, Strip, release, strips
from uav_workflow.engine.surface.filling import MEMORY, fill_smooth, plane_through, smoothed
from uav_workflow.engine.surface.heightmap import HeightMap
from uav_workflow.engine.surface.views import Float32, Float64, View
from uav_workflow.errors import EngineError

CROWNS = 0.18
"""Highest object above the ground that is looked for, as a share of the flying height."""
_SPARSE = 4
"""Of so many rows or strips one is enough for statistics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """A coarse surface without holes, and how far the true one may lie from it.

    Attributes
    ----------
    relief : HeightMap
    below, above : float
        Band of heights to search around it, metres.
    """

    relief: HeightMap
    below: float
    above: float


def guide_from_points(points: Float64, views: list[View], gsd: float) -> Guide:
    """Guide through the tie points, over everything the photos see.

    Raises
    ------
    EngineError
        Fewer than ten tie points.
    """
    if len(points) < 10:
        raise EngineError(f"the reconstruction has {len(points)} tie points; a surface needs ten or more")
    x_min, y_min, x_max, y_max = _footprint(views, float(np.median(points[:, 2])))
    extent = max(x_max - x_min, y_max - y_min)
    cell = float(np.clip(3 * np.sqrt((x_max - x_min) * (y_max - y_min) / len(points)), 20 * gsd, extent / 8))
    rows, columns = int(np.ceil((y_max - y_min) / cell)), int(np.ceil((x_max - x_min) / cell))
    col = np.floor((points[:, 0] - x_min) / cell).astype(int)
    row = np.floor((y_max - points[:, 1]) / cell).astype(int)
    inside = (col >= 0) & (col < columns) & (row >= 0) & (row < rows)
    heights = _cell_medians(row[inside] * columns + col[inside], points[inside, 2], (rows, columns))
    heights = _with_plane_outside(heights)
    relief = HeightMap(heights=smoothed(heights, 0.7), x0=x_min, y0=y_max, cell=cell)
    residual = np.abs(points[inside, 2] - relief.heights[row[inside], col[inside]])
    depth = abs(float(np.median([v.centre[2] for v in views])) - float(np.median(points[:, 2])))
    scatter = float(np.percentile(residual, 99)) * 1.3
    # tie points lie on open ground: crowns between them may reach a good part of the flying height
    return Guide(relief=relief, below=max(scatter, 0.08 * depth), above=max(scatter, CROWNS * depth))


def guide_from_surface(coarse: HeightMap, outside: HeightMap, noise: float, scratch: Scratch = MEMORY) -> Guide:
    """Guide from a coarsely matched surface with holes; far from it, the earlier guide's shape.

    Holes follow the earlier guide's shape, lifted to what was measured around them.

    Parameters
    ----------
    coarse : HeightMap
        Heights as fused, NaN in holes.
    outside : HeightMap
        Earlier guide on the same grid, no NaN.
    noise : float
        What a pixel of disparity meant when `coarse` was matched, metres.
    """
    above = _despeckled_above(coarse.heights, outside.heights, scratch)
    lift = fill_smooth(above, scratch)
    relief: Float32 = scratch.empty(coarse.heights.shape)
    residuals = []
    for strip in strips(relief.shape, halo=6):
        heights = outside.heights[strip.wide] + np.nan_to_num(lift[strip.wide])
        relief[strip.rows] = smoothed(np.asarray(cv2.medianBlur(heights, 3), np.float32), 0.8)[strip.inner]
        residuals.append(np.abs(coarse.heights[strip.rows] - relief[strip.rows])[::_SPARSE].ravel())
        release(relief, lift, above, outside.heights, coarse.heights)
    residual = np.concatenate(residuals)
    measured = residual[np.isfinite(residual)]
    doubt = float(np.percentile(measured, 98)) + 1.5 * noise if len(measured) else 4 * noise
    return Guide(relief=replace(coarse, heights=relief), below=doubt, above=doubt)


def seen_twice(relief: HeightMap, views: list[View]) -> NDArray[np.bool_]:
    """Cells of the relief that at least two photos have in their frame, (rows, columns)."""
    rows, columns = np.indices(relief.heights.shape)
    x = relief.x0 + (columns.ravel() + 0.5) * relief.cell
    y = relief.y0 - (rows.ravel() + 0.5) * relief.cell
    cells = np.ascontiguousarray(np.stack([x, y, relief.heights.ravel().astype(float)], axis=1))
    count = np.zeros(len(cells), np.int32)
    for view in views:
        count += view.pixels(cells)[1]
    return (count >= 2).reshape(relief.heights.shape)


def grid_over(relief: HeightMap, wanted: NDArray[np.bool_], cell: float, crs: str, offset: tuple[float, float]) -> Grid:
    """Grid over the wanted cells of the relief.

    Raises
    ------
    EngineError
        There is none.
    """
    rows, columns = np.nonzero(wanted)
    if not len(rows):
        raise EngineError("no ground is seen by two photos: fly with more overlap")
    bounds = (
        relief.x0 + float(columns.min()) * relief.cell + offset[0],
        relief.y0 - float(rows.max() + 1) * relief.cell + offset[1],
        relief.x0 + float(columns.max() + 1) * relief.cell + offset[0],
        relief.y0 - float(rows.min()) * relief.cell + offset[1],
    )
    return Grid.covering(bounds, cell, crs)


def refined_cells(relief: HeightMap, cell: float) -> HeightMap:
    """The relief on cells of about ``cell`` metres, not more than 600 a side."""
    rows, columns = relief.heights.shape
    times = max(1, min(round(relief.cell / cell), 600 // max(rows, columns)))
    frame = np.broadcast_to(np.float32(0), (rows * times, columns * times))
    return resampled(relief, HeightMap(heights=frame, x0=relief.x0, y0=relief.y0, cell=relief.cell / times))


def resampled(relief: HeightMap, frame: HeightMap, scratch: Scratch = MEMORY) -> HeightMap:
    """`relief` on the cells of `frame`, bilinear; a cell beside a NaN is NaN."""
    heights: Float32 = scratch.empty(frame.heights.shape)
    for strip in strips(heights.shape):
        heights[strip.rows] = resampled_rows(relief, frame, strip)
        release(heights, relief.heights)
    return replace(frame, heights=heights)


def resampled_rows(relief: HeightMap, frame: HeightMap, strip: Strip) -> Float32:
    """Rows of `resampled`."""
    ratio = frame.cell / relief.cell
    y0 = frame.y0 - strip.first * frame.cell
    shift_x = (frame.x0 - relief.x0) / relief.cell + 0.5 * ratio - 0.5
    shift_y = (relief.y0 - y0) / relief.cell + 0.5 * ratio - 0.5
    # OpenCV counts a source's rows in 15 bits
    top = min(max(0, int(shift_y) - 2), len(relief.heights) - 1)
    bottom = max(top + 1, int(shift_y + ratio * (strip.last - strip.first)) + 3)
    return np.asarray(
        cv2.warpAffine(
            np.ascontiguousarray(relief.heights[top:bottom]),
            np.array([[ratio, 0, shift_x], [0, ratio, shift_y - top]]),
            (frame.heights.shape[1], strip.last - strip.first),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.float32,
    )


def _footprint(views: list[View], ground: float) -> tuple[float, float, float, float]:
    corners = []
    for view in views:
        depth = abs(float(view.centre[2]) - ground)
        for u, v in ((0.0, 0.0), (view.lens[9], 0.0), (0.0, view.lens[10]), (view.lens[9], view.lens[10])):
            ray = view.rotation.T @ np.array(
                [(u - view.lens[2]) / view.lens[0], (v - view.lens[3]) / view.lens[1], 1.0]
            )
            # an oblique ray may never meet the ground: 60 degrees off nadir is as far as a map reaches
            reach = np.hypot(ray[0], ray[1]) / max(-ray[2], 1e-3)
            scale = depth * min(1.0, 1.75 / max(reach, 1e-9)) / max(-ray[2], 1e-3)
            corners.append(view.centre[:2] + ray[:2] * scale)
    found = np.array(corners)
    low, high = found.min(axis=0), found.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _cell_medians(cells: np.ndarray[tuple[int], np.dtype[np.intp]], z: Float64, shape: tuple[int, int]) -> Float32:
    heights = np.full(shape[0] * shape[1], np.nan, np.float32)
    order = np.lexsort((z, cells))
    cells, z = cells[order], z[order]
    first = np.flatnonzero(np.r_[True, cells[1:] != cells[:-1]])
    last = np.r_[first[1:], len(cells)]
    heights[cells[first]] = z[(first + last - 1) // 2]
    return heights.reshape(shape)


def _with_plane_outside(heights: Float32) -> Float32:
    """Fill relative to the plane through the cells, so that a slope goes on where no point is."""
    level = plane_through(heights)
    return fill_smooth(heights - level) + level


def _despeckled_above(heights: Float32, outside: Float32, scratch: Scratch) -> Float32:
    """Heights above `outside`, without cells that stand alone: far from the median of the cells around them."""
    filled = fill_smooth(heights, scratch)
    limit = 18 * _typical_step(heights, filled) + 1e-3
    above: Float32 = scratch.empty(heights.shape)
    for strip in strips(heights.shape, halo=4):
        part = heights[strip.wide]
        off = np.abs(part - cv2.medianBlur(filled[strip.wide], 5))
        lonely = cv2.boxFilter(np.isfinite(part).astype(np.float32), -1, (5, 5), normalize=False) < 6
        clean = np.where((off > limit) | lonely, np.float32(np.nan), part)
        above[strip.rows] = clean[strip.inner] - outside[strip.rows]
        release(above, filled, heights, outside)
    return above


def _typical_step(heights: Float32, filled: Float32) -> float:
    """Median distance of a measured cell to the median of those around it, on some of the strips."""
    found = []
    for k, strip in enumerate(strips(heights.shape, halo=4)):
        if k % _SPARSE == 0:
            found.append(np.abs(heights[strip.wide] - cv2.medianBlur(filled[strip.wide], 5)).ravel())
        release(heights, filled)
    off = np.concatenate(found)
    off = off[np.isfinite(off)]
    return float(np.median(off)) if len(off) else 0.0
