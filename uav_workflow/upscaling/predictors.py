"""What the satellite saw of every cell: bands, indices, terrain, on one grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from uav_workflow.domain.grid import Block
from uav_workflow.errors import RasterError, UsageError
from uav_workflow.rasters.reader import Raster
from uav_workflow.upscaling.relief import RELIEF, Relief
from uav_workflow.vegetation.indices import Index, find_index

Stack = NDArray[np.float32]

_TILE = 256
_ON_CENTRE = 1e-6
"""Share of a pixel by which a centre may be off through rounding alone."""


class PredictorStack:
    """Rasters on one grid, read together; a context manager, not shared between threads.

    Attributes
    ----------
    grid : Grid
    names : tuple of str
        Bands of the files in their order, then indices, terrain, and the bands' surroundings.
    signal : tuple of str
        Bands and their surroundings: what a trend may carry beyond the cells learnt from. How terrain and what grows go
        together holds where it was seen.

    Raises
    ------
    RasterError
        A file can't be read, or lies on another grid than the first.
    UsageError
        A band stands in two files, the stack is not in metres, an index lacks a band, or surroundings are of an even
        number of pixels.
    RecipeError
        An unknown index.
    """

    def __init__(
        self,
        files: Sequence[Path],
        *,
        indices: Sequence[str] = (),
        terrain: Path | None = None,
        renamed: Mapping[str, str] | None = None,
        surroundings: int = 0,
    ) -> None:
        if surroundings and (surroundings < 3 or surroundings % 2 == 0):
            raise UsageError(f"--surroundings {surroundings}: give 3, 5, 7 … pixels, a pixel and as many on every side")
        self._around = surroundings // 2
        with ExitStack() as opened:
            self._rasters = [opened.enter_context(Raster(path)) for path in files]
            self.grid = self._rasters[0].grid
            _refuse_other_grids(self._rasters)
            self._bands = [tuple((renamed or {}).get(band, band) for band in raster.bands) for raster in self._rasters]
            names = [band for bands in self._bands for band in bands]
            if twice := sorted({name for name in names if names.count(name) > 1}):
                text = f"band {', '.join(twice)} stands in the predictors more than once"
                raise UsageError(f"{text}; give each band a name of its own")
            if unknown := sorted(set((renamed or {}).values()) - set(names)):
                raise UsageError(f"--band: the predictors have no band that becomes {', '.join(unknown)}")
            self._indices = [_index(name, names) for name in indices]
            self._relief = None if terrain is None else opened.enter_context(Relief(terrain, self.grid))
            around = [f"{name}_{surroundings}x{surroundings}" for name in names] if surroundings else []
            self.names = (*names, *indices, *(() if terrain is None else RELIEF), *around)
            self.signal = (*names, *around)
            self._opened = opened.pop_all()

    def __enter__(self) -> PredictorStack:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def read(self, block: Block) -> Stack:
        """Values as float32 (predictors, rows, columns), NaN where unknown."""
        wide, inner = self._with_margin(block)
        own = wide[:, *inner]
        named = {name.lower(): plane for name, plane in zip(self.names, own, strict=False)}
        planes = [*own, *(index.compute({band: named[band] for band in index.bands})[0] for index in self._indices)]
        if self._relief is not None:
            planes += list(self._relief.read(block))
        if self._around:
            for one, plane in zip(own, wide, strict=True):
                mean = mean_of_known(plane, 2 * self._around + 1)[inner]
                planes.append(np.where(np.isfinite(one), mean, np.float32(np.nan)))
        return np.stack(planes)

    def _with_margin(self, block: Block) -> tuple[Stack, tuple[slice, slice]]:
        """Bands of a block and of the pixels around it that its surroundings need, and where the block lies in them."""
        top, left = max(block.row - self._around, 0), max(block.col - self._around, 0)
        down = min(block.row + block.height + self._around, self.grid.height)
        right = min(block.col + block.width + self._around, self.grid.width)
        wide = np.concatenate([raster.read(Block(top, left, down - top, right - left)) for raster in self._rasters])
        row, col = block.row - top, block.col - left
        return wide, (slice(row, row + block.height), slice(col, col + block.width))

    def offsets(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
        """How far places lie from the nearest pixel centre, in pixels: the larger of the two axes, 0 - 0.5."""
        column, row = self._places(x, y)
        return np.maximum(np.abs(column - np.round(column)), np.abs(row - np.round(row)))

    def at(self, x: ArrayLike, y: ArrayLike) -> Stack:
        """Area-weighted mean over cells of one pixel's size with their centres at the given places.

        For a box of one pixel this is bilinear interpolation; for cells on the grid it is the pixel itself.

        Parameters
        ----------
        x, y : (n,) metres, CRS of the grid

        Returns
        -------
        float32 (n, predictors)
            NaN outside the stack, and where a pixel that counts is unknown.
        """
        column, row = self._places(x, y)
        left, top = (np.floor(side + _ON_CENTRE).astype(np.int64) for side in (column, row))
        found = np.full((left.size, len(self.names)), np.nan, np.float32)
        right, down = (np.where(part < _ON_CENTRE, 0.0, part) for part in (column - left, row - top))
        inside = (left >= 0) & (top >= 0) & (left + (right > 0) < self.grid.width)
        inside &= top + (down > 0) < self.grid.height
        tiles = np.stack([top // _TILE, left // _TILE], axis=1)
        for tile in np.unique(tiles[inside], axis=0):
            ones = np.flatnonzero(inside & (tiles == tile).all(axis=1))
            found[ones] = self._within(top[ones], left[ones], down[ones], right[ones])
        return found

    def _places(self, x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Column and row of places; whole at pixel centres."""
        grid = self.grid
        column = (np.asarray(x, np.float64) - grid.x_min) / grid.pixel_m - 0.5
        return column, (grid.y_max - np.asarray(y, np.float64)) / grid.pixel_m - 0.5

    def _within(
        self, top: NDArray[np.int64], left: NDArray[np.int64], down: NDArray[np.float64], right: NDArray[np.float64]
    ) -> Stack:
        """Cells of one tile."""
        row, col = int(top.min()), int(left.min())
        height = min(int(top.max()) + 2, self.grid.height) - row
        width = min(int(left.max()) + 2, self.grid.width) - col
        planes = self.read(Block(row, col, height, width))
        total = np.zeros((len(self.names), top.size))
        for below, share_y in ((0, 1 - down), (1, down)):
            for beside, share_x in ((0, 1 - right), (1, right)):
                share = share_y * share_x
                rows = np.minimum(top - row + below, height - 1)
                part = planes[:, rows, np.minimum(left - col + beside, width - 1)]
                total += np.where(share > 0, part * share, 0.0)
        return total.T.astype(np.float32)


