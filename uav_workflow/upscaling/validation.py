"""What a model says of cells it has not seen: whole sites, blocks of space, and cells by lot left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_workflow.statistics.agreement import Agreement
from uav_workflow.statistics.folds import LEAST_BLOCKS, LEAST_SITES, Folds, merged, random_folds
from uav_workflow.statistics.intervals import Coverage, conformal_quantile, interval_coverage
from uav_workflow.statistics.quantile_forest import QuantileForest
from uav_workflow.upscaling.samples import Samples

Floats = NDArray[np.float64]
Bool = NDArray[np.bool_]

LEVEL = 0.9
MOST_GROUPS = 20
"""Most forests grown to judge one scheme; more groups are left out several at a time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LeftOut:
    """Every cell as seen by a forest grown without its group.

    Attributes
    ----------
    mean, low, high : float64 (n,)
        The 90 % interval is widened by the scores of the other groups alone.
    score : float64 (n,)
        How far the value lies outside the forest's own 5 % and 95 % quantiles; negative inside.
    importance : float64 (predictors,)
        Rise of the mean squared error when a predictor of the cells left out is shuffled.
    """

    folds: Folds
    observed: Floats
    mean: Floats
    low: Floats
    high: Floats
    score: Floats
    importance: Floats

    @property
    def agreement(self) -> Agreement:
        """Of the predictions with the hand-over's values."""
        return Agreement.of(self.mean, self.observed)

    def coverage(self, among: Bool | None = None) -> Coverage:
        """How often the interval held, of all cells or some."""
        kept = np.ones(self.observed.size, bool) if among is None else among
        return interval_coverage(self.low[kept], self.high[kept], self.observed[kept])


def schemes(samples: Samples) -> dict[str, Folds]:
    """Folds of every scheme the cells allow, the hardest first; random folds always."""
    found = {}
    site = _numbered(samples.site)
    if (sites := len(np.unique(site))) > 1:
        folds = Folds(scheme="leave_site_out", groups=site, note=f"{sites} sites")
        found[folds.scheme] = _affordable(folds)
    blocks = _numbered(np.char.add(np.char.add(samples.site, "\n"), samples.fold))
    if (count := len(np.unique(blocks))) > 1:
        folds = Folds(scheme="spatial_blocks", groups=blocks, note=f"{count} blocks of the hand-overs (fold_id)")
        found[folds.scheme] = _affordable(folds)
    by_lot = random_folds(samples.n)
    return {
        **found,
        by_lot.scheme: Folds(scheme=by_lot.scheme, groups=by_lot.groups, note="cells by lot, for contrast"),
    }


def deciding(folds: Mapping[str, Folds]) -> str:
    """Scheme that sets intervals and the area of applicability: sites where there are five, else blocks, else lot."""
    for name, least in (("leave_site_out", LEAST_SITES), ("spatial_blocks", LEAST_BLOCKS)):
        if name in folds and folds[name].n_groups >= least:
            return name
    return "random_folds"


def leave_out(rows: NDArray[np.float32], samples: Samples, folds: Folds, *, jobs: int = 1) -> LeftOut:
    """Predict every group by a forest grown without it.

    Parameters
    ----------
    rows : float32 (n, predictors)
    """
    draw = np.random.default_rng(0)
    found = np.full((3, samples.n), np.nan)
    rise = np.zeros((rows.shape[1], samples.n))
    for kept, out in folds.split():
        forest = QuantileForest.fit(rows[kept], samples.value[kept], samples.weight[kept], jobs=jobs)
        mean, _, low, high = forest.moments(rows[out])
        found[:, out] = mean, low, high
        for column in range(rows.shape[1]):
            shuffled = rows[out].copy()
            shuffled[:, column] = draw.choice(rows[:, column], int(out.sum()))
            other = forest.moments(shuffled)[0]
            rise[column, out] = (samples.value[out] - other) ** 2 - (samples.value[out] - mean) ** 2
    mean, low, high = found
    score = np.maximum(low - samples.value, samples.value - high)
    width = np.empty(samples.n)
    for kept, out in folds.split():
        width[out] = conformal_quantile(score[kept], LEVEL)
    return LeftOut(
        folds=folds,
        observed=samples.value,
        mean=mean,
        low=low - width,
        high=np.maximum(high + width, low - width),
        score=score,
        importance=rise.mean(axis=1),
    )


def _affordable(folds: Folds) -> Folds:
    if folds.n_groups <= MOST_GROUPS:
        return folds
    fewer = merged(folds, MOST_GROUPS)
    return Folds(scheme=fewer.scheme, groups=fewer.groups, note=f"{folds.note}, in {MOST_GROUPS} groups")


def _numbered(names: NDArray[np.str_]) -> NDArray[np.int64]:
    return np.unique(names, return_inverse=True)[1].ravel().astype(np.int64)
