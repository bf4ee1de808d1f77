"""Which source each cell of the mosaic is taken from, with seams where neighbours look alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_workflow.compiled import compiled
from uav_workflow.engine.mosaic.coverage import NONE
from uav_workflow.engine.mosaic.glimpses import Glimpse
from uav_workflow.engine.mosaic.minimum_cut import minimum_cut

_PER_CONTRAST = 600
"""What a difference as large as the mosaic's contrast costs on a seam, in thousandths of `view_cost` a cell."""
_PER_CELL = 60
"""What a cell's side of seam costs in any case."""
_UNSEEN = 60
"""Difference in DN assumed where one of two sources does not show a cell."""
_SWEEPS = 3

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Stack:
    """All glimpses behind one another, for the compiled loops: boxes (n, 4) are row, column, rows, columns."""

    boxes: Int64
    starts: Int64
    costs: NDArray[np.uint16]
    colours: NDArray[np.uint8]
    per_dn: int

    @classmethod
    def of(cls, glimpses: Sequence[Glimpse]) -> _Stack:
        sizes = [glimpse.costs.size for glimpse in glimpses]
        colours = np.concatenate([glimpse.colours.reshape(-1, 3) for glimpse in glimpses])
        # a dull evening's flight has its seams where a bright day's has them
        contrast = float(colours[:: max(1, len(colours) // 100_000)].std()) if len(colours) else 1.0
        return cls(
            boxes=np.array([(g.rows.start, g.columns.start, *g.costs.shape) for g in glimpses], np.int64),
            starts=np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64),
            costs=np.concatenate([glimpse.costs.ravel() for glimpse in glimpses]),
            colours=colours,
            per_dn=round(_PER_CONTRAST / max(contrast, 2.0)),
        )


def lay_seams(glimpses: Sequence[Glimpse], shape: tuple[int, int]) -> Int32:
    """Source of every cell, -1 where none sees it: (rows, columns) int32.

    The sum of two costs is made small: how ill each cell is seen (`view_cost`), and along the seams the difference of
    the two photos on both sides of it (Kwatra et al., 2003, eq. 1), by expanding one source after another with minimum
    cuts (Boykov, Veksler & Zabih, 2001). Few seams remain, and they go over ground that looks the same in both photos.
    """
    stack = _Stack.of(glimpses)
    label = np.full(shape, -1, np.int32)
    least = np.full(shape, NONE, np.uint16)
    for index, glimpse in enumerate(glimpses):
        better = glimpse.costs < least[glimpse.box]
        least[glimpse.box][better] = glimpse.costs[better]
        label[glimpse.box][better] = index
    moved = np.ones(len(glimpses), np.bool_)
    for _ in range(_SWEEPS):
        last, moved = moved, np.zeros(len(glimpses), np.bool_)
        for index, glimpse in enumerate(glimpses):
            near = np.unique(label[glimpse.box])
            # nothing changed around: the cut would be the same
            if glimpse.costs.size and (last[near[near >= 0]].any() or moved[near[near >= 0]].any()):
                changed = _expand(index, glimpse, stack, label)
                moved[changed] = True
        if not moved.any():
            break
    return label


def _expand(index: int, glimpse: Glimpse, stack: _Stack, label: Int32) -> list[int]:
    """Let one source take the cells it wins; the sources that lost or won any."""
    # one cell more on every side: the seam along the border of the box has its price too
    row, col = max(0, glimpse.rows.start - 1), max(0, glimpse.columns.start - 1)
    part = label[row : glimpse.rows.stop + 1, col : glimpse.columns.stop + 1]
    terminal = np.zeros(part.shape, np.int32)
    arcs = np.zeros((*part.shape, 4), np.int32)
    _prices(part, index, row, col, stack.boxes, stack.starts, stack.costs, stack.colours, stack.per_dn, terminal, arcs)
    taken = minimum_cut(terminal, arcs) & (part != index)
    if not taken.any():
        return []
    changed = [index, *(int(lost) for lost in np.unique(part[taken]))]
    part[taken] = index
    return changed


@compiled
def _at(boxes: Int64, starts: Int64, source: int, row: int, col: int) -> int:
    """Place of a cell in the stack; -1 outside the source's box."""
    r, c = row - boxes[source, 0], col - boxes[source, 1]
    if r < 0 or c < 0 or r >= boxes[source, 2] or c >= boxes[source, 3]:
        return -1
    return int(starts[source] + r * boxes[source, 3] + c)


@compiled
def _apart(  # noqa: PLR0917 - a compiled loop takes plain arrays
    boxes: Int64, starts: Int64, colours: NDArray[np.uint8], first: int, second: int, row: int, col: int
) -> int:
    """Mean difference of two sources' colours on a cell, DN times three."""
    a, b = _at(boxes, starts, first, row, col), _at(boxes, starts, second, row, col)
    if a < 0 or b < 0:
        return 3 * _UNSEEN
    total = np.int64(0)
    for k in range(3):
        total += abs(np.int64(colours[a, k]) - np.int64(colours[b, k]))
    return int(total)


@compiled
def _seam(  # noqa: PLR0917 - a compiled loop takes plain arrays
    boxes: Int64,
    starts: Int64,
    colours: NDArray[np.uint8],
    per_dn: int,
    first: int,
    second: int,
    row: int,
    col: int,
    row2: int,
    col2: int,
) -> int:
    """Price of a seam between a cell of the first source and a neighbour of the second."""
    if first == second:
        return 0
    here = _apart(boxes, starts, colours, first, second, row, col)
    there = _apart(boxes, starts, colours, first, second, row2, col2)
    return _PER_CELL + per_dn * (here + there) // 6


@compiled
def _prices(  # noqa: PLR0917 - a compiled loop takes plain arrays
    label: Int32,
    index: int,
    row0: int,
    col0: int,
    boxes: Int64,
    starts: Int64,
    costs: NDArray[np.uint16],
    colours: NDArray[np.uint8],
    per_dn: int,
    terminal: Int32,
    arcs: Int32,
) -> None:
    """Graph of one expansion (Kolmogorov & Zabih, 2004, table 3): the sink's side takes the source ``index``."""
    rows, columns = label.shape
    never = 1 << 24
    for i in range(rows):
        for j in range(columns):
            mine = label[i, j]
            at = _at(boxes, starts, index, row0 + i, col0 + j)
            offered = costs[at] if at >= 0 else NONE
            if mine < 0 or offered == NONE:
                terminal[i, j] += never
            elif mine != index:
                terminal[i, j] += np.int64(offered) - np.int64(costs[_at(boxes, starts, mine, row0 + i, col0 + j)])
            for way in range(0, 4, 2):
                i2, j2 = (i, j + 1) if way == 0 else (i + 1, j)
                if i2 >= rows or j2 >= columns or mine < 0 or label[i2, j2] < 0:
                    continue
                other = label[i2, j2]
                place = row0 + i, col0 + j, row0 + i2, col0 + j2
                keep = _seam(boxes, starts, colours, per_dn, mine, other, *place)
                take_other = _seam(boxes, starts, colours, per_dn, mine, index, *place)
                take_mine = _seam(boxes, starts, colours, per_dn, index, other, *place)
                terminal[i, j] += take_mine - keep
                terminal[i2, j2] -= take_mine
                arcs[i, j, way] += max(take_other + take_mine - keep, 0)