def mean_of_known(plane: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Mean over the known pixels of a square of ``side`` pixels around each, cut off at the borders."""
    from scipy.ndimage import uniform_filter

    known = np.isfinite(plane)
    total = uniform_filter(np.where(known, plane, 0.0).astype(np.float64), side, mode="constant")
    share = uniform_filter(known.astype(np.float64), side, mode="constant")
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(share > 0.5 / side**2, total / share, np.nan).astype(np.float32)


def _refuse_other_grids(rasters: Sequence[Raster]) -> None:
    from pyproj import CRS

    first = rasters[0]
    if not CRS.from_user_input(first.grid.crs).is_projected:
        raise UsageError(f"{first.path}: its CRS is in degrees; warp the predictors to a grid in metres first")
    for raster in rasters[1:]:
        # a corner within a thousandth of a pixel is the same corner
        near = np.allclose(
            (raster.grid.x_min, raster.grid.y_max, raster.grid.pixel_m),
            (first.grid.x_min, first.grid.y_max, first.grid.pixel_m),
            rtol=0,
            atol=1e-3 * first.grid.pixel_m,
        )
        if not near or replace(raster.grid, x_min=0, y_max=0, pixel_m=1) != replace(
            first.grid, x_min=0, y_max=0, pixel_m=1
        ):
            raise RasterError(f"{raster.path}: lies on another grid than {first.path}; warp it onto that grid first")


def _index(name: str, bands: Sequence[str]) -> Index:
    index = find_index(name)
    if missing := [band for band in index.bands if band not in [each.lower() for each in bands]]:
        have = ", ".join(bands)
        raise UsageError(
            f"--index {name} needs a band {', '.join(missing)}; the predictors have {have}. Say which is which with "
            f"--band {missing[0]}=NAME"
        )
    return index
