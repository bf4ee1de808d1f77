"""The shift of a block of corners that most of them agree on, and whether a shift is all there is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_CORNERS = 4
LEAST_AGREEING = 0.5
"""Share of the corners with a sighting that must agree."""
RIVAL = 0.75
"""Share of the agreeing corners that must not agree on another shift as well."""
LEAST_FOR_TURN = 6
SURE = 0.01
"""Probability by chance below which a turn or a scale is believed."""
BELIEVED = 6.18
"""Chi-squared of two degrees of freedom that chance exceeds in one of twenty-two: two standard deviations."""
HUBER = 1.5


class NoShiftError(ValueError):
    """The corners do not say how the block lies; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a similarity explains beyond a shift.

    Attributes
    ----------
    degrees : float
        Counter-clockwise, from the survey to the map.
    scale_ppm : float
    chance : float
        Probability of as good a fit when there is a shift alone (F test).
    reach_m : float
        Most it moves a corner beyond the shift.
    """

    degrees: float
    scale_ppm: float
    chance: float
    reach_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockShift:
    """Metres by which the map shows the corners east and north of the survey.

    Attributes
    ----------
    east_se, north_se : float
        Standard errors, from the scatter of the corners.
    rms_m : float
        Of the distances left, of the corners used.
    used : tuple of (corner, sighting)
        Indexes.
    residuals : float64 (n used, 2)
        East and north, found minus shifted.
    turn : Turn or None
        None below `LEAST_FOR_TURN` corners.
    """

    east: float
    north: float
    east_se: float
    north_se: float
    rms_m: float
    used: tuple[tuple[int, int], ...]
    residuals: Floats
    turn: Turn | None

    @property
    def is_real(self) -> bool:
        """Whether it is more than its standard errors make by chance."""
        parts = ((self.east, self.east_se), (self.north, self.north_se))
        return sum((shift / max(se, 1e-12)) ** 2 for shift, se in parts) > BELIEVED

    def turned(self, least_m: float) -> bool:
        """Whether the block is turned or scaled by more than a length at its edge."""
        return self.turn is not None and self.turn.chance < SURE and self.turn.reach_m > least_m


def agree(places: Floats, offsets: Sequence[Floats], tolerance: Floats) -> BlockShift:
    """Find the shift that most corners agree on.

    Every sighting proposes its own; the corners within their tolerance of a proposal are counted, and the largest set
    is averaged with Huber's weights (1964).

    Parameters
    ----------
    places : float64 (n, 2)
        Where the corners should lie, metres.
    offsets : sequence of n arrays (k, 2)
        Found minus expected, of every sighting of a corner, the best first.
    tolerance : float64 (n,)
        How far one corner may lie off the block's shift.

    Raises
    ------
    NoShiftError
        Too few corners, no agreement, or agreement on two shifts.
    """
    seen = [index for index, found in enumerate(offsets) if len(found)]
    if len(seen) < LEAST_CORNERS:
        raise NoShiftError(f"{len(seen)} of {len(places)} corners show a mark, of at least {LEAST_CORNERS} needed")
    proposals = np.concatenate([offsets[index] for index in seen])
    sets = [_agreeing(proposal, seen, offsets, tolerance) for proposal in proposals]
    best = max(sets, key=lambda one: (len(one), -_spread(one, offsets)))
    if len(best) < max(LEAST_CORNERS, LEAST_AGREEING * len(seen)):
        raise NoShiftError(f"of {len(seen)} corners with a mark no more than {len(best)} agree on one shift")
    taken = set(best)
    rival = max(len([pair for pair in one if pair not in taken]) for one in sets)
    if rival >= max(RIVAL * len(best), 2):
        raise NoShiftError(f"{len(best)} corners agree on one shift and {rival} sightings on another: ambiguous")
    return _settled(places, best, offsets)


def most_agreeing(offsets: Sequence[Floats], tolerance: Floats) -> int:
    """Count the places that agree on the shift on which most of them do."""
    seen = [index for index, found in enumerate(offsets) if len(found)]
    proposals = [proposal for index in seen for proposal in offsets[index]]
    return max((len(_agreeing(proposal, seen, offsets, tolerance)) for proposal in proposals), default=0)


def _agreeing(
    proposal: Floats, seen: Sequence[int], offsets: Sequence[Floats], tolerance: Floats
) -> list[tuple[int, int]]:
    """Corner and sighting nearest a proposal, where within the corner's tolerance."""
    found = []
    for index in seen:
        away = np.hypot(*(offsets[index] - proposal).T)
        nearest = int(np.argmin(away))
        if away[nearest] <= tolerance[index]:
            found.append((index, nearest))
    return found


def _spread(pairs: Sequence[tuple[int, int]], offsets: Sequence[Floats]) -> float:
    values = np.array([offsets[corner][sighting] for corner, sighting in pairs])
    return float(values.var(axis=0).sum())


def _settled(places: Floats, pairs: Sequence[tuple[int, int]], offsets: Sequence[Floats]) -> BlockShift:
    values = np.array([offsets[corner][sighting] for corner, sighting in pairs])
    shift, n = np.median(values, axis=0), len(values)
    for _ in range(30):
        away = np.hypot(*(values - shift).T)
        scale = max(float(np.median(away)), 1e-9)
        weight = np.minimum(1.0, HUBER * scale / np.maximum(away, 1e-12))
        shift = np.average(values, axis=0, weights=weight)
    left = values - shift
    east_se, north_se = np.sqrt((left**2).sum(axis=0) / (n - 1) / n)
    at = places[[corner for corner, _ in pairs]]
    return BlockShift(
        east=float(shift[0]),
        north=float(shift[1]),
        east_se=float(east_se),
        north_se=float(north_se),
        rms_m=math.sqrt(float((left**2).sum()) / n),
        used=tuple(pairs),
        residuals=left,
        turn=_turn(at, values) if n >= LEAST_FOR_TURN else None,
    )


def _turn(at: Floats, values: Floats) -> Turn | None:
    """Similarity by least squares against a shift, F test on the two parameters more; None on one spot."""
    from scipy.stats import f

    x, y = (at - at.mean(axis=0)).T
    extent = float((x**2 + y**2).sum())
    if extent < 1e-6:
        return None
    east, north = (values - values.mean(axis=0)).T
    scale, turn = float(x @ east + y @ north) / extent, float(x @ north - y @ east) / extent
    plain = float((east**2 + north**2).sum())
    rest = max(plain - extent * (scale**2 + turn**2), 1e-18)
    freedom = 2 * len(at) - 4
    ratio = ((plain - rest) / 2) / (rest / freedom)
    return Turn(
        degrees=math.degrees(turn),
        scale_ppm=1e6 * scale,
        chance=float(f.sf(ratio, 2, freedom)),
        reach_m=math.hypot(scale, turn) * float(np.hypot(x, y).max()),
    )
