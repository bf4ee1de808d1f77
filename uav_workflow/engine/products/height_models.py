"""Surface and terrain model on the grid that was asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Block, Grid
from uav_workflow.engine.scratch import release
from uav_workflow.rasters.writer import cog

Float32 = NDArray[np.float32]

NODATA = -9999.0
"""Nodata of ODM's height models."""


def native_cell_m(wanted_m: float, gsd_m: float) -> float:
    """Cell on which to compute a surface that is wanted at ``wanted_m``.

    The nearest to two ground sample distances that is a whole multiple of the wanted cell, or divides it.
    """
    if wanted_m <= 2 * gsd_m:
        return wanted_m * max(1, round(2 * gsd_m / wanted_m))
    return wanted_m / math.floor(wanted_m / (2 * gsd_m))


def wanted_grid(native: Grid, cell_m: float) -> Grid:
    """Grid of a cell that is a multiple or a whole part of the native one, from the same corner, covering it."""
    return Grid(
        native.crs,
        native.x_min,
        native.y_max,
        cell_m,
        math.ceil(native.width * native.pixel_m / cell_m - 1e-6),
        math.ceil(native.height * native.pixel_m / cell_m - 1e-6),
    )


class RegriddedHeights:
    """Heights seen on a finer or coarser grid that nests with theirs, block by block.

    Finer: bilinear between cell centres; coarser: mean. Only cells that are known take part, and where less than
    half of the weight is known the result is NaN.

    Parameters
    ----------
    heights : (rows, columns) float32
        On `native`, NaN where unknown.
    """

    def __init__(self, heights: Float32, native: Grid, grid: Grid) -> None:
        self._heights = heights
        self._finer = round(native.pixel_m / grid.pixel_m) if native.pixel_m >= grid.pixel_m else 0
        self._coarser = round(grid.pixel_m / native.pixel_m) if self._finer == 0 else 1

    def read(self, block: Block) -> Float32:
        """Heights of a block of the wanted grid."""
        if self._finer == 1:
            rows, cols = block.slices
            return np.array(self._heights[rows, cols])
        return self._averaged(block) if self._finer == 0 else self._interpolated(block)

    def _averaged(self, block: Block) -> Float32:
        step = self._coarser
        source = self._heights[
            block.row * step : (block.row + block.height) * step, block.col * step : (block.col + block.width) * step
        ]
        padding = (block.height * step - source.shape[0], block.width * step - source.shape[1])
        cells = np.pad(source, ((0, padding[0]), (0, padding[1])), constant_values=np.nan)
        cells = cells.reshape(block.height, step, block.width, step)
        known = np.isfinite(cells)
        count = known.sum(axis=(1, 3))
        total = np.where(known, cells, 0).sum(axis=(1, 3), dtype=np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(count * 2 >= step * step, total / count, np.nan).astype(np.float32)

    def _interpolated(self, block: Block) -> Float32:
        step = self._finer
        row0, col0 = block.row // step, block.col // step
        row1, col1 = -(-(block.row + block.height) // step), -(-(block.col + block.width) // step)
        # one cell around, so that a block's border is interpolated like its inside
        rows = np.clip(np.arange(row0 - 1, row1 + 1), 0, self._heights.shape[0] - 1)
        cols = np.clip(np.arange(col0 - 1, col1 + 1), 0, self._heights.shape[1] - 1)
        source = self._heights[np.ix_(rows, cols)]
        known = np.isfinite(source).astype(np.float32)
        # heights relative to a level near them keep float32 exact to below a millimetre
        level = np.float32(np.nanmedian(source)) if known.any() else np.float32(0)
        size = (source.shape[1] * step, source.shape[0] * step)
        weight = cv2.resize(known, size, interpolation=cv2.INTER_LINEAR)
        values = cv2.resize(np.where(known > 0, source - level, np.float32(0)), size, interpolation=cv2.INTER_LINEAR)
        with np.errstate(invalid="ignore", divide="ignore"):
            fine = np.where(weight >= 0.5, values / weight + level, np.nan).astype(np.float32)
        top, left = block.row - (row0 - 1) * step, block.col - (col0 - 1) * step
        return np.asarray(fine[top : top + block.height, left : left + block.width])


def write_heights(path: Path, heights: Float32, native: Grid, grid: Grid, *, report: Callable[[float], None]) -> None:
    """Write a height model in ODM's form: float32 metres, nodata -9999; the band is named like the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    view = RegriddedHeights(heights, native, grid)
    blocks = list(grid.blocks())
    with cog(path, grid, [path.stem], nodata=NODATA, units=["m"]) as raster:
        for done, block in enumerate(blocks, start=1):
            values = view.read(block)
            raster.write(block, np.where(np.isfinite(values), values, np.float32(NODATA)))
            release(heights)
            report(done / len(blocks))


def write_interpolated(path: Path, measured: Float32, filled: Float32, native: Grid, grid: Grid) -> None:
    """Write where a surface has a height that was not measured: 1 filled inside, 0 measured or outside."""
    path.parent.mkdir(parents=True, exist_ok=True)
    views = RegriddedHeights(measured, native, grid), RegriddedHeights(filled, native, grid)
    with cog(path, grid, ["interpolated"], dtype="uint8", nodata=None, overviews="mode") as raster:
        for block in grid.blocks():
            raster.write(block, (np.isnan(views[0].read(block)) & np.isfinite(views[1].read(block))).astype(np.uint8))
            release(measured, filled)
