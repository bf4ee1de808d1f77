"""How well predictions agree with observations."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def paired(predicted: ArrayLike, observed: ArrayLike) -> tuple[Floats, Floats]:
    """Both as float64 vectors of one length, pairs with a missing side dropped.

    Raises
    ------
    ValueError
        The lengths differ.
    """
    p = np.asarray(predicted, dtype=np.float64).ravel()
    o = np.asarray(observed, dtype=np.float64).ravel()
    if p.shape != o.shape:
        raise ValueError(f"{p.size} predictions do not pair with {o.size} observations")
    keep = np.isfinite(p) & np.isfinite(o)
    return p[keep], o[keep]


def r2_centred(predicted: ArrayLike, observed: ArrayLike) -> float:
    """1 - SSE/SST against the mean of the observations (Kvålseth 1985, R2_1); negative when worse than the mean.

    The uncentred form that programs print for models through the origin is never used: 0.75 there can be 0.50 here.
    NaN when the observations do not vary.
    """
    p, o = paired(predicted, observed)
    total = float(np.sum((o - o.mean()) ** 2)) if o.size else 0.0
    return 1.0 - float(np.sum((o - p) ** 2)) / total if total > 0 else math.nan


def pearson_r(predicted: ArrayLike, observed: ArrayLike) -> float:
    """Pearson's product-moment correlation; NaN when one side does not vary."""
    p, o = paired(predicted, observed)
    if p.size < 2:
        return math.nan
    dp, do = p - p.mean(), o - o.mean()
    scale = math.sqrt(float(dp @ dp) * float(do @ do))
    return float(dp @ do) / scale if scale > 0 else math.nan


def rmse(predicted: ArrayLike, observed: ArrayLike) -> float:
    """Root mean square error, divided by n; NaN without pairs."""
    p, o = paired(predicted, observed)
    return math.sqrt(float(np.mean((p - o) ** 2))) if p.size else math.nan


def mae(predicted: ArrayLike, observed: ArrayLike) -> float:
    """Mean absolute error; NaN without pairs."""
    p, o = paired(predicted, observed)
    return float(np.mean(np.abs(p - o))) if p.size else math.nan


def bias(predicted: ArrayLike, observed: ArrayLike, level: float = 0.95) -> tuple[float, float, float]:
    """Mean of predicted - observed with its Student confidence interval.

    Returns
    -------
    (bias, low, high) : tuple of float
        The interval is NaN below two pairs.
    """
    from scipy.stats import t

    p, o = paired(predicted, observed)
    error = p - o
    if error.size == 0:
        return math.nan, math.nan, math.nan
    mean = float(error.mean())
    if error.size < 2:
        return mean, math.nan, math.nan
    half = float(t.ppf(0.5 + level / 2, error.size - 1)) * float(error.std(ddof=1)) / math.sqrt(error.size)
    return mean, mean - half, mean + half


def concordance(predicted: ArrayLike, observed: ArrayLike) -> float:
    """Lin's concordance correlation coefficient (Lin 1989, Biometrics 45, eq. for rho_c; moments divided by n)."""
    p, o = paired(predicted, observed)
    if p.size < 2:
        return math.nan
    covariance = float(np.mean((p - p.mean()) * (o - o.mean())))
    scale = float(p.var() + o.var() + (p.mean() - o.mean()) ** 2)
    return 2.0 * covariance / scale if scale > 0 else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The agreement block of one variable; percentages are of the observations. NaN where not defined."""

    n: int
    mean_observed: float
    sd_observed: float
    min_observed: float
    max_observed: float
    r2: float
    """Centred, 1 - SSE/SST (see `r2_centred`)."""
    r: float
    rmse: float
    rmse_unbiased: float
    """Standard deviation of the errors about their mean, divided by n."""
    rrmse_percent: float
    """Of the mean of the observations."""
    nrmse_percent: float
    """Of the range of the observations."""
    mae: float
    error_median: float
    """Median of the absolute errors."""
    error_p90: float
    """Nine in ten absolute errors are smaller."""
    bias: float
    """Predicted - observed."""
    bias_ci95_lo: float
    bias_ci95_hi: float
    ccc: float

    @classmethod
    def of(cls, predicted: ArrayLike, observed: ArrayLike) -> Agreement:
        """Block of every pair with both sides present."""
        p, o = paired(predicted, observed)
        mean_error, low, high = bias(p, o)
        error = rmse(p, o)
        has = o.size > 0
        span = float(o.max() - o.min()) if has else 0.0
        mean = float(o.mean()) if has else math.nan
        return cls(
            n=int(o.size),
            mean_observed=mean,
            sd_observed=float(o.std(ddof=1)) if o.size > 1 else math.nan,
            min_observed=float(o.min()) if has else math.nan,
            max_observed=float(o.max()) if has else math.nan,
            r2=r2_centred(p, o),
            r=pearson_r(p, o),
            rmse=error,
            rmse_unbiased=float((p - o).std()) if has else math.nan,
            rrmse_percent=100.0 * error / mean if has and mean > 0 else math.nan,
            nrmse_percent=100.0 * error / span if span > 0 else math.nan,
            mae=mae(p, o),
            error_median=float(np.median(np.abs(p - o))) if has else math.nan,
            error_p90=float(np.quantile(np.abs(p - o), 0.9)) if has else math.nan,
            bias=mean_error,
            bias_ci95_lo=low,
            bias_ci95_hi=high,
            ccc=concordance(p, o),
        )
