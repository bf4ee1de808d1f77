"""Prediction intervals: conformal quantiles, and how often an interval holds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


def conformal_quantile(scores: ArrayLike, level: float) -> float:
    """The ceil(level (n + 1))-th smallest score (Vovk et al. 2005; Lei et al. 2018): infinite when n is too small.

    An interval of this half-width holds at least `level` of new cases when they are exchangeable with the scores.
    """
    values = np.sort(np.asarray(scores, dtype=np.float64).ravel())
    rank = math.ceil(level * (values.size + 1) - 1e-9)
    return float(values[rank - 1]) if 1 <= rank <= values.size else math.inf


def smallest_sample(level: float) -> int:
    """Fewest scores for which `conformal_quantile` is finite: 9 at 90 %."""
    return math.ceil(level / (1.0 - level) - 1e-9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How often intervals held the observation, and how wide they are."""

    n: int
    share: float
    mean_width: float


def interval_coverage(low: ArrayLike, high: ArrayLike, observed: ArrayLike) -> Coverage:
    """Share of observations inside ``[low, high]`` and mean width; pairs with a missing side are left out."""
    lo, hi, o = (np.asarray(side, dtype=np.float64).ravel() for side in (low, high, observed))
    keep = np.isfinite(lo) & np.isfinite(hi) & np.isfinite(o)
    lo, hi, o = lo[keep], hi[keep], o[keep]
    if o.size == 0:
        return Coverage(n=0, share=math.nan, mean_width=math.nan)
    inside = (lo <= o) & (o <= hi)
    return Coverage(n=int(o.size), share=float(inside.mean()), mean_width=float((hi - lo).mean()))
