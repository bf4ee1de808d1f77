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
            if (source[source > 0] == source.max()).all():
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
    seam = (source[:, :-1] != source[:, 1:]) & (source[:, :-1] > 0) & (source[:, 1:] > 0)
    rows, columns = np.nonzero(seam)
    over = _means(grey, source, rows, columns)
    beside = [_means(grey, source, rows, columns + shift, within=True) for shift in (-2 * _REACH, 2 * _REACH)]
    return over, [step for steps in beside for step in steps]


def _means(
    grey: Float32, source: Int32, rows: NDArray[np.int64], columns: NDArray[np.int64], *, within: bool = False
) -> list[float]:
    """Absolute mean step of each piece of a line between columns: same pair of sources, same square."""
    fits = (columns >= _REACH - 1) & (columns + _REACH < source.shape[1])
    rows, columns = rows[fits], columns[fits]
    strip = np.arange(_SIDE)
    left = columns[:, None] - _REACH + 1 + strip
    right = columns[:, None] + _GAP + 1 + strip
    a, b = source[rows[:, None], left], source[rows[:, None], right]
    pure = (a == a[:, :1]).all(axis=1) & (b == b[:, :1]).all(axis=1) & (a[:, 0] > 0) & (b[:, 0] > 0)
    pure &= (a[:, 0] == b[:, 0]) == within
    step = grey[rows[:, None], right].mean(axis=1) - grey[rows[:, None], left].mean(axis=1)
    pure &= np.isfinite(step)
    if not pure.any():
        return []
    keys = np.stack([a[:, 0], b[:, 0], rows // _PIECE, columns // _PIECE], axis=1)[pure]
    piece = np.unique(keys, axis=0, return_inverse=True)[1].ravel()
    length = np.bincount(piece)
    mean = np.bincount(piece, step[pure]) / length
    return [float(value) for value in np.abs(mean)[length >= _FEWEST]]
