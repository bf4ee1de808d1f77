"""What every source sees of the whole mosaic, on cells of several pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_workflow.compiled import compiled
from uav_workflow.domain.grid import Grid
from uav_workflow.engine.mosaic.sources import Source
from uav_workflow.engine.mosaic.visibility import HIDDEN, Lookout, tile_heights, view_cost
from uav_workflow.engine.scratch import release, strips
from uav_workflow.engine.surface.views import Float32, Float64, View, project

NONE = np.uint16(65535)
"""Cost where a cell is not wholly in the frame."""
COST_UNIT = 1000
"""Costs of a cell are whole thousandths."""

HIDDEN_CELL = 1.0
"""What is added to the cost of a cell that is hidden in all its parts."""

_FINEST, _CELLS = 8, 2_500_000

UInt16 = NDArray[np.uint16]
Box = tuple[slice, slice]
"""Rows and columns."""


@dataclass(frozen=True, slots=True)
class SeenPart:
    """Cells that a source may see.

    Attributes
    ----------
    costs : (rows, columns) uint16
        Thousandths of `view_cost`, or `NONE`; a cell that is hidden costs no more than `HIDDEN_CELL` above one that is
        not: single hidden cells are spikes of the surface, and not worth a seam.
    seen : (rows, columns) bool
        Cells that are unhidden in more than half of their parts.
    """

    rows: slice
    columns: slice
    costs: UInt16
    seen: NDArray[np.bool_]

    @property
    def box(self) -> Box:
        """Its place on the cells."""
        return self.rows, self.columns


@dataclass(frozen=True, slots=True)
class Coverage:
    """The mosaic's ground on cells.

    Attributes
    ----------
    factor : int
        Pixels a side of a cell; even.
    heights : (2 * rows, 2 * columns) float32
        Heights at the middle of the four parts of each cell, NaN outside the surface.
    views : (2 * rows, 2 * columns) uint16
        Sources that see the part.
    """

    factor: int
    grid: Grid
    heights: Float32
    views: UInt16


def cell_factor(grid: Grid) -> int:
    """Pixels a side of a cell: 8, more where the mosaic is so large that its cells would be too many."""
    factor = _FINEST
    while (grid.width // factor) * (grid.height // factor) > _CELLS:
        factor *= 2
    return factor


def survey(sources: Sequence[Source], lookout: Lookout, grid: Grid) -> tuple[Coverage, list[SeenPart]]:
    """The mosaic's ground, and what each source sees of it; an empty part for one that sees nothing."""
    factor = cell_factor(grid)
    cells = grid.coarser(factor)
    halves = np.full((2 * cells.height, 2 * cells.width), np.nan, np.float32)
    corner = np.array([cells.x_min - lookout.offset[0], cells.y_max - lookout.offset[1], cells.pixel_m / 2])
    for strip in strips(halves.shape):
        start = np.array([corner[0], corner[1] - strip.first * corner[2], corner[2]])
        tile_heights(lookout.relief.heights, lookout.relief.frame, start, halves[strip.rows])
        release(lookout.relief.heights)
    views = np.zeros(halves.shape, np.uint16)
    parts = []
    for source in sources:
        rows, columns = _box_seen(source.views[0], halves, corner)
        costs = np.full((rows.stop - rows.start, columns.stop - columns.start), NONE, np.uint16)
        seen = np.zeros(costs.shape, np.bool_)
        fine = slice(2 * rows.start, 2 * rows.stop), slice(2 * columns.start, 2 * columns.stop)
        if costs.size:
            buffer = lookout.depths(source.views[0])
            start = np.array([corner[0] + fine[1].start * corner[2], corner[1] - fine[0].start * corner[2], corner[2]])
            _look(
                halves[fine], start, source.packed, buffer.depths, buffer.step, lookout.reach, costs, seen, views[fine]
            )
        parts.append(SeenPart(rows, columns, costs, seen))
    return Coverage(factor, cells, halves, views), parts


def _box_seen(view: View, halves: Float32, corner: Float64) -> tuple[slice, slice]:
    """Box of cells that hold all a photo may see, found on every 16th of their parts."""
    step = 16
    rows, columns = np.arange(0, halves.shape[0], step), np.arange(0, halves.shape[1], step)
    z = halves[::step, ::step].astype(float)
    y, x = np.meshgrid(corner[1] - (rows + 0.5) * corner[2], corner[0] + (columns + 0.5) * corner[2], indexing="ij")
    pixels, _ = view.pixels(np.ascontiguousarray(np.stack([x, y, np.nan_to_num(z)], axis=2).reshape(-1, 3)))
    u, v = pixels.reshape(*z.shape, 2)[..., 0], pixels.reshape(*z.shape, 2)[..., 1]
    depth = max(float(view.centre[2] - np.nanmedian(z)) if np.isfinite(z).any() else 1.0, 1.0)
    pad = 3 * step * corner[2] * view.focal / depth
    near = (u > -pad) & (u < view.lens[9] + pad) & (v > -pad) & (v < view.lens[10] + pad)
    near &= np.isfinite(z) & ~((u == -1.0) & (v == -1.0))
    if not near.any():
        return slice(0, 0), slice(0, 0)
    down, across = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    return (
        slice(max(0, (int(down[0]) - 1) * step // 2), min(halves.shape[0] // 2, (int(down[-1]) + 2) * step // 2)),
        slice(max(0, (int(across[0]) - 1) * step // 2), min(halves.shape[1] // 2, (int(across[-1]) + 2) * step // 2)),
    )


@compiled
def _look(  # noqa: PLR0917 - a compiled loop takes plain arrays
    halves: Float32,
    corner: Float64,
    packed: Float64,
    depths: Float32,
    step: int,
    reach: Float64,
    costs: UInt16,
    seen: NDArray[np.bool_],
    views: UInt16,
) -> None:
    """Mean cost of a cell's four parts; a cell that leaves the frame of any band in any of them is not seen."""
    for i in range(costs.shape[0]):
        for j in range(costs.shape[1]):
            total, known, hidden = 0.0, 0, 0
            for part in range(4):
                r, c = 2 * i + part // 2, 2 * j + part % 2
                z = halves[r, c]
                if not np.isfinite(z):
                    continue
                x, y = corner[0] + (c + 0.5) * corner[2], corner[1] - (r + 0.5) * corner[2]
                cost = view_cost(packed[0], depths, step, reach, x, y, z)
                for band in range(1, packed.shape[0]):
                    if cost < np.inf and _leaves_frame(packed[band], x, y, z):
                        cost = np.inf
                known += 1
                if cost < HIDDEN:
                    views[r, c] += 1
                elif cost < np.inf:
                    hidden += 1
                    cost -= HIDDEN - HIDDEN_CELL
                total += cost
            if known > 0 and total < np.inf:
                costs[i, j] = int(total / known * COST_UNIT)
                seen[i, j] = 2 * hidden < known


@compiled
def _leaves_frame(packed: Float64, x: float, y: float, z: float) -> bool:
    u, v, depth = project(packed, x, y, z)
    return bool(depth <= 0 or u < 0.5 or v < 0.5 or u > packed[9] - 0.5 or v > packed[10] - 0.5)
