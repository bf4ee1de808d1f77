"""Straight lines: ordinary, through zero, and with errors on both sides."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from uav_workflow.statistics.agreement import Floats, paired


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """``y = intercept + slope x`` with standard errors (NaN where not defined)."""

    slope: float
    intercept: float
    slope_se: float = math.nan
    intercept_se: float = math.nan

    def at(self, x: ArrayLike) -> Floats:
        """Ordinates at x, float64."""
        return self.intercept + self.slope * np.asarray(x, dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdinaryFit:
    """An ordinary least squares line with what its predictions need.

    Attributes
    ----------
    line : Line
    n : int
    x_mean, x_scatter : float
        Mean of x and the sum of squares about it.
    residual_sd : float
        sqrt(SSE / (n - 2)); NaN below three points.
    residuals, leverages : float64 (n,)
        ``y - fitted`` and the diagonal of the hat matrix.
    """

    line: Line
    n: int
    x_mean: float
    x_scatter: float
    residual_sd: float
    residuals: Floats
    leverages: Floats

    def leverage(self, x: ArrayLike) -> Floats:
        """Leverage a new point at x would have: 1/n + (x - mean)^2 / scatter (Draper and Smith 1998)."""
        distance = np.asarray(x, dtype=np.float64) - self.x_mean
        return 1.0 / self.n + distance**2 / self.x_scatter

    @property
    def leave_one_out_residuals(self) -> Floats:
        """``y_i`` minus the prediction of the line fitted without i: e_i / (1 - h_i) (Allen 1974, PRESS)."""
        return self.residuals / (1.0 - self.leverages)


def ordinary(x: ArrayLike, y: ArrayLike) -> OrdinaryFit:
    """Ordinary least squares of y on x.

    Raises
    ------
    ValueError
        Fewer than two points, or x does not vary.
    """
    xs, ys = paired(x, y)
    scatter = float(np.sum((xs - xs.mean()) ** 2)) if xs.size else 0.0
    if xs.size < 2 or scatter <= 0.0:
        raise ValueError(f"a line needs two different abscissae; there are {xs.size} points")
    x_mean, y_mean = float(xs.mean()), float(ys.mean())
    slope = float(np.sum((xs - x_mean) * (ys - y_mean))) / scatter
    intercept = y_mean - slope * x_mean
    residuals = ys - (intercept + slope * xs)
    sd = math.sqrt(float(residuals @ residuals) / (xs.size - 2)) if xs.size > 2 else math.nan
    line = Line(
        slope=slope,
        intercept=intercept,
        slope_se=sd / math.sqrt(scatter),
        intercept_se=sd * math.sqrt(1.0 / xs.size + x_mean**2 / scatter),
    )
    leverages = 1.0 / xs.size + (xs - x_mean) ** 2 / scatter
    return OrdinaryFit(
        line=line,
        n=int(xs.size),
        x_mean=x_mean,
        x_scatter=scatter,
        residual_sd=sd,
        residuals=residuals,
        leverages=leverages,
    )


def through_zero(x: ArrayLike, y: ArrayLike) -> Line:
    """Least squares line through the origin: slope = sum(xy) / sum(x^2).

    Raises
    ------
    ValueError
        No point with x other than 0.
    """
    xs, ys = paired(x, y)
    scale = float(xs @ xs)
    if scale <= 0.0:
        raise ValueError("a line through zero needs a point away from it")
    slope = float(xs @ ys) / scale
    residuals = ys - slope * xs
    sd = math.sqrt(float(residuals @ residuals) / (xs.size - 1)) if xs.size > 1 else math.nan
    return Line(slope=slope, intercept=0.0, slope_se=sd / math.sqrt(scale), intercept_se=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustLine:
    """``y = intercept + slope x`` that a third of wild points does not move, with the interval of its slope."""

    slope: float
    intercept: float
    slope_lo: float
    slope_hi: float


def theil_sen(x: ArrayLike, y: ArrayLike, level: float = 0.95) -> RobustLine:
    """Median of the slopes between all pairs of points (Theil 1950; interval and ties after Sen 1968).

    The intercept is ``median(y) - slope median(x)`` (Conover 1980). NaN below three points or where x does not vary.
    """
    from scipy.stats import theilslopes

    xs, ys = paired(x, y)
    if xs.size < 3 or np.ptp(xs) == 0.0:
        return RobustLine(slope=math.nan, intercept=math.nan, slope_lo=math.nan, slope_hi=math.nan)
    found = theilslopes(ys, xs, level, method="separate")
    low, high = float(found.low_slope), float(found.high_slope)
    return RobustLine(slope=float(found.slope), intercept=float(found.intercept), slope_lo=low, slope_hi=high)


def observed_on_predicted(predicted: ArrayLike, observed: ArrayLike) -> Line:
    """Ordinary line of observed (y) on predicted (x): 1 and 0 for a sound model (Piñeiro et al. 2008).

    The other way round the slope is below 1 even for a sound model, because predictions vary less than what is
    observed. NaN where the predictions do not vary.
    """
    p, o = paired(predicted, observed)
    if p.size < 3 or np.ptp(p) == 0.0:
        return Line(slope=math.nan, intercept=math.nan)
    return ordinary(p, o).line


def deming(x: ArrayLike, y: ArrayLike, error_variance_ratio: float = 1.0) -> Line:
    """Line with errors on both sides (Deming 1943; closed form after Linnet 1993, Clin. Chem. 39, 424).

    Parameters
    ----------
    error_variance_ratio : float
        lambda = error variance of y / error variance of x. It is an assumption: state it beside the slope.

    Returns
    -------
    Line
        Standard errors by the jackknife (Linnet 1993). NaN below three points or without covariance.
    """
    return _jackknifed(lambda a, b: _deming_once(a, b, error_variance_ratio), *paired(x, y))


def reduced_major_axis(x: ArrayLike, y: ArrayLike) -> Line:
    """Geometric mean regression: slope = sign(r) sd(y) / sd(x) (Ricker 1973); standard errors by the jackknife."""
    return _jackknifed(_rma_once, *paired(x, y))


def _deming_once(x: Floats, y: Floats, ratio: float) -> tuple[float, float]:
    sxx, syy = float(x.var(ddof=1)), float(y.var(ddof=1))
    sxy = float(np.cov(x, y)[0, 1])
    if sxy == 0.0:
        return math.nan, math.nan
    gap = syy - ratio * sxx
    slope = (gap + math.sqrt(gap**2 + 4.0 * ratio * sxy**2)) / (2.0 * sxy)
    return slope, float(y.mean()) - slope * float(x.mean())


def _rma_once(x: Floats, y: Floats) -> tuple[float, float]:
    sx, sxy = float(x.std(ddof=1)), float(np.cov(x, y)[0, 1])
    if sx == 0.0 or sxy == 0.0:
        return math.nan, math.nan
    slope = math.copysign(float(y.std(ddof=1)) / sx, sxy)
    return slope, float(y.mean()) - slope * float(x.mean())


def _jackknifed(fit: Callable[[Floats, Floats], tuple[float, float]], x: Floats, y: Floats) -> Line:
    n = x.size
    if n < 3:
        return Line(slope=math.nan, intercept=math.nan)
    slope, intercept = fit(x, y)
    if n < 4:
        return Line(slope=slope, intercept=intercept)
    keep = ~np.eye(n, dtype=bool)
    parts = np.array([fit(x[row], y[row]) for row in keep])
    spread = np.sqrt((n - 1) / n * np.sum((parts - parts.mean(axis=0)) ** 2, axis=0))
    return Line(slope=slope, intercept=intercept, slope_se=float(spread[0]), intercept_se=float(spread[1]))
