"""How much of a pixel belongs to a cell, where both grids lie in one CRS.

The overlap of a pixel and a cell of two north-up grids is the product of an overlap in x and one in y, so the weights
of a window are two small matrices and its sums two matrix products.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Grid

Float64 = NDArray[np.float64]
Edges = NDArray[np.floating[Any]]

FWHM_OF_SIGMA = 2.3548200450309493
"""2 sqrt(2 ln 2)."""
REACH = 3.0
"""Standard deviations at which a point spread is cut off: 0.5 % of its weight lies beyond."""


class Weights(Protocol):
    """The pixels of one window over a block of cells."""

    @property
    def area(self) -> float | Float64:
        """Of a pixel, in square metres of the cells' CRS."""
        ...

    def sums(self, plane: Float64) -> Float64:
        """Sum of value times shared area a cell, (cell rows, cell columns)."""
        ...

    def centred(self, plane: Float64) -> Float64:
        """Sum of the values whose pixel has its centre in the cell."""
        ...

    def members(self, plane: Float64, step: int) -> Iterator[tuple[int, Float64]]:
        """Every cell's number (row by row) with the finite values centred in it, of every `step`-th row and column."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignedWeights:
    """Weights of two north-up grids of one CRS, by area or by a Gaussian point spread."""

    rows: Float64
    cols: Float64
    by_area: bool
    row_of: NDArray[np.int64]
    col_of: NDArray[np.int64]
    area: float

    @classmethod
    def of(cls, fine: Grid, cells: Grid, fwhm_cells: float | None = None) -> AlignedWeights:
        """Weights of a window of pixels; with a point spread's full width at half maximum, in cells, by that."""
        # Distances from the cells' own corner keep all digits; rows count downwards from the top.
        fine_cols = (fine.x_min - cells.x_min) + np.arange(fine.width + 1) * fine.pixel_m
        fine_rows = (cells.y_max - fine.y_max) + np.arange(fine.height + 1) * fine.pixel_m
        sides = []
        for edges, count in ((fine_rows, cells.height), (fine_cols, cells.width)):
            cell_edges = np.arange(count + 1) * cells.pixel_m
            if fwhm_cells is None:
                sides.append(overlaps(edges, cell_edges))
            else:
                sides.append(spread(edges, cell_edges, fwhm_cells))
        return cls(
            rows=sides[0],
            cols=sides[1],
            by_area=fwhm_cells is None,
            row_of=_cell_of(fine_rows, cells.pixel_m, cells.height),
            col_of=_cell_of(fine_cols, cells.pixel_m, cells.width),
            area=fine.pixel_m**2,
        )

    def sums(self, plane: Float64) -> Float64:
        """Sum of value times weight a cell."""
        down = _sum_rows(self.rows, plane) if self.by_area else self.rows @ plane
        result: Float64 = down @ self.cols.T
        return result

    def centred(self, plane: Float64) -> Float64:
        """Sum of the values whose pixel has its centre in the cell."""
        rows = self.row_of[None] == np.arange(self.rows.shape[0])[:, None]
        cols = self.col_of[None] == np.arange(self.cols.shape[0])[:, None]
        result: Float64 = _sum_rows(rows.astype(np.float64), plane) @ cols.astype(np.float64).T
        return result

    def members(self, plane: Float64, step: int) -> Iterator[tuple[int, Float64]]:
        """Every cell's number with the finite values centred in it."""
        row_of, col_of, thinned = self.row_of[::step], self.col_of[::step], plane[::step, ::step]
        for row in np.unique(row_of[row_of >= 0]):
            strip = thinned[_run(row_of, row)]
            for col in np.unique(col_of[col_of >= 0]):
                values = strip[:, _run(col_of, col)].ravel()
                values = values[np.isfinite(values)]
                if values.size:
                    yield int(row * self.cols.shape[0] + col), values


def overlaps(fine_edges: Edges, coarse_edges: Edges) -> Float64:
    """Lengths shared by intervals: (coarse, fine), from ascending edges."""
    low = np.maximum(coarse_edges[:-1, None], fine_edges[None, :-1])
    high = np.minimum(coarse_edges[1:, None], fine_edges[None, 1:])
    shared: Float64 = np.maximum(high - low, 0.0)
    return shared


def spread(fine_edges: Edges, coarse_edges: Edges, fwhm_cells: float) -> Float64:
    """Share of a Gaussian about each cell's centre that falls on each pixel, times the cell's side: (coarse, fine).

    Cut off at `REACH` standard deviations and scaled to sum to the side over pixels without end.
    """
    from scipy.special import ndtr

    side = float(coarse_edges[1] - coarse_edges[0])
    sigma = fwhm_cells * side / FWHM_OF_SIGMA
    centres = (coarse_edges[:-1] + coarse_edges[1:]) / 2
    cumulated = ndtr(np.clip((fine_edges[None] - centres[:, None]) / sigma, -REACH, REACH))
    weights: Float64 = np.diff(cumulated, axis=1) * side / (ndtr(REACH) - ndtr(-REACH))
    return weights


def _cell_of(fine_edges: Edges, cell_m: float, count: int) -> NDArray[np.int64]:
    """Cell in which each pixel has its centre; -1 outside."""
    found = np.floor((fine_edges[:-1] + fine_edges[1:]) / 2 / cell_m).astype(np.int64)
    return np.where((found >= 0) & (found < count), found, -1)


def _run(cell_of: NDArray[np.int64], cell: int) -> slice:
    """Pixels of one cell, which follow each other."""
    inside = np.flatnonzero(cell_of == cell)
    return slice(int(inside[0]), int(inside[-1]) + 1)


def _sum_rows(weights: Float64, values: Float64) -> Float64:
    """``weights @ values`` for weights that are equal inside a cell and differ at its first and last row.

    A cell's rows are added once, without multiplying by the zeros of all other cells.
    """
    sums = np.zeros((weights.shape[0], values.shape[1]))
    for index, weight in enumerate(weights):
        touched = np.flatnonzero(weight)
        if touched.size:
            first, last = int(touched[0]), int(touched[-1])
            sums[index] += weight[first] * values[first]
            if last > first:
                sums[index] += weight[last] * values[last]
            if last > first + 1:
                sums[index] += weight[first + 1 : last].mean() * values[first + 1 : last].sum(axis=0)
    return sums
