"""Radiometric block adjustment: one gain a picture, so that overlapping pictures agree on the ground."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_PAIR_SIGMA = 0.02
"""Relative: what two views of one place differ by from direction alone, however many points there are."""
_SIDED = 0.03
"""Relative, root mean square over a block: gains that ground brighter from one side feigns. 0.02 - 0.03 in the near
infrared of simulated meadows under passing clouds."""
_HUBER = 1.5
_ROUNDS = 20
_FEWEST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRatio:
    """Log ratio of the light of two pictures at their common places.

    Attributes
    ----------
    first, second : int
        Pictures.
    log_ratio : float
        Median of log(first / second).
    sigma : float
        Its standard error.
    logs : float64 (n,)
        The single places.
    """

    first: int
    second: int
    log_ratio: float
    sigma: float
    logs: FloatArray

    @classmethod
    def of(cls, first: int, second: int, values: FloatArray) -> PairRatio | None:
        """Ratio of the values (n, 2) at common places; None when too few are usable."""
        usable = np.isfinite(values).all(axis=1) & (values > 0).all(axis=1)
        if usable.sum() < _FEWEST:
            return None
        logs = np.log(values[usable, 0] / values[usable, 1])
        middle = float(np.median(logs))
        spread = 1.4826 * float(np.median(np.abs(logs - middle)))
        return cls(
            first=first,
            second=second,
            log_ratio=middle,
            sigma=float(np.hypot(1.25 * spread / np.sqrt(len(logs)), _PAIR_SIGMA)),
            logs=logs,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockAdjustment:
    """Gains of the pictures of one band.

    Attributes
    ----------
    gains : float64 (n,)
        By how much each picture's light was brighter than what it was divided by; their prior mean is 1.
    before, after : float
        Median over all common places of |ratio - 1| of two pictures.
    relative_error : float
        Median standard error of a gain, relative, scaled by how well the ratios fit.
    pairs, ties : int
    unlinked : int
        Pictures without a single pair; their gain is 1.
    """

    gains: FloatArray
    before: float
    after: float
    relative_error: float
    pairs: int
    ties: int
    unlinked: int


def adjust_block(count: int, ratios: Sequence[PairRatio], prior_sigma: float) -> BlockAdjustment | None:
    """Solve for the gains of ``count`` pictures; None when there is no pair.

    Log-linear model log s_i - log s_j = g_i - g_j + error (Honkavaara and Khoramshahi, 2018, Remote Sensing 10, 256,
    with relative gains alone), priors g_i = 0 with ``prior_sigma``, which carry the level of panel and sun sensor into
    the block; Huber weights by iteration (Huber, 1964).
    """
    if not ratios:
        return None
    first = np.array([ratio.first for ratio in ratios])
    second = np.array([ratio.second for ratio in ratios])
    observed = np.array([ratio.log_ratio for ratio in ratios])
    sigma = np.array([ratio.sigma for ratio in ratios])
    weights = np.ones(len(ratios))
    gains: FloatArray = np.zeros(count)
    normal: FloatArray = np.eye(count)
    for _ in range(_ROUNDS):
        w = weights / sigma**2
        normal = np.eye(count) / prior_sigma**2
        np.add.at(normal, (first, first), w)
        np.add.at(normal, (second, second), w)
        np.add.at(normal, (first, second), -w)
        np.add.at(normal, (second, first), -w)
        right = np.zeros(count)
        np.add.at(right, first, w * observed)
        np.add.at(right, second, -w * observed)
        last, gains = gains, np.asarray(np.linalg.solve(normal, right), np.float64)
        misfit = np.abs(observed - gains[first] + gains[second]) / sigma
        weights = np.minimum(1.0, _HUBER / np.maximum(misfit, 1e-12))
        if np.abs(gains - last).max() < 1e-6:
            break
    linked = np.zeros(count, bool)
    linked[first] = linked[second] = True
    scale = max(1.0, float(np.sqrt(np.mean(weights * misfit**2))))
    level = np.eye(count) - 1.0 / count  # takes out what is common to all pictures: the anchor's error, not the block's
    errors = np.sqrt(np.diag(level @ np.linalg.inv(normal) @ level))
    return BlockAdjustment(
        gains=np.exp(gains),
        before=disagreement(ratios, np.zeros(count)),
        after=disagreement(ratios, gains),
        relative_error=scale * float(np.median(errors[linked])),
        pairs=len(ratios),
        ties=sum(len(ratio.logs) for ratio in ratios),
        unlinked=int(count - linked.sum()),
    )


def without_trend(block: BlockAdjustment, ratios: Sequence[PairRatio], places: FloatArray) -> BlockAdjustment:
    """The block without what its gains rise or fall by evenly across the flight, as far as a sun sensor can say so.

    Two pictures of one place see it from directions that differ by their distance over the height, whatever the place:
    ground that is brighter from one side than from the other asks for gains that run evenly across the block, and the
    overlaps can't tell them from light. A sun sensor can, the better the more readings there are and the less the
    other gains find fault with them: the trend is shared out by the variances of both.

    Parameters
    ----------
    places : float64 (n, 2)
        Of the pictures, any unit; where fewer than `_FEWEST` are known nothing changes.
    """
    known = np.isfinite(places).all(axis=1)
    if known.sum() < _FEWEST:
        return block
    gains = np.log(block.gains)
    middle = places[known].mean(axis=0)
    slope, *_ = np.linalg.lstsq(places[known] - middle, gains[known] - gains[known].mean(), rcond=None)
    trend = np.where(known, np.nan_to_num(places - middle) @ slope, 0.0)
    of_sensor = 2 * float(np.var((gains - trend)[known])) / float(known.sum())
    level = gains - _SIDED**2 / (_SIDED**2 + of_sensor) * trend
    return replace(block, gains=np.exp(level), after=disagreement(ratios, level))


def disagreement(ratios: Sequence[PairRatio], gains: FloatArray) -> float:
    """Median of |ratio - 1| over all common places, pictures divided by the exponentials of their log gains."""
    logs = np.concatenate([ratio.logs - gains[ratio.first] + gains[ratio.second] for ratio in ratios])
    return float(np.median(np.abs(np.expm1(logs))))


def adjusted(irradiance: Mapping[str, float], names: Sequence[str], gains: FloatArray) -> dict[str, float]:
    """Irradiance of the pictures named, times their gains."""
    by_name = dict(zip(names, gains, strict=True))
    return {name: value * float(by_name.get(name, 1.0)) for name, value in irradiance.items()}
