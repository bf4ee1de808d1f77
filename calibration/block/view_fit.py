"""Walthall's model fitted to the overlaps of a flight: the same ground seen from two directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.planning.view import ViewModel

FloatArray = NDArray[np.float64]

_PLACE_SIGMA = 0.05
"""Relative: what two views of one place differ by beside gain and direction."""
_COEFFICIENT_SIGMA = 1.0
"""Prior of a and b: grass brightens by half to a degree of 40, a coefficient of one."""
_NOTHING = 1e-9
"""Prior of a coefficient that is not fitted."""
_STEADY_GAIN, _CHANGING_GAIN = 0.01, 0.2
"""Trust in the light of single pictures."""
_HUBER = 1.5
_ROUNDS = 15
_FEWEST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoViews:
    """Places of one pair of pictures: log ratio of their light, and Walthall's terms in each.

    Attributes
    ----------
    first, second : int
        Pictures.
    logs : float64 (n,)
        log(first / second).
    squared, sided : float64 (n, 2)
        Terms of `ViewGeometry.terms` in the first and the second picture.
    """

    first: int
    second: int
    logs: FloatArray
    squared: FloatArray
    sided: FloatArray

    def part(self, start: int) -> TwoViews:
        """Every other place."""
        chosen = slice(start, None, 2)
        return TwoViews(
            first=self.first,
            second=self.second,
            logs=self.logs[chosen],
            squared=self.squared[chosen],
            sided=self.sided[chosen],
        )


def fit_view(count: int, pairs: Sequence[TwoViews], *, steady: bool) -> ViewModel | None:
    """Fit a and b, and the gain of each of ``count`` pictures besides; None when there are too few places.

    log s_i - log s_j = g_i - g_j + log B_i - log B_j by iterated least squares with Huber weights; half of the places
    fit, the other half judge.

    Parameters
    ----------
    steady : bool
        Whether the light was: a brightness that falls to one side of every picture looks like gains that fall across
        the block, so b is fitted under steady light alone and 0 otherwise.
    """
    fitting, judging = [pair.part(0) for pair in pairs], [pair.part(1) for pair in pairs]
    if sum(len(pair.logs) for pair in fitting) < _FEWEST:
        return None
    gain_sigma = _STEADY_GAIN if steady else _CHANGING_GAIN
    coefficients = (_COEFFICIENT_SIGMA, _COEFFICIENT_SIGMA if steady else _NOTHING)
    (a, b), gains, errors = _solve(count, fitting, gain_sigma, coefficients)
    _, plain, _ = _solve(count, fitting, gain_sigma, (_NOTHING, _NOTHING))
    return ViewModel(
        a=a,
        b=b if steady else 0.0,
        a_sd=errors[0],
        b_sd=errors[1],
        before=_disagreement(judging, plain, 0.0, 0.0),
        after=_disagreement(judging, gains, a, b),
    )


def _solve(
    count: int, pairs: Sequence[TwoViews], gain_sigma: float, coefficient_sigma: tuple[float, float]
) -> tuple[tuple[float, float], FloatArray, tuple[float, float]]:
    """Coefficients, log gains, and the coefficients' standard errors (Gauss and Newton)."""
    first = np.concatenate([np.full(len(pair.logs), pair.first) for pair in pairs])
    second = np.concatenate([np.full(len(pair.logs), pair.second) for pair in pairs])
    logs, squared, sided = (
        np.concatenate([getattr(pair, name) for pair in pairs]) for name in ("logs", "squared", "sided")
    )
    unknown = np.zeros(2 + count)
    prior = np.concatenate([coefficient_sigma, np.full(count, gain_sigma)]) ** -2.0
    weights, normal = np.ones(len(logs)), np.eye(2 + count)
    for _ in range(_ROUNDS):
        bright = np.maximum(1 + unknown[0] * squared + unknown[1] * sided, 0.2)
        modelled = np.log(bright[:, 0] / bright[:, 1]) + unknown[2 + first] - unknown[2 + second]
        misfit = (logs - modelled) / _PLACE_SIGMA
        weights = np.minimum(1.0, _HUBER / np.maximum(np.abs(misfit), 1e-12)) / _PLACE_SIGMA**2
        slopes = np.stack([np.subtract(*(squared / bright).T), np.subtract(*(sided / bright).T)], axis=1)
        normal, right = _normal(slopes, (first, second), weights, logs - modelled, count)
        normal += np.diag(prior)
        step = np.linalg.solve(normal, right - prior * unknown)
        unknown = unknown + step
        if np.abs(step).max() < 1e-6:
            break
    errors = np.sqrt(np.diag(np.linalg.inv(normal))[:2])
    return (float(unknown[0]), float(unknown[1])), unknown[2:], (float(errors[0]), float(errors[1]))


def _normal(
    slopes: FloatArray,
    pictures: tuple[NDArray[np.intp], NDArray[np.intp]],
    weights: FloatArray,
    rest: FloatArray,
    count: int,
) -> tuple[FloatArray, FloatArray]:
    """Normal equations of coefficients and gains without the design matrix, which would have a column a picture."""
    normal, right = np.zeros((2 + count, 2 + count)), np.zeros(2 + count)
    weighted = slopes * weights[:, np.newaxis]
    normal[:2, :2] = slopes.T @ weighted
    right[:2] = weighted.T @ rest
    first, second = pictures
    for own, sign in ((first, 1.0), (second, -1.0)):
        np.add.at(normal, (2 + own, 2 + own), weights)
        np.add.at(right, 2 + own, sign * weights * rest)
        for k in (0, 1):
            np.add.at(normal[k], 2 + own, sign * weighted[:, k])
    np.add.at(normal, (2 + first, 2 + second), -weights)
    np.add.at(normal, (2 + second, 2 + first), -weights)
    normal[2:, :2] = normal[:2, 2:].T
    return normal, right


def _disagreement(pairs: Sequence[TwoViews], gains: FloatArray, a: float, b: float) -> float:
    """Median of |ratio - 1| with gains and directions taken out."""
    rest = []
    for pair in pairs:
        bright = np.maximum(1 + a * pair.squared + b * pair.sided, 0.2)
        rest.append(pair.logs - np.log(bright[:, 0] / bright[:, 1]) - gains[pair.first] + gains[pair.second])
    return float(np.median(np.abs(np.expm1(np.concatenate(rest)))))
