"""Start, peak and end of a season from a few dated values, or why they can't be told."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

LEAST_DATES = 4
LEAST_FOR_CURVE = 8
"""Two more than the double logistic has parameters."""
LEAST_AMPLITUDE = 0.05
"""Of a share or an index: less is taken for noise of light and threshold."""
MISFIT = 0.15
"""RMSE over amplitude beyond which the curve is not believed."""
DOUBLE_LOGISTIC = "double logistic (Beck et al. 2006)"
HALF_MAXIMUM = "half of the amplitude (White et al. 1997)"
_STEEPEST, _GENTLEST = 1.0, 0.01
"""Of the logistic branches, 1/day: rise within a week, rise over a year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """A season, days in the unit of the dates given; NaN where a date can't be told.

    Attributes
    ----------
    method : str
        `DOUBLE_LOGISTIC`, `HALF_MAXIMUM`, or empty where nothing was told.
    start, peak, end : float
        Start and end are where the curve rises and falls through half of its amplitude.
    start_between, end_between : (float, float)
        The dates on either side: without a curve nothing is known inside them.
    start_sd, end_sd : float
        Standard errors of the fitted curve; NaN without one.
    base, top : float
        Least and greatest value (of the curve where one is fitted).
    rmse : float
        Of the curve; NaN without one.
    note : str
        What can't be told, and why.
    """

    method: str = ""
    start: float = math.nan
    peak: float = math.nan
    end: float = math.nan
    start_between: tuple[float, float] = (math.nan, math.nan)
    end_between: tuple[float, float] = (math.nan, math.nan)
    start_sd: float = math.nan
    end_sd: float = math.nan
    base: float = math.nan
    top: float = math.nan
    rmse: float = math.nan
    note: str = ""


def season(days: ArrayLike, values: ArrayLike) -> Season:
    """Season of one growing period.

    Eight dates or more, of which some lie below half of the amplitude on both sides of the peak: a double logistic;
    its start and end are its points of inflection. Fewer, or a curve that does not fit: straight lines between the
    dates, and their crossings of half of the amplitude.

    Parameters
    ----------
    days : (n,)
        In any order; values of one day are averaged.
    values : (n,)
        Cover or a greenness index; NaN is left out.

    Returns
    -------
    Season
        With a note instead of dates where these do not allow any: too few dates, no amplitude, the greatest value at
        the first or last date.
    """
    t, v = _daily(days, values)
    if t.size < LEAST_DATES:
        return Season(note=f"{t.size} date{'s' if t.size != 1 else ''}, of at least {LEAST_DATES} needed")
    base, top, peak = float(v.min()), float(v.max()), int(np.argmax(v))
    if top - base < LEAST_AMPLITUDE:
        return Season(base=base, top=top, note=f"amplitude of {top - base:.3f}: nothing grows that could be told")
    if peak in (0, t.size - 1):
        where = "first" if peak == 0 else "last"
        return Season(base=base, top=top, note=f"greatest on the {where} date: the peak may lie outside")
    plain = _crossings(t, v, base, top, peak)
    if t.size < LEAST_FOR_CURVE or math.isnan(plain.start) or math.isnan(plain.end):
        return plain
    return _double_logistic(t, v, plain) or plain


def double_logistic(t: ArrayLike, parameters: ArrayLike) -> Floats:
    """Beck et al. 2006 (Remote Sens. Environ. 100, 321), eq. 3.

    Parameters
    ----------
    t : (n,) days
    parameters : (6,)
        Base, top, inflection of the rise and of the fall (days), slopes of the rise and of the fall (1/day).
    """
    base, top, start, end, rise, fall = np.asarray(parameters, dtype=np.float64)
    days = np.asarray(t, dtype=np.float64)
    up = 1.0 / (1.0 + np.exp(np.clip(-rise * (days - start), -500, 500)))
    down = 1.0 / (1.0 + np.exp(np.clip(fall * (days - end), -500, 500)))
    curve: Floats = base + (top - base) * (up + down - 1.0)
    return curve


def _daily(days: ArrayLike, values: ArrayLike) -> tuple[Floats, Floats]:
    """Days in order with the mean of their values."""
    t, v = np.asarray(days, dtype=np.float64).ravel(), np.asarray(values, dtype=np.float64).ravel()
    known = np.isfinite(t) & np.isfinite(v)
    unique, index = np.unique(t[known], return_inverse=True)
    return unique, np.bincount(index, v[known], unique.size) / np.maximum(np.bincount(index, minlength=unique.size), 1)


def _crossings(t: Floats, v: Floats, base: float, top: float, peak: int) -> Season:
    half = base + 0.5 * (top - base)
    before = [i for i in range(peak) if v[i] < half]
    after = [i for i in range(peak + 1, t.size) if v[i] < half]
    missing = []
    start, start_between = math.nan, (math.nan, math.nan)
    end, end_between = math.nan, (math.nan, math.nan)
    if before:
        i = before[-1]
        start, start_between = _between(t, v, i, i + 1, half), (float(t[i]), float(t[i + 1]))
    else:
        missing.append("no date before the peak lies below half of the amplitude: no start")
    if after:
        i = after[0]
        end, end_between = _between(t, v, i - 1, i, half), (float(t[i - 1]), float(t[i]))
    else:
        missing.append("no date after the peak lies below half of the amplitude: no end")
    return Season(
        method=HALF_MAXIMUM,
        start=start,
        peak=float(t[peak]),
        end=end,
        start_between=start_between,
        end_between=end_between,
        base=base,
        top=top,
        note="; ".join(missing),
    )


def _between(t: Floats, v: Floats, i: int, j: int, level: float) -> float:
    return float(t[i] + (level - v[i]) / (v[j] - v[i]) * (t[j] - t[i]))


def _double_logistic(t: Floats, v: Floats, plain: Season) -> Season | None:
    """Fit the curve from where the crossings lie; None where it does not converge or does not fit."""
    from scipy.optimize import OptimizeWarning, curve_fit

    span, amplitude = float(np.ptp(v)), plain.top - plain.base
    first = (plain.base, plain.top, plain.start, plain.end, 0.1, 0.1)
    low = (plain.base - span, plain.base, t[0], plain.peak, _GENTLEST, _GENTLEST)
    high = (plain.top, plain.top + span, plain.peak, t[-1], _STEEPEST, _STEEPEST)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizeWarning)
            found, covariance = curve_fit(lambda x, *p: double_logistic(x, p), t, v, p0=first, bounds=(low, high))
    except RuntimeError:
        return None
    rmse = float(np.sqrt(np.mean((double_logistic(t, found) - v) ** 2)))
    if rmse > MISFIT * amplitude:
        return None
    daily = np.arange(t[0], t[-1] + 0.5, 1.0)
    curve = double_logistic(daily, found)
    errors = np.sqrt(np.diag(covariance))
    return Season(
        method=DOUBLE_LOGISTIC,
        start=float(found[2]),
        peak=float(daily[int(np.argmax(curve))]),
        end=float(found[3]),
        start_between=plain.start_between,
        end_between=plain.end_between,
        start_sd=float(errors[2]),
        end_sd=float(errors[3]),
        base=float(found[0]),
        top=float(curve.max()),
        rmse=rmse,
    )
