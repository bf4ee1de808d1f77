"""The empirical line: reflectance of a mosaic's numbers from ground targets of known reflectance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.product import Json
from uav_workflow.domain.quality import Gate

FloatArray = NDArray[np.float64]

LINE_LIMITS: Mapping[str, tuple[float, float]] = {
    "target-levels": (2.0, 1.0),
    "target-r2": (0.98, 0.90),
    "target-loo-rmse": (0.02, 0.05),
    "target-intercept": (0.03, 0.10),
    "target-extrapolated": (0.05, 0.50),
}
"""Bound of a warning and of a failure, by gate; reflectance, shares."""
_LEVEL_STEP, _LEVEL_RATIO = 0.03, 1.25
"""Targets nearer to each other than this are one level: their difference is mostly error, and so would be a slope."""
_ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetReading:
    """What a mosaic shows of one target in one band.

    Attributes
    ----------
    signal, signal_sd : float
        Trimmed mean of the mosaic's linear numbers inside the target, and its standard error.
    reflectance, sd : float
        As measured on the ground, with its standard uncertainty.
    cv : float
        Standard deviation over mean of the pixels.
    """

    target_id: str
    band: str
    signal: float
    signal_sd: float
    reflectance: float
    sd: float
    pixels: int
    cv: float

    def seen_once(self, relative_sd: float) -> TargetReading:
        """With what the mosaic is off at one place, relative: a target lies in one photo, and has its error."""
        return replace(self, signal_sd=math.hypot(self.signal_sd, relative_sd * self.signal))


@dataclass(frozen=True, slots=True, kw_only=True)
class EmpiricalLine:
    """Reflectance = slope x signal + intercept, of one band.

    Attributes
    ----------
    covariance : float64 (2, 2)
        Of slope and intercept.
    levels : int
        Distinct levels of reflectance among the targets; with one the line goes through the origin.
    r2 : float
        Weighted; NaN for fewer than three targets, through two points any line is perfect.
    loo_rmse : float
        Each target predicted by a line fitted to the others, root mean square of the errors; NaN for one target.
    residual_sd : float
        Scatter of single targets about the line, beyond what their own uncertainties explain; 0 where it can't be told.
    low, high : float
        Range of the targets' signals; a line through the origin reaches down to 0.
    """

    band: str
    slope: float
    intercept: float
    covariance: FloatArray
    targets: int
    levels: int
    r2: float
    loo_rmse: float
    residual_sd: float
    low: float
    high: float

    def apply(self, signal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Reflectance of signals, any shape; NaN stays NaN."""
        return np.float32(self.slope) * signal + np.float32(self.intercept)

    def variance(self, signal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Variance of `apply` from the line alone, same shape: all pixels of a band err together."""
        (ss, si), (_, ii) = self.covariance
        found: NDArray[np.float32] = np.float32(ss) * signal * signal + np.float32(2 * si) * signal + np.float32(ii)
        return np.maximum(found, np.float32(0))

    @property
    def usable(self) -> bool:
        """Whether a line that rises was found, and none of its gates failed."""
        return self.slope > 0 and all(gate.verdict != "fail" for gate in self.gates())

    def gates(self) -> list[Gate]:
        """Gates of the line itself; what one or two targets can't tell has none."""
        gates = [Gate.at_least(f"target-levels[{self.band}]", self.levels, *LINE_LIMITS["target-levels"])]
        if self.targets > 2:
            gates.append(Gate.at_least(f"target-r2[{self.band}]", self.r2, *LINE_LIMITS["target-r2"]))
        if self.targets > 1:
            gates.append(Gate.at_most(f"target-loo-rmse[{self.band}]", self.loo_rmse, *LINE_LIMITS["target-loo-rmse"]))
        if self.levels > 1:
            size = abs(self.intercept)
            gates.append(Gate.at_most(f"target-intercept[{self.band}]", size, *LINE_LIMITS["target-intercept"]))
        return gates

    def to_json(self) -> dict[str, Json]:
        """Plain dictionary for JSON."""
        return {
            "band": self.band,
            "slope": self.slope,
            "intercept": self.intercept,
            "slope_sd": math.sqrt(self.covariance[0, 0]),
            "intercept_sd": math.sqrt(self.covariance[1, 1]),
            "targets": self.targets,
            "levels": self.levels,
            "r2": _finite(self.r2),
            "loo_rmse": _finite(self.loo_rmse),
            "residual_sd": self.residual_sd,
            "signal_range": [self.low, self.high],
        }


def fit_line(readings: Sequence[TargetReading]) -> EmpiricalLine:
    """Fit the line of one band (empirical line method: Smith and Milton, 1999, Int. J. Remote Sens. 20, 2653).

    Weighted least squares with errors on both axes by effective variance (Orear, 1982, Am. J. Phys. 50, 912): the
    weight of a target is 1 / (sd² + slope² signal_sd²). The intercept is free where the targets have two levels or
    more; targets of one level give a line through the origin, because mosaics of calibrated captures and linearised
    photos have no offset by themselves. Where targets scatter more than their uncertainties explain, the covariance
    grows by as much.

    Parameters
    ----------
    readings : sequence of TargetReading
        Of one band; at least one.

    Raises
    ------
    ValueError
        There is none.
    """
    if not readings:
        raise ValueError("a line needs at least one target")
    signal, noise, truth, sd = (
        np.array([getattr(row, name) for row in readings], np.float64)
        for name in ("signal", "signal_sd", "reflectance", "sd")
    )
    levels = _levels(truth)
    line, covariance, misfit, weights = _solve(signal, noise, truth, sd, free=levels > 1)
    freedom = len(readings) - (2 if levels > 1 else 1)
    excess = float(weights @ misfit**2) / freedom if freedom > 0 else 1.0
    return EmpiricalLine(
        band=readings[0].band,
        slope=line[0],
        intercept=line[1],
        covariance=covariance * max(1.0, excess),
        targets=len(readings),
        levels=levels,
        r2=_r2(truth, misfit, weights) if len(readings) > 2 else math.nan,
        loo_rmse=_left_out(signal, noise, truth, sd),
        residual_sd=_scatter(_design(signal, free=levels > 1), misfit, weights),
        low=0.0 if levels == 1 else float(signal.min()),
        high=float(signal.max()),
    )


def _levels(reflectance: FloatArray) -> int:
    count, last = 0, -math.inf
    for value in np.sort(reflectance):
        if value - last > _LEVEL_STEP and value > _LEVEL_RATIO * last:
            count, last = count + 1, float(value)
    return count


def _solve(
    signal: FloatArray, noise: FloatArray, truth: FloatArray, sd: FloatArray, *, free: bool
) -> tuple[tuple[float, float], FloatArray, FloatArray, FloatArray]:
    """(slope, intercept), their covariance, residuals and weights."""
    design = _design(signal, free=free)
    slope = 0.0
    weights = np.ones_like(signal)
    normal = design.T @ design
    found: FloatArray = np.zeros(design.shape[1])
    for _ in range(_ROUNDS):
        weights = 1.0 / (sd**2 + (slope * noise) ** 2)
        normal = design.T @ (weights[:, None] * design)
        found = np.asarray(np.linalg.solve(normal, design.T @ (weights * truth)), np.float64)
        slope = float(found[0])
    covariance = np.zeros((2, 2))
    covariance[: len(found), : len(found)] = np.linalg.inv(normal)
    return (slope, float(found[1]) if free else 0.0), covariance, truth - design @ found, weights


def _design(signal: FloatArray, *, free: bool) -> FloatArray:
    return np.column_stack([signal, np.ones_like(signal)])[:, : 2 if free else 1]


def _r2(truth: FloatArray, misfit: FloatArray, weights: FloatArray) -> float:
    middle = float(np.average(truth, weights=weights))
    total = float(weights @ (truth - middle) ** 2)
    return 1.0 - float(weights @ misfit**2) / total if total > 0 else math.nan


def _left_out(signal: FloatArray, noise: FloatArray, truth: FloatArray, sd: FloatArray) -> float:
    if len(signal) < 2:
        return math.nan
    errors = []
    for place in range(len(signal)):
        kept = np.arange(len(signal)) != place
        free = _levels(truth[kept]) > 1
        (slope, intercept), *_ = _solve(signal[kept], noise[kept], truth[kept], sd[kept], free=free)
        errors.append(slope * signal[place] + intercept - truth[place])
    return float(np.sqrt(np.mean(np.square(errors))))


def _scatter(design: FloatArray, misfit: FloatArray, weights: FloatArray) -> float:
    """Standard deviation about the line less what the targets' own uncertainties make of it.

    The method of moments of meta-regression (DerSimonian and Kacker, 2007, Contemp. Clin. Trials 28, 105).
    """
    freedom = len(misfit) - design.shape[1]
    if freedom < 1:
        return 0.0
    inverse = np.linalg.inv(design.T @ (weights[:, None] * design))
    spread = float(weights.sum() - np.trace(inverse @ (design.T @ (weights[:, None] ** 2 * design))))
    return math.sqrt(max(0.0, float(weights @ misfit**2) - freedom) / spread) if spread > 0 else 0.0


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
