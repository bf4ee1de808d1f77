"""Slope and aspect of satellite cells, from the flight's terrain model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Block, Grid
from uav_workflow.rasters.reader import Raster

Float64 = NDArray[np.float64]

POINTS_A_SIDE = 64
"""Heights a cell's side that are read; a plane has three parameters."""
LEAST_POINTS = 10
LEAST_SCATTER = 1e-3
"""Determinant of the heights' places, in cells^4, below which they lie too near a line (1/144 over a whole cell)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terrain:
    """A plane through the measured heights of every cell; float64 (rows, columns), NaN where there are too few.

    Attributes
    ----------
    elevation : array
        Mean height, metres, in the flight's vertical reference.
    slope : array
        Degrees.
    aspect : array
        Direction of the steepest descent, degrees clockwise from the grid's north.
    """

    elevation: Float64
    slope: Float64
    aspect: Float64


def cell_terrain(path: Path, grid: Grid) -> Terrain:
    """Fit a plane to the heights centred in each cell, by least squares.

    Parameters
    ----------
    path : Path
        Terrain model, first band in metres; read block by block.
    grid : Grid
        Cells, in any projected CRS.
    """
    count = grid.height * grid.width
    sums = np.zeros((9, count))
    with Raster(path) as raster:
        step = max(1, int(grid.pixel_m / raster.grid.pixel_m / POINTS_A_SIDE))
        datum = math.nan
        for block in raster.grid.blocks():
            heights = raster.read(block, (raster.bands[0],))[0][::step, ::step].astype(np.float64)
            measured = np.isfinite(heights)
            if not measured.any():
                continue
            if math.isnan(datum):
                datum = float(heights[measured][0])
            z = heights[measured] - datum
            col, row = _places(raster.grid, block, step, measured, grid)
            cell, inside = _cell(row, col, grid)
            u, v, z = col[inside] % 1.0 - 0.5, 0.5 - row[inside] % 1.0, z[inside]
            terms = (np.ones_like(u), u, v, u * u, u * v, v * v, z, u * z, v * z)
            sums += np.stack([np.bincount(cell[inside], term, minlength=count) for term in terms])
    return _planes(sums, datum, grid)


def _places(raster: Grid, block: Block, step: int, measured: NDArray[np.bool_], grid: Grid) -> tuple[Float64, Float64]:
    """Column and row, in cells, of the measured pixels' centres."""
    window = raster.window(block)
    x = window.x_min + (np.arange(block.width)[::step] + 0.5) * raster.pixel_m
    y = window.y_max - (np.arange(block.height)[::step] + 0.5) * raster.pixel_m
    east, north = (side[measured] for side in np.meshgrid(x, y))
    if raster.crs != grid.crs:
        from pyproj import Transformer

        east, north = Transformer.from_crs(raster.crs, grid.crs, always_xy=True).transform(east, north)
    return (east - grid.x_min) / grid.pixel_m, (grid.y_max - north) / grid.pixel_m


def _cell(row: Float64, col: Float64, grid: Grid) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    rows, cols = np.floor(row).astype(np.int64), np.floor(col).astype(np.int64)
    inside = (rows >= 0) & (rows < grid.height) & (cols >= 0) & (cols < grid.width)
    return rows * grid.width + cols, inside


def _planes(sums: Float64, datum: float, grid: Grid) -> Terrain:
    n = np.where(sums[0] >= LEAST_POINTS, sums[0], np.nan)
    u, v, uu, uv, vv, z, uz, vz = sums[1:] / n
    uu, uv, vv, uz, vz = uu - u * u, uv - u * v, vv - v * v, uz - u * z, vz - v * z
    scatter = uu * vv - uv * uv
    scatter[~(scatter > LEAST_SCATTER)] = np.nan
    east = (uz * vv - vz * uv) / scatter / grid.pixel_m
    north = (vz * uu - uz * uv) / scatter / grid.pixel_m
    level = np.hypot(east, north) == 0
    aspect = np.where(level, np.nan, np.degrees(np.arctan2(-east, -north)) % 360.0)
    return Terrain(
        elevation=(z + datum).reshape(grid.shape),
        slope=np.degrees(np.arctan(np.hypot(east, north))).reshape(grid.shape),
        aspect=aspect.reshape(grid.shape),
    )
