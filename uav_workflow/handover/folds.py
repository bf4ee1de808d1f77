"""Blocks of ground whose cells are left out together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_workflow.statistics.folds import LEAST_BLOCKS, Folds, merged, variogram_range

Float64 = NDArray[np.float64]

LEAST_SIDE_CELLS = 3
MOST_FOLDS = 10
SAMPLE = 600
"""Cells a variogram is drawn from: 180,000 pairs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpatialFolds:
    """Square blocks with corners on whole multiples of their side, dealt out to folds.

    Attributes
    ----------
    side : float
        Of a block, metres.
    blocks : mapping
        (column, row) of a block to its fold, 0 on.
    note : str
        Where the side comes from.
    """

    side: float
    blocks: Mapping[tuple[int, int], int]
    note: str

    @property
    def n(self) -> int:
        """Folds there are."""
        return len(set(self.blocks.values()))

    def number(self, x: Float64, y: Float64) -> NDArray[np.int64]:
        """Fold of places; of a place in no block, that of the nearest."""
        known = np.array(list(self.blocks), dtype=np.float64)
        numbers = np.array(list(self.blocks.values()), dtype=np.int64)
        places = np.floor(np.stack([x, y], axis=1) / self.side)
        names, index = np.unique(places, axis=0, return_inverse=True)
        nearest = ((names[:, None] - known[None]) ** 2).sum(axis=2).argmin(axis=1)
        result: NDArray[np.int64] = numbers[nearest][index.ravel()]
        return result


def spatial_folds(x: Float64, y: Float64, values: Float64, cell_m: float) -> SpatialFolds:
    """Cut a flight into blocks as wide as its values are alike, or as many as it has room for.

    Parameters
    ----------
    x, y, values : float64 (n,)
        Centres of cells in metres, and what was measured there.
    """
    least = LEAST_SIDE_CELLS * cell_m
    chosen = np.random.default_rng(0).permutation(x.size)[:SAMPLE]
    reach = variogram_range(x[chosen], y[chosen], values[chosen], np.zeros(chosen.size, np.int64))
    known = "too few cells to see how far they are alike"
    if not math.isnan(reach):
        known = f"neighbours are alike up to {reach:.0f} m, the variogram's range"
    wanted = least if math.isnan(reach) else max(reach, least)
    side = wanted
    while len(_places(x, y, side)) < LEAST_BLOCKS and side > cell_m:
        side = max(side / 1.25, cell_m)
    note = f"{known}; blocks of {side:.0f} m"
    if side < wanted:
        note += (
            f", because the flight has no room for {LEAST_BLOCKS} of {wanted:.0f} m: its folds are not independent, "
            "leave out whole sites"
        )
    blocks, index = np.unique(np.floor(np.stack([x, y], axis=1) / side), axis=0, return_inverse=True)
    folds = merged(Folds(scheme="spatial_blocks", groups=index.ravel().astype(np.int64)), MOST_FOLDS)
    of_block = {(int(c), int(r)): int(folds.groups[index.ravel() == i][0]) for i, (c, r) in enumerate(blocks)}
    return SpatialFolds(side=side, blocks=of_block, note=note)


def _places(x: Float64, y: Float64, side: float) -> Float64:
    return np.unique(np.floor(np.stack([x, y], axis=1) / side), axis=0)
