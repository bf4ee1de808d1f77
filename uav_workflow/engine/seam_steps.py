"""How far seams show: steps in brightness across them, beside the steps inside the pieces they join."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from uav_workflow.domain.grid import Block

_GAP, _SIDE = 4, 5
"""Pixels beside a seam left out, where it wanders and detail is mixed; pixels behind them that are compared."""
_REACH = _GAP + _SIDE
_PIECE = 128
"""Seams are measured in pieces, cut by squares of so many pixels: texture averages out along them, light does not."""
_FEWEST = 40
"""Rows of a piece at least."""
_BLOCK = 8 * _PIECE

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeamSteps:
    """Steps in the mosaic's own values; medians over pieces of seam of about a hundred pixels.

    Attributes
    ----------
    across, inside : float
        Step over seams, and over lines of the same course a little inside the pieces of mosaic; NaN without seams.
    excess : float
        What the seams add: root of the difference of the squares, 0 when they step no more than texture does.
    pieces : int
        Pieces of seam that were measured.
    """

    across: float
    inside: float
    excess: float
    pieces: int


def seam_steps(orthomosaic: Path, source_index: Path) -> SeamSteps:
    """Median step across the seams of a mosaic.

    A step is the mean of `_SIDE` pixels on one side less that on the other, in the mean of all bands; it is counted
    where all of one side comes from one source and all of the other from another, and averaged with its sign along each
    piece of the seam between two sources. Lines beside the seam, wholly within one source, tell what texture does.

    Parameters
    ----------
    orthomosaic, source_index : Path
        On one grid; alpha last in the first.

    Raises
    ------
    rasterio.errors.RasterioIOError
        A file can't be read.
    """
    across: list[float] = []
    inside: list[float] = []
    with rasterio.open(orthomosaic) as colours, rasterio.open(source_index) as indexes:
        for window in _windows(colours.height, colours.width):
            source = indexes.read(1, window=window).astype(np.int32)
            if source.max() == 0:
                continue
            bands = list(range(1, colours.count))
            grey = colours.read(bands, window=window, out_dtype="float32").mean(axis=0)
            for turned in (False, True):
                over, within = _pieces(grey.T if turned else grey, source.T if turned else source)
                across += over
                inside += within
    if not across:
        return SeamSteps(across=float("nan"), inside=float("nan"), excess=float("nan"), pieces=0)
    step, usual = float(np.median(across)), float(np.median(inside)) if inside else 0.0
    excess = float(np.sqrt(max(step**2 - usual**2, 0.0)))
    return SeamSteps(across=step, inside=usual, excess=excess, pieces=len(across))


def _windows(height: int, width: int) -> Iterator[Window]:
    for row in range(0, height, _BLOCK):
        for col in range(0, width, _BLOCK):
            block = Block(row, col, min(_BLOCK, height - row), min(_BLOCK, width - col))
            yield Window(block.col, block.row, block.width, block.height)


def _pieces(grey: Float32, source: Int32) -> tuple[list[float], list[float]]:
    """Steps between columns: of every piece of seam, and of the lines `2 * _REACH` pixels to its left and right."""
    columns = source.shape[1]
    count = columns - 2 * _REACH + 1
    if count <= 4 * _REACH:
        return [], []
    left, left_same = _strip(grey, source, 0, count)
    right, right_same = _strip(grey, source, _REACH + _GAP, count)
    a, b = source[:, :count], source[:, 2 * _REACH - 1 : 2 * _REACH - 1 + count]
    pure = left_same & right_same & (a > 0) & (b > 0) & np.isfinite(left + right)
    seam = pure & (a != b)
    over = _means(seam, right - left, a, b)
    within = []
    for shift in (-2 * _REACH, 2 * _REACH):
        beside = np.zeros_like(seam)
        if shift < 0:
            beside[:, :shift] = seam[:, -shift:]
        else:
            beside[:, shift:] = seam[:, :-shift]
        within += _means(beside & pure & (a == b), right - left, a, b)
    return over, within


def _strip(grey: Float32, source: Int32, first: int, count: int) -> tuple[Float32, NDArray[np.bool_]]:
    """Means of `_SIDE` pixels from column ``first`` on, and whether all of them have one source."""
    total = np.zeros((len(grey), count), np.float32)
    same: NDArray[np.bool_] = np.ones((len(grey), count), np.bool_)
    start = source[:, first : first + count]
    for k in range(_SIDE):
        total += grey[:, first + k : first + k + count]
        same &= source[:, first + k : first + k + count] == start
    return np.asarray(total / _SIDE, np.float32), same


def _means(chosen: NDArray[np.bool_], step: Float32, a: Int32, b: Int32) -> list[float]:
    """Absolute mean step of each piece: same pair of sources, same square."""
    rows, columns = np.nonzero(chosen)
    if not len(rows):
        return []
    keys = np.stack([a[chosen], b[chosen], rows // _PIECE, columns // _PIECE], axis=1)
    _, piece = np.unique(keys, axis=0, return_inverse=True)
    piece = piece.ravel()
    # the same row is met at several columns while the seam lies in the gap: rows tell the length
    length = np.bincount(np.unique(piece * (rows.max() + 1) + rows) // (rows.max() + 1), minlength=piece.max() + 1)
    mean = np.bincount(piece, step[chosen]) / np.bincount(piece)
    return [float(value) for value in np.abs(mean)[length >= _FEWEST]]
