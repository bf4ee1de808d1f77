"""What a model says of cells it has not seen: whole sites, blocks of space, and cells by lot left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_workflow.statistics.agreement import Agreement
from uav_workflow.statistics.folds import LEAST_BLOCKS, LEAST_SITES, Folds, merged, random_folds
from uav_workflow.statistics.intervals import Coverage, conformal_quantile, interval_coverage
from uav_workflow.upscaling.regressor import Regressor, fit_forms
from uav_workflow.upscaling.samples import Samples

Floats = NDArray[np.float64]
Bool = NDArray[np.bool_]

LEVEL = 0.9
MOST_GROUPS = 20
"""Most forests grown to judge one scheme; more groups are left out several at a time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LeftOut:
    """Every cell as seen by a model fitted without its group.

    Attributes
    ----------
    form : str
        The one of `FORMS` whose left-out error is least.
    errors : mapping of form to float
        Root mean squared error of every form.
    mean, low, high : float64 (n,)
        Of the form that is best for the other groups; the 90 % interval is widened by their scores alone.
    score : float64 (n,)
        How far the value lies outside the 5 % and 95 % quantiles of `form`; negative inside.
    importance : float64 (predictors,)
        Rise of the mean squared error of `form` when a predictor of the cells left out is shuffled.
    """

    folds: Folds
    observed: Floats
    form: str
    errors: Mapping[str, float]
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


def leave_out(rows: NDArray[np.float32], samples: Samples, folds: Folds, signal: NDArray[np.int64]) -> LeftOut:
    """Predict every group by models fitted without it, and choose the form that does best.

    Parameters
    ----------
    rows : float32 (n, predictors)
    signal : int64 (k,)
        Predictors a trend may use.
    """
    draw = np.random.default_rng(0)
    seen: dict[str, Floats] = {}
    rise: dict[str, Floats] = {}
    for kept, out in folds.split():
        lots = [draw.choice(rows[:, column], int(out.sum())) for column in range(rows.shape[1])]
        models = fit_forms(rows[kept], samples.among(kept), folds.groups[kept], signal)
        for form, model in models.items():
            seen.setdefault(form, np.empty((3, samples.n)))[:, out] = model.of(rows[out])
            rise.setdefault(form, np.empty((rows.shape[1], samples.n)))[:, out] = [
                _squared(model, _with_column(rows[out], column, lot), samples.value[out])
                for column, lot in enumerate(lots)
            ]
    error = {form: (part[0] - samples.value) ** 2 for form, part in seen.items()}
    best = _best(error)
    mean, low, high = _as_others_choose(seen, error, samples.value, folds)
    return LeftOut(
        folds=folds,
        observed=samples.value,
        form=best,
        errors={form: float(np.sqrt(part.mean())) for form, part in error.items()},
        mean=mean,
        low=low,
        high=high,
        score=_score(seen[best], samples.value),
        importance=rise[best].mean(axis=1) - error[best].mean(),
    )


def _as_others_choose(seen: Mapping[str, Floats], error: Mapping[str, Floats], value: Floats, folds: Folds) -> Floats:
    """Mean and interval (3, n), form and width of every group being those of the other groups' errors and scores."""
    found = np.empty((3, value.size))
    for kept, out in folds.split():
        form = _best({name: part[kept] for name, part in error.items()})
        width = conformal_quantile(_score(seen[form], value)[kept], LEVEL)
        mean, low, high = seen[form][:, out]
        found[:, out] = mean, low - width, np.maximum(high + width, low - width)
    return found


def _best(error: Mapping[str, Floats]) -> str:
    return min(error, key=lambda form: float(error[form].mean()))


def _score(seen: Floats, value: Floats) -> Floats:
    return np.asarray(np.maximum(seen[1] - value, value - seen[2]))


def _squared(model: Regressor, rows: NDArray[np.float32], value: Floats) -> Floats:
    found: Floats = (model.of(rows)[0] - value) ** 2
    return found


def _with_column(rows: NDArray[np.float32], column: int, values: NDArray[np.float32]) -> NDArray[np.float32]:
    other = rows.copy()
    other[:, column] = values
    return other


def _affordable(folds: Folds) -> Folds:
    if folds.n_groups <= MOST_GROUPS:
        return folds
    fewer = merged(folds, MOST_GROUPS)
    return Folds(scheme=fewer.scheme, groups=fewer.groups, note=f"{folds.note}, in {MOST_GROUPS} groups")


def _numbered(names: NDArray[np.str_]) -> NDArray[np.int64]:
    return np.unique(names, return_inverse=True)[1].ravel().astype(np.int64)
