"""Many pairs' heights to one surface, block by block from disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_workflow.compiled import compiled
from uav_workflow.engine.scratch import Scratch, release, strips
from uav_workflow.engine.surface.dense import PairHeights
from uav_workflow.engine.surface.views import Float32

REACH = 3
"""Cells around a lonely one that are asked."""
_TOP, _USUAL, _BACKED = 8, 16, 0.4
"""Cells around a top where its foot is looked for, and the usual number of estimates; the share of it a top needs."""
BLOCK_CELLS = 24_000_000
"""Heights held at once while fusing (four bytes each)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    path: Path
    row: int
    col: int
    shape: tuple[int, int]
    sigma: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fused:
    """A fused surface, arrays (rows, columns).

    Attributes
    ----------
    heights, spread : float32
        Height and standard deviation of the estimates that agree, metres; NaN in holes.
    views : uint8
        Number of these estimates.
    """

    heights: Float32
    views: NDArray[np.uint8]
    spread: Float32

    def drop(self, cells: NDArray[np.bool_], rows: slice) -> None:
        """Make holes of these cells of some rows, in place."""
        self.heights[rows][cells] = np.nan
        self.spread[rows][cells] = np.nan
        self.views[rows][cells] = 0

    def release(self) -> None:
        """Let go of the memory the arrays hold."""
        release(self.heights, self.views, self.spread)


