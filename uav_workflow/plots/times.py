"""Flight and observation in time: the gap between them, and how much of it plants forgive."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from uav_workflow.domain.flight import Flight
from uav_workflow.domain.ground import GroundObservation


@dataclass(frozen=True, slots=True)
class GapLimits:
    """Days between observation and flight: up to `fine` nothing is said, beyond `most` nothing is matched."""

    fine: int
    most: int


STEADY = GapLimits(7, 14)
"""At the peak of the season, and where no phase is known."""
FAST = GapLimits(3, 10)
"""Green-up and senescence."""

_FAST_WORDS = ("green-up", "greenup", "greening", "emerg", "sprout", "leaf-out", "senesc", "yellow", "wither")
_CUT_WORDS = ("mown", "mowed", "mowing", "grazed", "grazing", "harvested", "burnt", "burned")


def flight_time(flight: Flight) -> datetime | None:
    """Middle of the captures in UTC; None when no capture knows UTC."""
    times = sorted(capture.time_utc for capture in flight.captures if capture.time_utc is not None)
    return times[len(times) // 2] if times else None


def flight_day(flight: Flight) -> date | None:
    """Day of the flight: flight.yaml's, else the captures' local or UTC day."""
    if flight.details.date is not None:
        return flight.details.date
    local = sorted(c.primary.time_local for c in flight.captures if c.primary.time_local is not None)
    if local:
        return local[len(local) // 2].date()
    middle = flight_time(flight)
    if middle is None:
        return None
    return (middle + timedelta(hours=flight.details.utc_offset_h or 0.0)).date()


def gap_days(observation: GroundObservation, day: date | None) -> float | None:
    """Observation minus flight in days; None when a date is unknown."""
    return float((observation.date - day).days) if observation.date is not None and day is not None else None


@dataclass(frozen=True, slots=True)
class Phases:
    """Phenophases noted on one plot, with their dates."""

    noted: tuple[tuple[date, str], ...]

    @classmethod
    def of(cls, observations: Iterable[GroundObservation]) -> Phases:
        """Those among a plot's observations that are dated."""
        return cls(
            tuple(
                (one.date, one.text.lower())
                for one in observations
                if one.variable == "phenophase" and one.text and one.date is not None
            )
        )

    def limits(self, day: date | None) -> GapLimits:
        """Gap that is allowed around a day, by the phase noted nearest to it."""
        if day is None or not self.noted:
            return STEADY
        _, phase = min(self.noted, key=lambda one: abs((one[0] - day).days))
        return FAST if any(word in phase for word in _FAST_WORDS) else STEADY

    def cut_between(self, one: date | None, other: date | None) -> bool:
        """Whether the plot was noted as mown, grazed or burnt after the first and not after the second of two days."""
        if one is None or other is None:
            return False
        first, second = min(one, other), max(one, other)
        return any(first < day <= second and any(word in phase for word in _CUT_WORDS) for day, phase in self.noted)
