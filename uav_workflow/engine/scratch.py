"""Grids larger than memory: arrays in nameless files, worked strip by strip."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

SMALL_BYTES = 16 << 20
"""Arrays up to this size stay in memory: a file would only cost time."""
STRIP_CELLS = 4_000_000
"""Cells of a strip, its halo not counted."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """Where large arrays lie.

    The files have no name: their space is free again when the array is gone, however the process ends.

    Attributes
    ----------
    folder : Path or None
        Folder on a disk with room; the system's folder for temporary files when None.
    """

    folder: Path | None = None

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """Array of this shape, its values not set (a file's are 0).

        Raises
        ------
        OSError
            The disk has no room for it: said now, not by a bus error while the array is written.
        """
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if size <= SMALL_BYTES:
            return np.empty(shape, dtype)
        with tempfile.TemporaryFile(prefix="uav-scratch-", dir=self.folder) as file:
            os.posix_fallocate(file.fileno(), 0, size)
            mapped = mmap.mmap(file.fileno(), size)
        return np.frombuffer(mapped, dtype).reshape(shape)

    def full(self, shape: tuple[int, ...], value: float, dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """Array of this shape with one value everywhere."""
        array = self.empty(shape, dtype)
        for strip in strips(shape):
            array[strip.rows] = value
            release(array)
        return array


def release(*arrays: NDArray[Any]) -> None:
    """Let go of the memory that arrays in files hold at the moment; their values stay. Other arrays are left alone.

    Pages of a mapped file count as the process's memory from their first use on: after each strip they are handed
    back, or a process would seem (and, on a full machine, be) as large as its grids.
    """
    for array in arrays:
        owner: object = array
        while isinstance(owner, np.ndarray):
            owner = owner.base
        if isinstance(owner, memoryview):
            owner = owner.obj
        if isinstance(owner, mmap.mmap):
            owner.madvise(mmap.MADV_DONTNEED)


@dataclass(frozen=True, slots=True)
class Strip:
    """Full rows ``[first, last)`` of a grid, and ``[top, bottom)`` with a halo around them, cut at the border."""

    first: int
    last: int
    top: int
    bottom: int

    @property
    def rows(self) -> slice:
        """The strip's own rows."""
        return slice(self.first, self.last)

    @property
    def wide(self) -> slice:
        """Its rows with the halo."""
        return slice(self.top, self.bottom)

    @property
    def inner(self) -> slice:
        """Its own rows, counted from the first row of the halo."""
        return slice(self.first - self.top, self.last - self.top)


def strips(shape: tuple[int, ...], halo: int = 0, multiple: int = 1, cells: int = STRIP_CELLS) -> Iterator[Strip]:
    """Strips that cover a grid of this shape once; they begin on rows that are a multiple of ``multiple``."""
    rows, columns = shape[0], max(1, shape[1])
    height = max(1, cells // columns // multiple) * multiple
    for first in range(0, rows, height):
        last = min(rows, first + height)
        yield Strip(first, last, max(0, first - halo), min(rows, last + halo))
