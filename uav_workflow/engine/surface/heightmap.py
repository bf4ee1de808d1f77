"""A height grid small enough to hold: what guides matching and what the photos are projected onto."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from uav_workflow.compiled import compiled
from uav_workflow.domain.grid import Grid
from uav_workflow.engine.surface.views import Float32, Float64


@dataclass(frozen=True, slots=True, kw_only=True)
class HeightMap:
    """Heights on a grid in the reconstruction's own frame (CRS minus offset).

    Attributes
    ----------
    heights : (rows, columns) float32
        Metres; NaN where unknown.
    x0, y0 : float
        Outer corner of the first cell, metres, minus the offset.
    cell : float
        Side of a cell, metres.
    """

    heights: Float32
    x0: float
    y0: float
    cell: float

    @classmethod
    def on(cls, grid: Grid, offset: tuple[float, float], heights: Float32) -> HeightMap:
        """Heights that lie on ``grid``, seen from the reconstruction's frame."""
        return cls(heights=heights, x0=grid.x_min - offset[0], y0=grid.y_max - offset[1], cell=grid.pixel_m)

    @property
    def frame(self) -> Float64:
        """(x0, y0, cell), for the compiled loops."""
        return np.array([self.x0, self.y0, self.cell])

    def samples(self, limit: int) -> Float64:
        """About ``limit`` known cells as points (n, 3), evenly spread."""
        step = max(1, int(np.sqrt(self.heights.size / limit)))
        part = self.heights[step // 2 :: step, step // 2 :: step]
        rows, columns = np.nonzero(np.isfinite(part))
        x = self.x0 + (columns * step + step // 2 + 0.5) * self.cell
        y = self.y0 - (rows * step + step // 2 + 0.5) * self.cell
        return np.ascontiguousarray(np.stack([x, y, part[rows, columns].astype(float)], axis=1))


@compiled
def height_at(heights: Float32, frame: Float64, x: float, y: float) -> float:
    """Bilinear height; beyond the border the nearest cell's."""
    rows, columns = heights.shape
    col = (x - frame[0]) / frame[2] - 0.5
    row = (frame[1] - y) / frame[2] - 0.5
    col = min(max(col, 0.0), columns - 1.0)
    row = min(max(row, 0.0), rows - 1.0)
    c, r = min(int(col), columns - 2), min(int(row), rows - 2)
    c, r = max(c, 0), max(r, 0)
    c1, r1 = min(c + 1, columns - 1), min(r + 1, rows - 1)
    fx, fy = col - c, row - r
    top = heights[r, c] * (1 - fx) + heights[r, c1] * fx
    bottom = heights[r1, c] * (1 - fx) + heights[r1, c1] * fx
    return float(top * (1 - fy) + bottom * fy)
