"""Pixels of a whole flight with their neighbours: what a cover method is fitted on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Block, Grid
from uav_workflow.rasters.reader import Raster

FloatArray = NDArray[np.float32]

REACH = 3
"""Pixels from a sampled pixel to its eight neighbours: a patch of seven pixels a side is looked at."""
PARTS = 8
"""The flight is parted into so many rows and columns, which a bootstrap draws."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverSample:
    """Pooled pixels.

    Attributes
    ----------
    bands : tuple of str
    values : float32 (bands, 9, n)
        The pixel (first of the nine) and its neighbours `REACH` pixels away; no missing values.
    close : float32 (bands, 9, n)
        The pixel and its neighbours that touch it.
    part : int64 (n,)
        Part of the flight the pixel is from.
    """

    bands: tuple[str, ...]
    values: FloatArray
    close: FloatArray
    part: NDArray[np.int64]

    @property
    def n(self) -> int:
        """Pixels."""
        return len(self.part)

    def planes(self, bands: tuple[str, ...]) -> FloatArray:
        """Values (bands, 9, n) of some bands, in order."""
        rows = [self.bands.index(band) for band in bands]
        return self.values[rows]

    def close_planes(self, bands: tuple[str, ...]) -> FloatArray:
        """Values (bands, 9, n) of some bands of pixels that touch, in order."""
        return self.close[[self.bands.index(band) for band in bands]]

    def drawn_again(self, times: int, seed: int = 1) -> Iterator[NDArray[np.int64]]:
        """Pixels of parts of the flight drawn with replacement, so many times: neighbours stay together."""
        draw = np.random.default_rng(seed)
        members = np.split(np.argsort(self.part, kind="stable"), np.cumsum(np.bincount(self.part))[:-1])
        parts = [each for each in members if each.size]
        for _ in range(times):
            yield np.concatenate([parts[k] for k in draw.integers(0, len(parts), len(parts))])


def pooled_sample(source: Raster, bands: tuple[str, ...], wanted: int) -> CoverSample:
    """About ``wanted`` pixels of every block on a lattice, its corner drawn at random per block.

    Parameters
    ----------
    bands : tuple of str
        Names in the raster; lower case in the sample.
    """
    step = max(1, math.isqrt(source.grid.width * source.grid.height // max(wanted, 1)))
    draw = np.random.default_rng(0)
    none = np.zeros((len(bands), 9, 0), np.float32)
    values, close, parts = [none], [none], [np.zeros(0, np.int64)]
    for block in source.grid.blocks():
        corner = draw.integers(0, step, size=2)
        planes = source.read(block, bands)
        rows, cols = np.arange(corner[0], planes.shape[1], step), np.arange(corner[1], planes.shape[2], step)
        row, col = (each.ravel() for each in np.meshgrid(rows, cols, indexing="ij"))
        far, near = _with_neighbours(planes, row, col, REACH), _with_neighbours(planes, row, col, 1)
        whole = np.isfinite(far).all(axis=(0, 1)) & np.isfinite(near).all(axis=(0, 1))
        values.append(far[:, :, whole])
        close.append(near[:, :, whole])
        parts.append(_part(source, block, row[whole], col[whole]))
    return CoverSample(
        bands=tuple(band.lower() for band in bands),
        values=np.concatenate(values, axis=2),
        close=np.concatenate(close, axis=2),
        part=np.concatenate(parts),
    )


def _with_neighbours(planes: FloatArray, row: NDArray[np.int64], col: NDArray[np.int64], reach: int) -> FloatArray:
    """Values (bands, 9, n) of pixels and of their neighbours ``reach`` pixels away; edges repeat."""
    shifts = [(0, 0), *((dr, dc) for dr in (-reach, 0, reach) for dc in (-reach, 0, reach) if (dr, dc) != (0, 0))]
    taken = [
        planes[:, (row + dr).clip(0, planes.shape[1] - 1), (col + dc).clip(0, planes.shape[2] - 1)] for dr, dc in shifts
    ]
    return np.stack(taken, axis=1)


def _part(source: Raster, block: Block, row: NDArray[np.int64], col: NDArray[np.int64]) -> NDArray[np.int64]:
    down = (block.row + row) * PARTS // source.grid.height
    across = (block.col + col) * PARTS // source.grid.width
    return down * PARTS + across


def widened(block: Block, grid: Grid, halo: int) -> tuple[Block, tuple[slice, slice]]:
    """Block with a ring of ``halo`` pixels as far as the grid goes, and where the block lies in it."""
    row, col = max(0, block.row - halo), max(0, block.col - halo)
    end_row, end_col = (
        min(grid.height, block.row + block.height + halo),
        min(grid.width, block.col + block.width + halo),
    )
    top, left = block.row - row, block.col - col
    inner = (slice(top, top + block.height), slice(left, left + block.width))
    return Block(row, col, end_row - row, end_col - col), inner
