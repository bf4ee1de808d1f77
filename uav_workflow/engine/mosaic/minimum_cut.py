"""Minimum cut of a grid of cells between two sides: what decides whether a cell changes its photo.

Two search trees that are kept between augmentations (Boykov & Kolmogorov, 2004), written for a grid of four neighbours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uav_workflow.compiled import compiled

Int32 = NDArray[np.int32]
Int8 = NDArray[np.int8]

RIGHT, LEFT, DOWN, UP = 0, 1, 2, 3
"""Directions of a cell's arcs; ``direction ^ 1`` leads back."""
_ROOT, _FREE, _ORPHAN = 4, 5, 6
_FAR = 1 << 30


def minimum_cut(terminal: Int32, arcs: Int32) -> NDArray[np.bool_]:
    """Cells on the sink's side of the cheapest cut; cells that may stand on either side stay on the source's.

    Parameters
    ----------
    terminal : (rows, columns) int32
        Capacity from the source to a cell, less that from the cell to the sink.
    arcs : (rows, columns, 4) int32
        Capacity from a cell to its neighbour to the right, left, below, above; arcs that leave the grid are ignored.

    Returns
    -------
    (rows, columns) bool
    """
    rows, columns = terminal.shape
    # a border of cells without arcs: no step of the search needs to look where the grid ends
    rest = np.pad(terminal, 1).ravel()
    capacity = np.pad(arcs, ((1, 1), (1, 1), (0, 0)))
    capacity[:, columns, RIGHT] = capacity[:, 1, LEFT] = capacity[rows, :, DOWN] = capacity[1, :, UP] = 0
    sinks = np.zeros(rest.shape, np.bool_)
    parent = np.full(rest.shape, _FREE, np.int8)
    steps = np.array([1, -1, columns + 2, -columns - 2], np.int64)
    _search(rest, capacity.reshape(-1, 4), steps, sinks, parent)
    sunk: NDArray[np.bool_] = (sinks & (parent != _FREE)).reshape(rows + 2, columns + 2)[1:-1, 1:-1]
    return sunk


@compiled
def _search(rest: Int32, capacity: Int32, steps: NDArray[np.int64], sinks: NDArray[np.bool_], parent: Int8) -> None:
    """Grow both trees from their active cells until they can't meet any more."""
    count = rest.shape[0]
    # time at which a cell's distance to its root was last found right
    seen = np.zeros(count, np.int32)
    distance = np.zeros(count, np.int32)
    queue = np.empty(count + 1, np.int64)
    queued = np.zeros(count, np.bool_)
    ends = np.zeros(2, np.int64)
    for cell in range(count):
        if rest[cell] != 0:
            sinks[cell] = rest[cell] < 0
            parent[cell] = _ROOT
            distance[cell] = 1
            _activate(queue, queued, ends, cell)
    time = 0
    while ends[0] != ends[1]:
        cell = queue[ends[0]]
        while parent[cell] != _FREE:
            way = _grow(cell, capacity, steps, sinks, parent, seen, distance, queue, queued, ends)
            if way < 0:
                break
            time += 1
            other = cell + steps[way]
            if sinks[cell]:
                orphans = _augment(other, way ^ 1, rest, capacity, steps, parent)
            else:
                orphans = _augment(cell, way, rest, capacity, steps, parent)
            _adopt(orphans, time, capacity, steps, sinks, parent, seen, distance, queue, queued, ends)
        ends[0] = (ends[0] + 1) % queue.shape[0]
        queued[cell] = False


@compiled
def _activate(queue: NDArray[np.int64], queued: NDArray[np.bool_], ends: NDArray[np.int64], cell: int) -> None:
    if not queued[cell]:
        queued[cell] = True
        queue[ends[1]] = cell
        ends[1] = (ends[1] + 1) % queue.shape[0]


