"""The ladder of biomass models: fitted on harvests, chosen by the groups left out, with intervals that hold on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from uav_workflow.domain.product import Json
from uav_workflow.statistics.folds import LEAST_SITES, Folds, merged
from uav_workflow.statistics.intervals import conformal_quantile, smallest_sample
from uav_workflow.vegetation.biomass_forest import ForestForm
from uav_workflow.vegetation.biomass_forms import Floats, Form, Sample, TermForm, UnfitError
from uav_workflow.vegetation.biomass_gaussian import GaussianForm
from uav_workflow.vegetation.biomass_models import LEVEL, Prediction

INNER_FOLDS = 20
"""Most folds in which a rung is judged and its intervals calibrated."""
INDICES = ("ndvi_mean", "ndre_mean", "gli_mean")
"""Indices a rung may use, the first that every plot has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One model of the ladder.

    Attributes
    ----------
    least : int
        Fewest plots it is tried on.
    most : int, optional
        Most plots it is tried on.
    needs : callable (available predictors) -> predictors, or None
        What it reads; None when the plots do not have it.
    fit : callable (sample, predictors) -> Form
    flattered : callable (form, folds) -> float64 (n,), optional
        Of a form that is slow to fit: every plot without its group, cheaply and no worse than fitted anew.
    refit : callable (form, sample) -> Form, optional
        Of a form that is slow to fit: fitted anew on some of its plots, from where it stands; `fit` when absent.
    folds : int
        Most folds it is fitted anew in.
    """

    name: str
    least: int
    needs: Callable[[Sequence[str]], tuple[str, ...] | None]
    fit: Callable[[Sample, tuple[str, ...]], Form]
    most: int | None = None
    flattered: Callable[[Any, Folds], Floats] | None = None
    refit: Callable[[Any, Sample], Form] | None = None
    folds: int = INNER_FOLDS


def _with(*names: str) -> Callable[[Sequence[str]], tuple[str, ...] | None]:
    return lambda available: names if set(names) <= set(available) else None


def _with_index(available: Sequence[str]) -> tuple[str, ...] | None:
    index = next((name for name in INDICES if name in available), None)
    return ("height_mean", "fvc_green", index) if index and "fvc_green" in available else None


def _with_all(available: Sequence[str]) -> tuple[str, ...] | None:
    return _with_index(available) or _with("height_mean", "fvc_green")(available)


_COVERED = "height_mean x fvc_green"
LADDER: tuple[Rung, ...] = (
    Rung(
        name="linear_height",
        least=4,
        needs=_with("height_mean"),
        fit=lambda sample, _: TermForm.fit(sample, ["height_mean"]),
    ),
    Rung(
        name="log_log_height",
        least=4,
        needs=_with("height_mean"),
        fit=lambda sample, _: TermForm.fit(sample, ["ln height_mean"], logarithmic=True),
    ),
    Rung(
        name="height_cover",
        least=6,
        needs=_with("height_mean", "fvc_green"),
        fit=lambda sample, _: TermForm.fit(sample, [_COVERED]),
    ),
    Rung(
        name="height_cover_index",
        least=10,
        needs=_with_index,
        fit=lambda sample, names: TermForm.fit(sample, [_COVERED, names[2]]),
    ),
    Rung(
        name="gaussian_process",
        least=smallest_sample(LEVEL),
        most=59,
        needs=lambda available: _with_all(available) or _with("height_mean")(available),
        fit=GaussianForm.fit,
        flattered=GaussianForm.left_out,
        refit=GaussianForm.refitted,
        folds=5,
    ),
    Rung(
        name="quantile_forest",
        least=60,
        needs=_with_all,
        fit=ForestForm.fit,
    ),
)
"""From the simplest up: the one-standard-error rule takes the first that is as good as the best."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HarvestModel:
    """A fitted rung with its prediction interval.

    Attributes
    ----------
    width : float
        Score by which intervals are widened: the conformal quantile of plots whose group was left out.
    interval : str
        How the width was found.
    sd_factor : float
        Root mean square of the errors of left-out plots over the standard deviation the form gives them; at least 1.
    site_share : float
        Part of the error variance that all plots of a site share; NaN below `LEAST_SITES` sites.
    ranges : mapping of predictor to (least, most)
    """

    name: str
    form: Form
    width: float
    interval: str
    sd_factor: float
    site_share: float
    ranges: Mapping[str, tuple[float, float]]
    n: int

    @property
    def predictors(self) -> tuple[str, ...]:
        """Variables of the plot table it needs, in order."""
        return self.form.predictors

    def predict(self, predictors: Mapping[str, ArrayLike]) -> Prediction:
        """Biomass of plots or cells; NaN where a predictor is."""
        low, high = self.form.interval(predictors, self.width)
        return Prediction(
            agb_dry=self.form.middle(predictors),
            sd=self.sd_factor * self.form.sd(predictors),
            pi90_lo=low,
            pi90_hi=high,
        )

    def outside(self, predictors: Mapping[str, ArrayLike]) -> NDArray[np.bool_]:
        """Return where a predictor lies outside those of the training plots, or no training plot is alike."""
        found = [
            (np.asarray(predictors[name]) < low) | (np.asarray(predictors[name]) > high)
            for name, (low, high) in self.ranges.items()
        ]
        result: NDArray[np.bool_] = np.logical_or.reduce([*found, self.form.far(predictors)])
        return result

    def area_mean_sd(self, cell_sd: float, cells: int) -> float:
        """Standard deviation of the mean of many cells of one site: its own part does not average out.

        sqrt(site + rest / cells) of the variances; NaN when the training plots are of too few sites to know the share.
        """
        return cell_sd * math.sqrt(self.site_share + (1.0 - self.site_share) / max(cells, 1))

    def card(self) -> dict[str, Json]:
        """Parameters and meaning."""
        return {
            "model": self.name,
            "formula": self.form.formula,
            "interval_level": LEVEL,
            "interval": self.interval,
            "interval_score": self.width,
            "sd_factor": self.sd_factor,
            "site_share_of_variance": self.site_share if math.isfinite(self.site_share) else None,
            "ranges": {name: [low, high] for name, (low, high) in self.ranges.items()},
            "n": self.n,
            "parameters": self.form.to_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What a rung is worth on plots whose group was left out.

    Attributes
    ----------
    rmse : float
        g/m2, divided by n; NaN when it could not be fitted, for the reason given.
    mse, mse_se : float
        Mean squared error over plots, and the standard error of the mean over groups.
    """

    name: str
    rmse: float = math.nan
    mse: float = math.nan
    mse_se: float = math.nan
    reason: str = ""

    @property
    def upper(self) -> float:
        """The error and one standard error more; of single cases nothing is known of an error's error."""
        return self.mse + (self.mse_se if math.isfinite(self.mse_se) else 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _LeftOut:
    """Every plot as seen by the form fitted without its group, and the form fitted on all."""

    whole: Form
    middle: Floats
    sd: Floats
    score: Floats


def fit_ladder(sample: Sample, folds: Folds, rungs: Sequence[Rung] = LADDER) -> tuple[HarvestModel, tuple[Tried, ...]]:
    """Choose a rung by the groups left out and fit it on all plots.

    The first rung whose squared error lies within one standard error of the best one's (Breiman et al. 1984) is taken.

    Parameters
    ----------
    folds : Folds
        Of the sample; groups are merged to a rung's `folds`.

    Raises
    ------
    UnfitError
        No rung fits; the message is the first rung's reason.
    """
    tried: list[Tried] = []
    seen: dict[str, _LeftOut] = {}
    for rung in rungs:
        inner = merged(folds, rung.folds)
        try:
            bar = min((one.mse for one in tried if not one.reason), default=math.inf)
            seen[rung.name] = _leave_out(rung, sample, inner, bar)
            tried.append(_judged(rung.name, seen[rung.name].middle, sample, inner))
        except UnfitError as exc:
            tried.append(Tried(name=rung.name, reason=str(exc)))
    if not seen:
        raise UnfitError(tried[0].reason if tried else "no model to try")
    best = min((one for one in tried if one.name in seen), key=lambda one: one.mse)
    chosen = next(one.name for one in tried if one.name in seen and one.mse <= best.upper)
    return _finished(chosen, sample, folds, seen[chosen]), tuple(tried)


def cross_validate(sample: Sample, folds: Folds, rungs: Sequence[Rung] = LADDER) -> tuple[Prediction, tuple[str, ...]]:
    """Predict every group by a ladder climbed without it: choice, fit and intervals know nothing of it.

    Returns
    -------
    (prediction, rungs) : Prediction, tuple of str
        One value a plot, and the rung chosen in each fold. Where no rung fits without a group, the mean of the others
        is its prediction, without an interval.
    """
    found = np.full((4, sample.n), np.nan)
    chosen = []
    for kept, out in folds.split():
        others, ones = sample.among(kept), sample.among(out)
        try:
            model, _ = fit_ladder(others, folds.among(kept), rungs)
        except UnfitError:
            found[0, out] = others.agb.mean()
            chosen.append("mean")
            continue
        one = model.predict(ones.values)
        found[:, out] = one.agb_dry, one.sd, one.pi90_lo, one.pi90_hi
        chosen.append(model.name)
    agb, sd, low, high = found
    return Prediction(agb_dry=agb, sd=sd, pi90_lo=low, pi90_hi=high), tuple(chosen)


def _fit(rung: Rung, sample: Sample) -> Form:
    names = rung.needs(tuple(sample.values))
    if names is None:
        raise UnfitError("the plots lack a predictor")
    if sample.n < rung.least:
        raise UnfitError(f"{sample.n} plots, of at least {rung.least} needed")
    if rung.most is not None and sample.n > rung.most:
        raise UnfitError(f"{sample.n} plots, of at most {rung.most} it is meant for")
    return rung.fit(sample, names)


def _leave_out(rung: Rung, sample: Sample, folds: Folds, bar: float) -> _LeftOut:
    """Every plot without its group; `bar` is the least mean squared error of the simpler rungs."""
    whole = _fit(rung, sample)
    if rung.flattered is not None:
        # what can't be taken at its best is not fitted anew in every fold: that takes longer than all simpler rungs
        best = _judged(rung.name, rung.flattered(whole, folds), sample, folds)
        if best.upper >= min(bar, _error_of_mean(sample, folds)):
            raise UnfitError(f"no gain: {best.rmse:.4g} g/m2 even with its settings fitted on the plots left out")
    found, names = np.full((3, sample.n), np.nan), rung.needs(tuple(sample.values)) or ()
    for kept, out in folds.split():
        part, ones = sample.among(kept), sample.among(out)
        form = rung.refit(whole, part) if rung.refit is not None else rung.fit(part, names)
        found[:, out] = form.middle(ones.values), form.sd(ones.values), form.score(ones.values, ones.agb)
    real = _judged(rung.name, found[0], sample, folds)
    if rung.flattered is not None and real.upper >= _error_of_mean(sample, folds):
        # a line must rise with height; a form that may do anything must at least say more than the mean
        raise UnfitError(f"no better than the mean of the plots: {real.rmse:.4g} g/m2")
    return _LeftOut(whole=whole, middle=found[0], sd=found[1], score=found[2])


def _error_of_mean(sample: Sample, folds: Folds) -> float:
    """Mean squared error of the mean of the others."""
    off = [sample.agb[out] - sample.agb[kept].mean() for kept, out in folds.split()]
    return float(np.mean(np.concatenate(off) ** 2))


def _judged(name: str, middle: Floats, sample: Sample, folds: Folds) -> Tried:
    squared = (sample.agb - middle) ** 2
    by_group = np.array([squared[out].mean() for _, out in folds.split()])
    spread = float(by_group.std(ddof=1)) / math.sqrt(by_group.size) if by_group.size > 1 else math.nan
    mse = float(squared.mean())
    return Tried(name=name, rmse=math.sqrt(mse), mse=mse, mse_se=spread)


def _finished(name: str, sample: Sample, folds: Folds, seen: _LeftOut) -> HarvestModel:
    form = seen.whole
    student = form.student(LEVEL)
    if sample.n < smallest_sample(LEVEL) and student is not None:
        width, interval = student, "Student prediction interval"
    else:
        width = conformal_quantile(seen.score, LEVEL)
        what = "plots" if folds.scheme in ("leave_one_out", "random_folds") else f"groups ({folds.scheme})"
        interval = f"jackknife conformal: scores of {what} left out{form.scored_in}"
    return HarvestModel(
        name=name,
        form=form,
        width=width,
        interval=interval,
        sd_factor=_sd_factor(seen, sample.agb),
        site_share=_site_share(sample.agb - seen.middle, folds),
        ranges={name: (float(sample.values[name].min()), float(sample.values[name].max())) for name in form.predictors},
        n=sample.n,
    )


def _sd_factor(seen: _LeftOut, agb: Floats) -> float:
    stated = np.maximum(seen.sd, 1e-9)
    return max(1.0, math.sqrt(float(np.mean(((agb - seen.middle) / stated) ** 2))))


def _site_share(errors: Floats, folds: Folds) -> float:
    """Part of the variance between sites: one-way analysis of variance with random groups (Searle et al. 1992)."""
    if folds.scheme != "leave_site_out" or folds.n_groups < LEAST_SITES:
        return math.nan
    parts = [errors[out] for _, out in folds.split()]
    sizes = np.array([part.size for part in parts], dtype=np.float64)
    means = np.array([part.mean() for part in parts])
    within = sum(float(((part - part.mean()) ** 2).sum()) for part in parts) / max(errors.size - len(parts), 1)
    between = float((sizes * (means - errors.mean()) ** 2).sum()) / (len(parts) - 1)
    typical = (errors.size - float((sizes**2).sum()) / errors.size) / (len(parts) - 1)
    site = max(0.0, (between - within) / typical)
    return site / (site + within) if site + within > 0 else math.nan
