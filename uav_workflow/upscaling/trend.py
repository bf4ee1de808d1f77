"""A smooth trend beneath a forest: what lies beyond the cells learnt from is carried on, not cut off."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from uav_workflow.statistics.folds import random_folds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rows = NDArray[np.float32]

PENALTIES = (1e-7, 1e-5, 1e-4, 1e-3, 1e-2, 1.0)
"""Of the squared coefficients of standardised terms, as a share of the cells' weight."""
BENDS = (1.0, 100.0, 10_000.0)
"""How many times dearer squares and products are; the dearest is nearly linear."""
CELLS_A_TERM = 10
"""Fewest cells a term of the quadratic; with fewer it is linear."""
BEYOND = 0.5
"""How far beyond the cells learnt from a predictor is followed, and the value, in their own range."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trend:
    """Ridge regression (Hoerl & Kennard 1970, Technometrics 12, 55) on predictors, their squares and products.

    The penalties are those under which groups of cells left out are predicted best. A predictor further than `BEYOND`
    outside the cells learnt from counts as if it were there; squares of several would still run away together, so the
    value is held within as much of its own range.

    Attributes
    ----------
    columns : int64 (k,)
        Predictors it uses.
    centre, scale, low, high : float64 (k,)
        Of the predictors; limits after scaling.
    least, most : float
        Limits of the value.
    constant : float
    linear : float64 (k,)
    square : float64 (k, k)
        Upper triangle; zero when there are too few cells for it.
    penalty, bend : float
        Chosen of `PENALTIES` and `BENDS`.
    """

    columns: Ints
    centre: Floats
    scale: Floats
    low: Floats
    high: Floats
    least: float
    most: float
    constant: float
    linear: Floats
    square: Floats
    penalty: float
    bend: float

    @classmethod
    def fit(cls, rows: Rows, target: Floats, weight: Floats, groups: Ints, columns: Ints) -> tuple[Trend, Floats]:
        """Fit it, and say what it holds of each cell when fitted without the cell's group.

        Parameters
        ----------
        rows : float32 (n, predictors)
        target, weight : float64 (n,)
        groups : int64 (n,)
            Left out as one; cells by lot where there is one group only.
        columns : int64 (k,)
            Predictors to use; one that does not vary counts nothing.

        Returns
        -------
        (trend, left_out) : Trend, float64 (n,)
        """
        if len(np.unique(groups)) < 2:
            groups = random_folds(target.size).groups
        raw = rows[:, columns].astype(np.float64)
        centre, scale = raw.mean(axis=0), raw.std(axis=0)
        scaled = (raw - centre) / np.where(scale > 0, scale, 1.0)
        reach = BEYOND * np.ptp(scaled, axis=0)
        bent = columns.size * (columns.size + 3) // 2 * CELLS_A_TERM <= target.size
        chosen = _choose(_terms(scaled, bent), columns.size, target, weight, groups)
        linear, square = _unfolded(chosen.slopes, columns.size)
        further = BEYOND * float(np.ptp(target))
        least, most = float(target.min()) - further, float(target.max()) + further
        trend = cls(
            columns=columns,
            centre=centre,
            scale=np.where(scale > 0, scale, 1.0),
            low=scaled.min(axis=0) - reach,
            high=scaled.max(axis=0) + reach,
            least=least,
            most=most,
            constant=chosen.constant,
            linear=linear,
            square=square,
            penalty=chosen.penalty,
            bend=chosen.bend,
        )
        return trend, chosen.left_out.clip(least, most)

    def of(self, rows: Rows) -> Floats:
        """Value of cells: (m, predictors) to (m,)."""
        scaled = np.clip((rows[:, self.columns] - self.centre) / self.scale, self.low, self.high)
        found: Floats = self.constant + np.einsum("ij,ij->i", scaled @ self.square + self.linear, scaled)
        return found.clip(self.least, self.most)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ridge:
    """The best penalties, what they say of groups left out, and the fit to all cells."""

    penalty: float
    bend: float
    left_out: Floats
    constant: float
    slopes: Floats


def _choose(terms: Floats, first: int, target: Floats, weight: Floats, groups: Ints) -> _Ridge:
    """Leave every group out under every penalty: sums of products are added up a group and taken off again."""
    middle, spread = terms.mean(axis=0), terms.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    design = np.column_stack([np.ones(target.size), (terms - middle) / spread])
    names, place = np.unique(groups, return_inverse=True)
    inner = np.stack([_products(design[place == i], weight[place == i]) for i in range(names.size)])
    outer = np.stack([design[place == i].T @ (weight * target)[place == i] for i in range(names.size)])
    total, right = inner.sum(axis=0), outer.sum(axis=0)
    best, loss, left_out, ridge = (1.0, 1.0), np.inf, np.zeros(target.size), np.empty(0)
    for bend, penalty in product(BENDS if terms.shape[1] > first else BENDS[:1], PENALTIES):
        dear = np.repeat([0.0, 1.0, bend], [1, first, terms.shape[1] - first]) * penalty * weight.sum()
        found = np.linalg.solve(total - inner + np.diag(dear), (right - outer)[..., None])[..., 0]
        seen = np.einsum("ij,ij->i", design, found[place])
        error = float(np.average((seen - target) ** 2, weights=weight))
        if error < loss:
            best, loss, left_out, ridge = (penalty, bend), error, seen, dear
    whole = np.linalg.solve(total + np.diag(ridge), right)
    slopes = whole[1:] / spread
    return _Ridge(
        penalty=best[0], bend=best[1], left_out=left_out, constant=float(whole[0] - slopes @ middle), slopes=slopes
    )


def _products(design: Floats, weight: Floats) -> Floats:
    return np.asarray((design * weight[:, None]).T @ design)


def _terms(scaled: Floats, bent: bool) -> Floats:
    """Predictors, then, where bent, their squares and products."""
    if not bent:
        return scaled
    first, second = np.triu_indices(scaled.shape[1])
    return np.column_stack([scaled, scaled[:, first] * scaled[:, second]])


def _unfolded(slopes: Floats, count: int) -> tuple[Floats, Floats]:
    """Coefficients of `_terms` as a vector and a triangle."""
    square = np.zeros((count, count))
    if slopes.size > count:
        square[np.triu_indices(count)] = slopes[count:]
    return slopes[:count], square
