"""Which photo sees a piece of ground, how well, and what hides it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_workflow.compiled import compiled
from uav_workflow.engine.scratch import release
from uav_workflow.engine.surface.heightmap import HeightMap, height_at
from uav_workflow.engine.surface.views import Float32, Float64, View, project

HIDDEN = 10.0
"""Cost of a view in which something stands before the ground: more than any view that sees it."""
OUTSIDE = -1e4
"""Position of what lies outside a photo."""

_RIM, _RIM_COST = 0.06, 0.3
"""Share of the frame's shorter side that counts as its blurred, dark rim; cost at the very border."""

Bool = NDArray[np.bool_]
UInt16 = NDArray[np.uint16]
Int32 = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class DepthBuffer:
    """Smallest depth of the relief in every ``step`` x ``step`` pixels of a photo; inf where it has none."""

    depths: Float32
    step: int


@dataclass(frozen=True, slots=True)
class Lookout:
    """The ground as the photos look at it.

    Attributes
    ----------
    offset : (x, y)
        What the relief's frame lacks to the CRS, metres.
    reach : (2,) float64
        How far behind the nearest thing in a photo ground still counts as seen, and the flight's usual ground sampling
        distance, metres.
    depths : callable
        Depth buffer of a view.
    """

    relief: HeightMap
    offset: tuple[float, float]
    reach: Float64
    depths: Callable[[View], DepthBuffer]


def depth_buffer(view: View, relief: HeightMap) -> DepthBuffer:
    """What stands nearest to the camera, in cells so wide that no cell of the relief falls through."""
    row, row_end, col, col_end, depth = _cells_in_view(view, relief)
    step = max(2, int(np.ceil(1.5 * relief.cell * view.focal / depth)))
    rows, columns = (int(np.ceil(view.lens[k] / step)) for k in (10, 9))
    depths = np.full((rows, columns), np.inf, np.float32)
    frame = np.array([relief.x0 + col * relief.cell, relief.y0 - row * relief.cell, relief.cell])
    _splat(depths, step, relief.heights[row:row_end, col:col_end], frame, view.packed)
    release(relief.heights)
    return DepthBuffer(depths, step)