@compiled
def _grow(  # noqa: PLR0917 - a compiled loop takes plain arrays
    cell: int,
    capacity: Int32,
    steps: NDArray[np.int64],
    sinks: NDArray[np.bool_],
    parent: Int8,
    seen: Int32,
    distance: Int32,
    queue: NDArray[np.int64],
    queued: NDArray[np.bool_],
    ends: NDArray[np.int64],
) -> int:
    """Take the free neighbours into the cell's tree; the direction in which the other tree is met, or -1."""
    for way in range(4):
        other = cell + steps[way]
        if (capacity[other, way ^ 1] if sinks[cell] else capacity[cell, way]) <= 0:
            continue
        if parent[other] == _FREE:
            sinks[other] = sinks[cell]
            parent[other] = way ^ 1
            seen[other] = seen[cell]
            distance[other] = distance[cell] + 1
            _activate(queue, queued, ends, other)
        elif sinks[other] != sinks[cell]:
            return way
        elif seen[other] <= seen[cell] and distance[other] > distance[cell]:
            # a shorter way to the root, found in passing
            parent[other] = way ^ 1
            seen[other] = seen[cell]
            distance[other] = distance[cell] + 1
    return -1


@compiled
def _augment(  # noqa: PLR0917 - a compiled loop takes plain arrays
    cell: int, way: int, rest: Int32, capacity: Int32, steps: NDArray[np.int64], parent: Int8
) -> list[int]:
    """Push what fits along the path through the arc ``cell`` (source's tree) -> ``way``; the cells cut off by it."""
    last = cell + steps[way]
    flow = capacity[cell, way]
    at = cell
    while parent[at] != _ROOT:
        up = at + steps[parent[at]]
        flow = min(flow, capacity[up, parent[at] ^ 1])
        at = up
    flow = min(flow, rest[at])
    at = last
    while parent[at] != _ROOT:
        flow = min(flow, capacity[at, parent[at]])
        at += steps[parent[at]]
    flow = min(flow, -rest[at])
    orphans = [0]
    capacity[cell, way] -= flow
    capacity[last, way ^ 1] += flow
    for start, sign in ((cell, 1), (last, -1)):
        at = start
        while parent[at] != _ROOT:
            ahead = parent[at]
            up = at + steps[ahead]
            capacity[at, ahead] += sign * flow
            capacity[up, ahead ^ 1] -= sign * flow
            if (capacity[up, ahead ^ 1] if sign > 0 else capacity[at, ahead]) == 0:
                parent[at] = _ORPHAN
                orphans.append(at)
            at = up
        rest[at] -= sign * flow
        if rest[at] == 0:
            parent[at] = _ORPHAN
            orphans.append(at)
    return orphans


@compiled
def _adopt(  # noqa: PLR0917 - a compiled loop takes plain arrays
    orphans: list[int],
    time: int,
    capacity: Int32,
    steps: NDArray[np.int64],
    sinks: NDArray[np.bool_],
    parent: Int8,
    seen: Int32,
    distance: Int32,
    queue: NDArray[np.int64],
    queued: NDArray[np.bool_],
    ends: NDArray[np.int64],
) -> None:
    """Find each orphan the nearest parent in its own tree, or set it free with what hangs on it."""
    # the first entry only tells the compiler the list's type
    while len(orphans) > 1:
        cell = orphans.pop()
        best, nearest = -1, _FAR
        for way in range(4):
            other = cell + steps[way]
            room = capacity[cell, way] if sinks[cell] else capacity[other, way ^ 1]
            if room > 0 and sinks[other] == sinks[cell] and parent[other] != _FREE:
                far = _from_root(other, time, steps, parent, seen, distance)
                if far < nearest:
                    best, nearest = way, far
        if best >= 0:
            parent[cell] = best
            seen[cell] = time
            distance[cell] = nearest + 1
            continue
        for way in range(4):
            other = cell + steps[way]
            if sinks[other] != sinks[cell] or parent[other] == _FREE:
                continue
            if (capacity[cell, way] if sinks[cell] else capacity[other, way ^ 1]) > 0:
                _activate(queue, queued, ends, other)
            if parent[other] == way ^ 1:
                parent[other] = _ORPHAN
                orphans.append(other)
        parent[cell] = _FREE


@compiled
def _from_root(  # noqa: PLR0917 - a compiled loop takes plain arrays
    cell: int, time: int, steps: NDArray[np.int64], parent: Int8, seen: Int32, distance: Int32
) -> int:
    """Steps from a cell to its root; far when its path ends in an orphan."""
    at, far = cell, 0
    while seen[at] != time:
        far += 1
        if parent[at] == _ROOT:
            seen[at] = time
            distance[at] = 1
            far -= 1
            break
        if parent[at] == _ORPHAN:
            return _FAR
        at += steps[parent[at]]
    far += int(distance[at])
    total, at = far, cell
    while seen[at] != time:
        seen[at] = time
        distance[at] = far
        far -= 1
        at += steps[parent[at]]
    return total