class HeightSpool:
    """Pair heights parked on disk until all are there: memory stays bounded whatever the number of pairs."""

    def __init__(self, folder: Path, scratch: Scratch) -> None:
        self._folder, self._scratch = folder, scratch
        self._windows: list[_Window] = []

    def add(self, pair: PairHeights) -> None:
        """Park one pair's heights."""
        path = self._folder / f"{len(self._windows)}.npy"
        np.save(path, pair.heights)
        self._windows.append(_Window(path=path, row=pair.row, col=pair.col, shape=pair.heights.shape, sigma=pair.sigma))

    def fuse(self, shape: tuple[int, int], fewest: int) -> Fused:
        """Fuse on a grid of this shape.

        The mode of the estimates, not their mean: at a wall or a stem they fall into two groups, and a mean lies in
        the air between. Within the largest group (the higher of two equal ones) precise pairs weigh more.

        Parameters
        ----------
        fewest : int
            Cells with fewer agreeing estimates stay NaN.
        """
        fused = Fused(
            heights=self._scratch.full(shape, np.nan),
            views=self._scratch.full(shape, 0, np.uint8),
            spread=self._scratch.full(shape, np.nan),
        )
        for strip in strips(shape, cells=BLOCK_CELLS // max(1, min(len(self._windows), 24))):
            stack, sigmas = self._stack(strip.first, strip.last, shape[1])
            if len(stack):
                rows = strip.rows
                _fuse_cells(stack, sigmas, fewest, fused.heights[rows], fused.views[rows], fused.spread[rows])
                fused.release()
        return fused

    def _stack(self, first: int, last: int, columns: int) -> tuple[Float32, Float32]:
        """Heights (layers, rows, columns) with windows that do not overlap sharing a layer, and a sigma a cell."""
        parts = [w for w in self._windows if w.row < last and w.row + w.shape[0] > first]
        layers: list[Float32] = []
        precisions: list[Float32] = []
        ends: list[list[tuple[int, int]]] = []
        for window in parts:
            span = (window.col, window.col + window.shape[1])
            for k, taken in enumerate(ends):  # noqa: B007 - k is read after the loop
                if all(span[1] <= a or span[0] >= b for a, b in taken):
                    break
            else:
                k = len(layers)
                layers.append(np.full((last - first, columns), np.nan, np.float32))
                precisions.append(np.ones(columns, np.float32))
                ends.append([])
            ends[k].append(span)
            stored = np.load(window.path, mmap_mode="r")
            top, bottom = max(first, window.row), min(last, window.row + window.shape[0])
            part = stored[top - window.row : bottom - window.row]
            layers[k][top - first : bottom - first, span[0] : span[1]] = part
            precisions[k][span[0] : span[1]] = window.sigma
        if not layers:
            return np.empty((0, 0, 0), np.float32), np.empty((0, 0), np.float32)
        return np.stack(layers), np.stack(precisions)


def drop_speckles(fused: Fused, cell: float, noise: float) -> None:
    """Drop cells that few estimates back and that stand off most measured cells around them: false matches. In place.

    Parameters
    ----------
    noise : float
        Height noise of a cell, metres; steeper than the viewing geometry allows counts as standing off.
    """
    pending: tuple[NDArray[np.bool_], slice] | None = None
    for strip in strips(fused.heights.shape, halo=REACH):
        lonely = np.zeros(fused.heights[strip.wide].shape, np.bool_)
        _find_lonely(fused.heights[strip.wide], fused.views[strip.wide], lonely, cell, noise)
        # a strip is judged before the one above it loses cells
        if pending is not None:
            fused.drop(*pending)
        pending = lonely[strip.inner], strip.rows
        fused.release()
    if pending is not None:
        fused.drop(*pending)


def drop_doubtful_tops(fused: Fused, cell: float) -> None:
    """Drop cells on the upper side of a step that few estimates back, in place.

    Nothing hides a top, so many pairs see it. Beside a wall, in its shadow, what few pairs see is often matched at the
    height of the wall's top.
    """
    halo = max(_TOP, _USUAL)
    pending: tuple[NDArray[np.bool_], slice] | None = None
    around = np.ones((2 * _TOP + 1, 2 * _TOP + 1), np.uint8)
    for strip in strips(fused.heights.shape, halo=halo):
        heights = fused.heights[strip.wide]
        views = fused.views[strip.wide].astype(np.float32)
        lowest = cv2.erode(np.nan_to_num(heights, nan=np.inf), around)
        usual = cv2.boxFilter(views, -1, (2 * _USUAL + 1, 2 * _USUAL + 1), borderType=cv2.BORDER_REFLECT)
        with np.errstate(invalid="ignore"):
            doubtful = (heights - lowest > 10 * cell) & (views < _BACKED * usual)
        if pending is not None:
            fused.drop(*pending)
        pending = doubtful[strip.inner], strip.rows
        fused.release()
    if pending is not None:
        fused.drop(*pending)


@compiled
def _find_lonely(
    heights: Float32, views: NDArray[np.uint8], lonely: NDArray[np.bool_], cell: float, noise: float
) -> None:
    """A cell with one or two estimates needs a dozen, and half, of the measured cells near it at about its height."""
    rows, columns = heights.shape
    reach = REACH
    for i in range(rows):
        for j in range(columns):
            if views[i, j] == 0 or views[i, j] > 2:
                continue
            friends, known = 0, 0
            for r in range(max(0, i - reach), min(rows, i + reach + 1)):
                for c in range(max(0, j - reach), min(columns, j + reach + 1)):
                    if views[r, c] > 0:
                        known += 1
                        far = cell * max(abs(r - i), abs(c - j))
                        if abs(heights[r, c] - heights[i, j]) <= 2 * noise + 1.5 * far:
                            friends += 1
            if friends < 12 or friends * 2 < known:
                lonely[i, j] = True


@compiled
def _fuse_cells(  # noqa: PLR0917 - a compiled loop takes plain arrays
    stack: Float32,
    sigmas: Float32,
    fewest: int,
    heights: Float32,
    views: NDArray[np.uint8],
    spread: Float32,
) -> None:
    layers, rows, columns = stack.shape
    values = np.empty(layers, np.float64)
    errors = np.empty(layers, np.float64)
    for i in range(rows):
        for j in range(columns):
            n = 0
            for k in range(layers):
                if np.isfinite(stack[k, i, j]):
                    values[n] = stack[k, i, j]
                    errors[n] = sigmas[k, j]
                    n += 1
            if n < fewest or n == 0:
                continue
            height, count, deviation = _mode(values[:n], errors[:n])
            # a lone estimate among many that contradict it and each other is no measurement
            if count >= fewest and count * 3 >= n:
                heights[i, j] = height
                views[i, j] = min(count, 255)
                spread[i, j] = deviation


@compiled
def _mode(values: NDArray[np.float64], errors: NDArray[np.float64]) -> tuple[float, int, float]:
    """(weighted mean, count, standard deviation) of the largest group within two disparity steps."""
    order = np.argsort(values)
    n = values.shape[0]
    window = 0.0
    for k in range(n):
        window += errors[k]
    window = 1.5 * window / n
    best, best_first, end = 0, 0, 0
    for first in range(n):
        end = max(end, first)
        while end < n and values[order[end]] - values[order[first]] <= window:
            end += 1
        if end - first >= best:
            best, best_first = end - first, first
    total, weights = 0.0, 0.0
    origin = values[order[best_first]]
    for k in range(best_first, best_first + best):
        weight = 1.0 / errors[order[k]] ** 2
        total += weight * (values[order[k]] - origin)
        weights += weight
    mean = total / weights
    variance = 0.0
    for k in range(best_first, best_first + best):
        variance += (values[order[k]] - origin - mean) ** 2
    return origin + mean, best, np.sqrt(variance / best)