def _cells_in_view(view: View, relief: HeightMap) -> tuple[int, int, int, int, float]:
    """Rows and columns of the relief that hold all cells in the frame, and how near they come."""
    step = max(1, min(32, min(relief.heights.shape) // 8))
    part = relief.heights[::step, ::step]
    rows, columns = np.nonzero(np.isfinite(part))
    points = np.stack(
        [
            relief.x0 + (columns * step + 0.5) * relief.cell,
            relief.y0 - (rows * step + 0.5) * relief.cell,
            part[rows, columns].astype(float),
        ],
        axis=1,
    )
    pixels, _ = view.pixels(np.ascontiguousarray(points))
    depth = (points - view.centre) @ view.axis
    pad = 4 * step * relief.cell * view.focal / max(1.0, float(np.median(depth)) if len(depth) else 1.0)
    near = (
        (pixels[:, 0] > -pad)
        & (pixels[:, 0] < view.lens[9] + pad)
        & (pixels[:, 1] > -pad)
        & (pixels[:, 1] < view.lens[10] + pad)
        & (depth > 0)
    )
    # of what lies far outside the frame, (-1, -1) is told
    near &= (pixels != -1.0).any(axis=1)
    if not near.any():
        return 0, 0, 0, 0, np.inf
    r, c = rows[near] * step, columns[near] * step
    return (
        max(0, int(r.min()) - 2 * step),
        min(relief.heights.shape[0], int(r.max()) + 2 * step),
        max(0, int(c.min()) - 2 * step),
        min(relief.heights.shape[1], int(c.max()) + 2 * step),
        max(float(np.percentile(depth[near], 5)), 1e-3),
    )


@compiled
def _splat(depths: Float32, step: int, heights: Float32, frame: Float64, packed: Float64) -> None:
    for i in range(heights.shape[0]):
        for j in range(heights.shape[1]):
            z = heights[i, j]
            if not np.isfinite(z):
                continue
            x, y = frame[0] + (j + 0.5) * frame[2], frame[1] - (i + 0.5) * frame[2]
            u, v, depth = project(packed, x, y, z)
            if depth <= 0 or u < 0 or v < 0 or u >= packed[9] or v >= packed[10]:
                continue
            r, c = int(v) // step, int(u) // step
            depths[r, c] = min(depths[r, c], depth)


@compiled
def tile_heights(heights: Float32, frame: Float64, corner: Float64, tile: Float32) -> None:
    """Bilinear heights of the relief at the pixels of a tile, ``corner`` being the tile's (x0, y0, pixel).

    NaN outside the relief's own grid: heights are not carried beyond its border.
    """
    rows, columns = heights.shape
    for i in range(tile.shape[0]):
        y = corner[1] - (i + 0.5) * corner[2]
        for j in range(tile.shape[1]):
            x = corner[0] + (j + 0.5) * corner[2]
            if frame[0] <= x <= frame[0] + columns * frame[2] and frame[1] - rows * frame[2] <= y <= frame[1]:
                tile[i, j] = height_at(heights, frame, x, y)
            else:
                tile[i, j] = np.nan


@compiled
def photo_positions(tile: Float32, corner: Float64, packed: Float64, wanted: Bool, maps: Float32) -> None:
    """Where each wanted pixel of a tile lies in a photo: maps (2, rows, columns), x then y, OpenCV's convention.

    `OUTSIDE` for what lies outside the frame and for what is not wanted.
    """
    for i in range(tile.shape[0]):
        y = corner[1] - (i + 0.5) * corner[2]
        for j in range(tile.shape[1]):
            maps[0, i, j] = OUTSIDE
            maps[1, i, j] = OUTSIDE
            if not wanted[i, j] or not np.isfinite(tile[i, j]):
                continue
            u, v, depth = project(packed, corner[0] + (j + 0.5) * corner[2], y, tile[i, j])
            if depth > 0 and 0.5 <= u <= packed[9] - 0.5 and 0.5 <= v <= packed[10] - 0.5:
                maps[0, i, j] = u - 0.5
                maps[1, i, j] = v - 0.5


@compiled
def view_cost(  # noqa: PLR0917 - a compiled loop takes plain arrays
    packed: Float64, depths: Float32, step: int, reach: Float64, x: float, y: float, z: float
) -> float:
    """How ill a photo sees a point: 0 straight below in its middle; inf outside the frame.

    Tangent of the angle off nadir, plus half the octaves by which it is coarser than the flight's usual resolution,
    plus up to `_RIM_COST` in the rim of the frame, plus `HIDDEN`. ``reach`` is that of the `Lookout`.
    """
    u, v, depth = project(packed, x, y, z)
    if depth <= 0 or u < 0.5 or v < 0.5 or u > packed[9] - 0.5 or v > packed[10] - 0.5:
        return np.inf
    dx, dy, dz = x - packed[20], y - packed[21], packed[22] - z
    cost = np.sqrt(dx * dx + dy * dy) / max(dz, 1e-3)
    coarser = depth / np.sqrt(packed[0] * packed[1]) / reach[1]
    if coarser > 1.0:
        cost += 0.5 * np.log2(coarser)
    rim = min(u, packed[9] - u, v, packed[10] - v) / (_RIM * min(packed[9], packed[10]))
    if rim < 1.0:
        cost += _RIM_COST * (1.0 - rim) * (1.0 - rim)
    # no view that sees the ground may cost as much as one that does not
    cost = min(cost, 0.9 * HIDDEN)
    if depth > depths[int(v) // step, int(u) // step] + reach[0]:
        cost += HIDDEN
    return float(cost)


@compiled
def offer(  # noqa: PLR0917 - a compiled loop takes plain arrays
    tile: Float32,
    corner: Float64,
    packed: Float64,
    depths: Float32,
    step: int,
    reach: Float64,
    index: int,
    wanted: Bool,
    planned: Int32,
    floor: Float32,
    best: Float32,
    label: Int32,
) -> None:
    """Let one photo compete for the wanted pixels of a tile.

    The photo planned for a pixel gets it at once when it sees it, else the photo of least cost above ``floor`` does.
    ``best`` (inf before) and ``label`` hold the winner so far; a planned photo that was refused before has floor >= 0.
    """
    for i in range(tile.shape[0]):
        y = corner[1] - (i + 0.5) * corner[2]
        for j in range(tile.shape[1]):
            if not wanted[i, j] or best[i, j] < 0 or not np.isfinite(tile[i, j]):
                continue
            x = corner[0] + (j + 0.5) * corner[2]
            # rounded as ``floor`` is, or a source would be found dearer than itself
            cost = float(np.float32(view_cost(packed, depths, step, reach, x, y, tile[i, j])))
            if planned[i, j] == index:
                if floor[i, j] >= 0:
                    continue
                if cost < HIDDEN:
                    cost = -1.0
            elif cost <= floor[i, j]:
                continue
            if cost < best[i, j]:
                best[i, j] = cost
                label[i, j] = index
