"""Whether a scene and a flight stand half a cell apart: told with its numbers, never corrected.

A pixel's centre taken for its corner moves a scene by half a cell in x and y. The flight gives it away: its bands agree
better with the scene on cells that are moved by half a cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Grid
from uav_workflow.domain.product import Json
from uav_workflow.findings import Finding, warning
from uav_workflow.handover.aggregation import aggregate
from uav_workflow.handover.cells import VALIDATION_COVERAGE, Float64

MOVES: Mapping[str, tuple[int, int]] = {
    "none": (0, 0),
    "east": (1, 0),
    "north-east": (1, 1),
    "north": (0, 1),
    "north-west": (-1, 1),
    "west": (-1, 0),
    "south-west": (-1, -1),
    "south": (0, -1),
    "south-east": (1, -1),
}
"""Where the cells are moved: half cells to the east and to the north."""
LEAST_CELLS = 49
LEAST_BLOCKS = 12
"""Fewest cells, and fewest blocks of them, on which something is told; these and `LEAST_R` are our own choice."""
LEAST_R = 0.7
"""Correlation on the best grid below which nothing is told: a scene unlike the flight does not say where it lies."""
LEAST_NEIGHBOURS = 3
BLOCK = 2
"""Cells a side of what is drawn again together: neighbours share half of their ground on moved grids."""
DRAWS = 2000
ALARM = 0.05
"""Chance of an alarm on a scene that lies right, over all eight moves together."""
_SEED = 20240715


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftTest:
    """How the flight's bands agree with a scene on its own cells and on those moved by half a cell.

    Attributes
    ----------
    n, blocks : int
        Cells covered by `VALIDATION_COVERAGE` on all nine grids, and blocks of `BLOCK` x `BLOCK` of them.
    r : mapping
        Move (`MOVES`) to the mean of the bands' correlations, of what a cell differs by from its neighbours' mean;
        empty where there are too few cells.
    best : str
        Move with the highest one.
    gain, gain_low : float
        `best` minus ``none``, and what it exceeds in all but `ALARM` / 8 of the draws.
    """

    n: int
    blocks: int
    bands: tuple[str, ...]
    r: Mapping[str, float]
    best: str = "none"
    gain: float = 0.0
    gain_low: float = 0.0

    @property
    def is_shifted(self) -> bool:
        """Whether a moved grid agrees better, by more than chance."""
        return self.best != "none" and self.gain_low > 0 and self.r[self.best] >= LEAST_R

    def to_json(self) -> dict[str, Json]:
        """Plain dictionary for JSON."""
        if not self.r:
            return {"n": self.n, "blocks": self.blocks, "told": False, "why": "too few cells, or they do not vary"}
        return {
            "n": self.n,
            "blocks": self.blocks,
            "bands": list(self.bands),
            "r": {move: round(value, 5) for move, value in self.r.items()},
            "best": self.best,
            "gain": round(self.gain, 5),
            "gain_low": round(self.gain_low, 5),
            "shifted": self.is_shifted,
            "told": True,
        }


def shift_test(path: Path, pairs: Mapping[str, str], scene: Mapping[str, Float64], grid: Grid) -> ShiftTest:
    """Compare a flight's bands with a scene's on its cells and on the eight grids moved by half a cell.

    The flight is brought onto cells of half the side once; four of them make a cell of any of the nine grids, by exact
    areas. Confidence comes from drawing blocks of cells again (Kuensch 1989's block bootstrap, blocks side by side).

    Parameters
    ----------
    path : Path
        The flight's mosaic.
    pairs : mapping
        Band of the flight to band of the scene.
    scene : mapping
        Band to float64 (rows, columns) on `grid`, NaN where there is none.
    grid : Grid
        The scene's cells, where it says that they lie.

    Raises
    ------
    RasterError
        The mosaic can't be read.
    """
    halves = _halves(path, list(pairs), grid)
    seen = np.stack([scene[theirs] for theirs in pairs.values()])
    moved = np.stack([_on(grid, halves, *move) for move in MOVES.values()])
    whole: NDArray[np.bool_] = np.logical_and(np.isfinite(moved).all(axis=(0, 1)), np.isfinite(seen).all(axis=0))
    varies = [_varies(moved[:, band][:, whole]) and _varies(seen[band][whole]) for band in range(len(pairs))]
    bands = tuple(name for name, is_varying in zip(pairs, varies, strict=True) if is_varying)
    kept = whole & (_around(whole) >= LEAST_NEIGHBOURS)
    rows, cols = np.nonzero(kept)
    numbers, block = np.unique(rows // BLOCK * grid.width + cols // BLOCK, return_inverse=True)
    found = ShiftTest(n=rows.size, blocks=numbers.size, bands=bands, r={})
    if found.n < LEAST_CELLS or found.blocks < LEAST_BLOCKS or not bands:
        return found
    return _judged(found, _detail(moved[:, varies], whole)[..., kept], _detail(seen[varies], whole)[:, kept], block)


def shift_findings(where: str, test: ShiftTest, grid: Grid) -> list[Finding]:
    """Warn where scene and flight stand half a cell apart."""
    if not test.is_shifted:
        return []
    text = (
        f"agrees better with the flight half a cell ({grid.pixel_m / 2:g} m) to the {test.best} of where it says its "
        f"cells lie: correlation from cell to cell {test.r[test.best]:.3f} there, {test.r['none']:.3f} here ({test.n} "
        f"cells, gain above {test.gain_low:.3f} in resampling); scene or flight lies off, nothing was moved"
    )
    hint = "see whether the scene's corner is a pixel's corner or its centre, and how the flight was georeferenced"
    return [warning("bridge-half-cell", where, text, hint)]


def _judged(test: ShiftTest, ours: Float64, theirs: Float64, block: NDArray[np.int64]) -> ShiftTest:
    """Correlations of (moves, bands, cells) with (bands, cells), and how far the best of them stands out."""
    sums = _block_sums(ours, theirs, block)
    r = _correlation(sums.sum(axis=-1)).mean(axis=-1)
    best = int(np.argmax(r))
    draws = np.random.default_rng(_SEED).multinomial(test.blocks, np.full(test.blocks, 1 / test.blocks), DRAWS)
    drawn = _correlation(sums[:, [0, best]] @ draws.T).mean(axis=1)
    return replace(
        test,
        r=dict(zip(MOVES, map(float, r), strict=True)),
        best=list(MOVES)[best],
        gain=float(r[best] - r[0]),
        gain_low=float(np.quantile(drawn[1] - drawn[0], ALARM / (len(MOVES) - 1))),
    )


def _varies(values: Float64) -> bool:
    """Whether there are values, and on every grid different ones."""
    return values.size > 0 and bool((np.ptp(values, axis=-1) > 0).all())


def _halves(path: Path, bands: Sequence[str], grid: Grid) -> tuple[Float64, Float64]:
    """Sum of value times share and share, (bands, 2 rows + 2, 2 columns + 2): a half cell of margin on every side."""
    side = grid.pixel_m / 2
    wider = Grid(grid.crs, grid.x_min - side, grid.y_max + side, side, 2 * grid.width + 2, 2 * grid.height + 2)
    found = aggregate(path, bands, wider)
    share = np.stack([found[band].coverage for band in bands])
    return np.stack([np.nan_to_num(found[band].mean) for band in bands]) * share, share


def _on(grid: Grid, halves: tuple[Float64, Float64], east: int, north: int) -> Float64:
    """Means on cells moved by half cells, (bands, rows, columns); NaN below `VALIDATION_COVERAGE`."""
    top, left = 1 - north, 1 + east
    total, share = (
        plane[:, top : top + 2 * grid.height, left : left + 2 * grid.width]
        .reshape(plane.shape[0], grid.height, 2, grid.width, 2)
        .sum(axis=(2, 4))
        for plane in halves
    )
    covered = share / 4 >= VALIDATION_COVERAGE - 1e-9
    return np.where(covered, total / np.where(covered, share, 1.0), np.nan)


def _detail(planes: Float64, kept: NDArray[np.bool_]) -> Float64:
    """What a cell differs by from the mean of its kept neighbours: (..., rows, columns).

    A smooth landscape looks alike half a cell aside, and errors as smooth would decide between the two.
    """
    filled = np.where(kept, planes, 0.0)
    result: Float64 = filled - _around(filled) / np.maximum(_around(kept), 1.0)
    return result


def _around(planes: NDArray[Any]) -> Float64:
    """Sum over the eight neighbours, those beyond the border counted as 0: (..., rows, columns)."""
    rows, cols = planes.shape[-2:]
    wide = np.pad(planes.astype(np.float64), [(0, 0)] * (planes.ndim - 2) + [(1, 1), (1, 1)])
    nine = [wide[..., row : row + rows, col : col + cols] for row in range(3) for col in range(3)]
    result: Float64 = np.sum(nine, axis=0) - nine[4]
    return result


def _block_sums(ours: Float64, theirs: Float64, block: NDArray[np.int64]) -> Float64:
    """Sums a correlation is made of, of every block: (6, moves, bands, blocks)."""
    x = ours - ours.mean(axis=2, keepdims=True)
    y = np.broadcast_to(theirs - theirs.mean(axis=1, keepdims=True), x.shape)
    order = np.argsort(block, kind="stable")
    starts = np.flatnonzero(np.diff(block[order], prepend=-1))
    terms = (np.ones_like(x), x, y, x * x, y * y, x * y)
    return np.stack([np.add.reduceat(term[..., order], starts, axis=-1) for term in terms])


def _correlation(sums: Float64) -> Float64:
    """Pearson's r of `_block_sums`, along the first axis; 0 where one side does not vary."""
    n, x, y, xx, yy, xy = sums
    spread = (xx - x * x / n) * (yy - y * y / n)
    r: Float64 = np.where(spread > 0, (xy - x * y / n) / np.sqrt(np.where(spread > 0, spread, 1.0)), 0.0)
    return r
