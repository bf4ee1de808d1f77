"""From a flight's pixels to satellite cells, by exact areas.

The overlap of a pixel and a cell of two north-up grids is the product of an overlap in x and one in y, so the weights
of a block are two small matrices and its sums two matrix products. Nothing is lost at borders: the sum of value times
area over the cells is that over the pixels.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Block, Grid
from uav_workflow.errors import RasterError
from uav_workflow.rasters.reader import Raster

Float64 = NDArray[np.float64]
Edges = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """One band of a flight on a satellite grid; every array is float64 (rows, columns) of it.

    Attributes
    ----------
    mean : array
        Area-weighted mean of the valid pixels, NaN where there is none.
    sd_within : array
        Area-weighted standard deviation of the pixels within the cell (divisor: their area), NaN as above.
    coverage : array
        Share of the cell's area with valid pixels, 0 - 1.
    n : array
        Valid pixels with their centre in the cell.
    total : float
        Sum of value times area over the flight's valid pixels, summed apart from the cells.
    """

    mean: Float64
    sd_within: Float64
    coverage: Float64
    n: Float64
    total: float


def aggregate(
    path: Path, bands: Sequence[str], grids: Sequence[Grid], flags: Collection[str] = ()
) -> list[dict[str, Cells]]:
    """Bring bands of a raster onto coarser grids, reading the raster once, block by block.

    Parameters
    ----------
    path : Path
        Raster in the grids' CRS; NaN (or masked) pixels count as missing.
    bands : sequence of str
        Band names.
    grids : sequence of Grid
        Cells of any size; what lies outside of a grid is left out of it.
    flags : collection of str
        Bands of codes: every value but 0 counts as 1, so that their mean is a share of area.

    Returns
    -------
    list of dict
        For each grid, band name to `Cells`.

    Raises
    ------
    RasterError
        The raster can't be read, lacks a band, or lies in another CRS.
    """
    with Raster(path) as raster:
        for grid in grids:
            if grid.crs != raster.grid.crs:
                raise RasterError(f"{path}: lies in {raster.grid.crs}, the satellite grid in {grid.crs}")
        sums = [{band: _Sums.on(grid) for band in bands} for grid in grids]
        totals = dict.fromkeys(bands, 0.0)
        for block in raster.grid.blocks():
            values = raster.read(block, tuple(bands)).astype(np.float64)
            valid = np.isfinite(values)
            if not valid.any():
                continue
            values[~valid] = 0.0
            for index, band in enumerate(bands):
                if band in flags:
                    values[index] = values[index] != 0
            weights = [_Weights.of(raster.grid.window(block), grid) for grid in grids]
            for index, band in enumerate(bands):
                plane, seen = values[index], valid[index].astype(np.float64)
                squares = plane * plane
                totals[band] += float(plane.sum()) * raster.grid.pixel_m**2
                for by_band, weight in zip(sums, weights, strict=True):
                    by_band[band].add(weight, plane, seen, squares)
    return [
        {band: part.cells(grid, totals[band]) for band, part in s.items()} for s, grid in zip(sums, grids, strict=True)
    ]


def overlaps(fine_edges: Edges, coarse_edges: Edges) -> Float64:
    """Lengths shared by intervals: (coarse, fine), from ascending edges."""
    low = np.maximum(coarse_edges[:-1, None], fine_edges[None, :-1])
    high = np.minimum(coarse_edges[1:, None], fine_edges[None, 1:])
    shared: Float64 = np.maximum(high - low, 0.0)
    return shared


@dataclass(frozen=True, slots=True, kw_only=True)
class _Weights:
    """Overlaps of one block with the cells it touches; `rows` and `cols` say which these are."""

    window: Block
    rows: Float64
    cols: Float64
    centre_rows: Float64
    centre_cols: Float64

    @classmethod
    def of(cls, fine: Grid, coarse: Grid) -> _Weights:
        x_min, y_min, x_max, y_max = fine.bounds
        col0, col1 = _touched(x_min - coarse.x_min, x_max - coarse.x_min, coarse.pixel_m, coarse.width)
        row0, row1 = _touched(coarse.y_max - y_max, coarse.y_max - y_min, coarse.pixel_m, coarse.height)
        # Distances from the cells' own corner keep all digits; rows count downwards from the top.
        cell_cols = np.arange(col0, col1 + 1) * coarse.pixel_m
        cell_rows = np.arange(row0, row1 + 1) * coarse.pixel_m
        fine_cols = (x_min - coarse.x_min) + np.arange(fine.width + 1) * fine.pixel_m
        fine_rows = (coarse.y_max - y_max) + np.arange(fine.height + 1) * fine.pixel_m
        return cls(
            window=Block(row0, col0, row1 - row0, col1 - col0),
            rows=overlaps(fine_rows, cell_rows),
            cols=overlaps(fine_cols, cell_cols),
            centre_rows=_centres_in(fine_rows, cell_rows),
            centre_cols=_centres_in(fine_cols, cell_cols),
        )


def _touched(low: float, high: float, cell: float, count: int) -> tuple[int, int]:
    """Half-open range of the cells between two distances."""
    first = min(max(int(np.floor(low / cell)), 0), count)
    return first, max(min(int(np.ceil(high / cell)), count), first)


def _centres_in(fine_edges: Edges, coarse_edges: Edges) -> Float64:
    centres = (fine_edges[:-1] + fine_edges[1:]) / 2
    inside = (centres[None] >= coarse_edges[:-1, None]) & (centres[None] < coarse_edges[1:, None])
    return inside.astype(np.float64)


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


@dataclass(slots=True, kw_only=True)
class _Sums:
    """Running sums of one band on one grid, in square metres."""

    area: Float64
    first: Float64
    second: Float64
    n: Float64

    @classmethod
    def on(cls, grid: Grid) -> _Sums:
        return cls(**{name: np.zeros(grid.shape) for name in ("area", "first", "second", "n")})

    def add(self, weights: _Weights, values: Float64, valid: Float64, squares: Float64) -> None:
        where = weights.window.slices
        self.area[where] += _sum_rows(weights.rows, valid) @ weights.cols.T
        self.first[where] += _sum_rows(weights.rows, values) @ weights.cols.T
        self.second[where] += _sum_rows(weights.rows, squares) @ weights.cols.T
        self.n[where] += _sum_rows(weights.centre_rows, valid) @ weights.centre_cols.T

    def cells(self, grid: Grid, total: float) -> Cells:
        empty = self.area <= 0
        area = np.where(empty, np.nan, self.area)
        mean = self.first / area
        variance = np.maximum(self.second / area - mean**2, 0.0)
        return Cells(
            mean=mean,
            sd_within=np.sqrt(variance),
            coverage=np.minimum(self.area / grid.pixel_m**2, 1.0),
            n=self.n,
            total=total,
        )


def conservation_error(cells: Cells, grid: Grid) -> float:
    """Relative difference between the sum over the cells, as they are written in float32, and that over the pixels."""
    mean = np.nan_to_num(cells.mean.astype(np.float32).astype(np.float64))
    coverage = cells.coverage.astype(np.float32).astype(np.float64)
    written = float((mean * coverage).sum()) * grid.pixel_m**2
    return abs(written - cells.total) / max(abs(cells.total), 1e-12)
