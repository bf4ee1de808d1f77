"""Which photo sees a piece of ground, and what hides it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uav_workflow.engine.compiled import compiled
from uav_workflow.engine.heightmap import HeightMap, height_at
from uav_workflow.engine.views import Float32, Float64, View, project

BUFFER_STEP = 4
"""Photo pixels a depth-buffer cell, each way: two surface cells at their usual size, so that none falls through."""

Bool = NDArray[np.bool_]


def depth_buffer(view: View, relief: HeightMap) -> Float32:
    """Smallest depth of the relief in every BUFFER_STEP x BUFFER_STEP pixels of the photo; inf where it has none."""
    rows, columns = (int(np.ceil(view.lens[k] / BUFFER_STEP)) for k in (10, 9))
    depths = np.full((rows, columns), np.inf, np.float32)
    row, row_end, col, col_end = _cells_in_view(view, relief)
    frame = np.array([relief.x0 + col * relief.cell, relief.y0 - row * relief.cell, relief.cell])
    _splat(depths, relief.heights[row:row_end, col:col_end], frame, view.packed)
    return depths


def _cells_in_view(view: View, relief: HeightMap) -> tuple[int, int, int, int]:
    """Rows and columns of the relief that hold all cells in the frame."""
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
    pad = 4 * step * relief.cell * view.focal / max(1.0, float(np.median((points - view.centre) @ view.axis)))
    near = (
        (pixels[:, 0] > -pad)
        & (pixels[:, 0] < view.lens[9] + pad)
        & (pixels[:, 1] > -pad)
        & (pixels[:, 1] < view.lens[10] + pad)
    )
    if not near.any():
        return 0, 0, 0, 0
    r, c = rows[near] * step, columns[near] * step
    return (
        max(0, int(r.min()) - 2 * step),
        min(relief.heights.shape[0], int(r.max()) + 2 * step),
        max(0, int(c.min()) - 2 * step),
        min(relief.heights.shape[1], int(c.max()) + 2 * step),
    )


@compiled
def _splat(depths: Float32, heights: Float32, frame: Float64, packed: Float64) -> None:
    for i in range(heights.shape[0]):
        for j in range(heights.shape[1]):
            z = heights[i, j]
            if not np.isfinite(z):
                continue
            x, y = frame[0] + (j + 0.5) * frame[2], frame[1] - (i + 0.5) * frame[2]
            u, v, depth = project(packed, x, y, z)
            if depth <= 0 or u < 0 or v < 0 or u >= packed[9] or v >= packed[10]:
                continue
            r, c = int(v) // BUFFER_STEP, int(u) // BUFFER_STEP
            depths[r, c] = min(depths[r, c], depth)


@compiled
def tile_heights(heights: Float32, frame: Float64, corner: Float64, tile: Float32) -> None:
    """Bilinear heights of the relief at the pixels of a tile; ``corner`` is the tile's (x0, y0, pixel)."""
    for i in range(tile.shape[0]):
        y = corner[1] - (i + 0.5) * corner[2]
        for j in range(tile.shape[1]):
            tile[i, j] = height_at(heights, frame, corner[0] + (j + 0.5) * corner[2], y)


@compiled
def photo_positions(tile: Float32, corner: Float64, packed: Float64, maps: Float32) -> None:
    """Where each pixel of a tile lies in a photo: maps (2, rows, columns), x then y, OpenCV's pixel convention.

    -1e4 outside the frame. ``corner`` is the tile's (x0, y0, pixel).
    """
    for i in range(tile.shape[0]):
        y = corner[1] - (i + 0.5) * corner[2]
        for j in range(tile.shape[1]):
            maps[0, i, j] = -1e4
            maps[1, i, j] = -1e4
            if not np.isfinite(tile[i, j]):
                continue
            u, v, depth = project(packed, corner[0] + (j + 0.5) * corner[2], y, tile[i, j])
            if depth > 0 and 0.5 <= u <= packed[9] - 0.5 and 0.5 <= v <= packed[10] - 0.5:
                maps[0, i, j] = u - 0.5
                maps[1, i, j] = v - 0.5


@compiled
def consider(  # noqa: PLR0917 - a compiled loop takes plain arrays
    tile: Float32,
    corner: Float64,
    packed: Float64,
    maps: Float32,
    depths: Float32,
    tolerance: float,
    index: int,
    best: Float32,
    label: NDArray[np.int32],
    count: NDArray[np.uint16],
) -> None:
    """Let one photo compete for the pixels of a tile: the one that looks down most steeply and unhidden wins.

    ``best`` holds the tangent of the winner's angle off nadir, plus 10 for a photo in which the pixel is hidden; a
    hidden pixel counts as no view.
    """
    for i in range(tile.shape[0]):
        y = corner[1] - (i + 0.5) * corner[2]
        for j in range(tile.shape[1]):
            if maps[0, i, j] < 0:
                continue
            dx = corner[0] + (j + 0.5) * corner[2] - packed[20]
            dy, dz = y - packed[21], tile[i, j] - packed[22]
            depth = packed[17] * dx + packed[18] * dy + packed[19] * dz
            r, c = int(maps[1, i, j] + 0.5) // BUFFER_STEP, int(maps[0, i, j] + 0.5) // BUFFER_STEP
            hidden = depth > depths[r, c] + tolerance
            score = np.sqrt(dx * dx + dy * dy) / max(-dz, 1e-3) + (10.0 if hidden else 0.0)
            if not hidden:
                count[i, j] += 1
            if score < best[i, j]:
                best[i, j] = score
                label[i, j] = index
