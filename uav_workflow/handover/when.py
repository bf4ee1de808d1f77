"""When a flight was, as far as it is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from uav_workflow.errors import NotMade
from uav_workflow.findings import Finding, warning


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A moment, or when only the local date is known every moment that date can mean.

    A calendar day begins 14 hours before it begins in UTC (UTC+14) and ends 12 hours after (UTC-12).
    """

    moment: datetime | None
    start: datetime
    end: datetime

    @classmethod
    def at(cls, moment: datetime) -> Span:
        """Span of an aware time."""
        if moment.tzinfo is None:
            raise ValueError("a flight's time needs its zone; pass None when the zone is unknown")
        utc = moment.astimezone(UTC)
        return cls(moment=utc, start=utc, end=utc)

    @classmethod
    def of_local_date(cls, day: date) -> Span:
        """Span of a local date in an unknown zone: 50 hours."""
        midnight = datetime.combine(day, time(), UTC)
        return cls(moment=None, start=midnight - timedelta(hours=14), end=midnight + timedelta(hours=36))


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Which flight, where and when.

    Attributes
    ----------
    moment : datetime or None
        Aware; None where the time zone is unknown.
    day : date
        Local date where it is known, else that in UTC.
    """

    flight_id: str
    site: str
    moment: datetime | None
    day: date

    @classmethod
    def of(cls, flight_id: str, site: str, moment: datetime | None, day: date | None) -> Visit:
        """Visit of a flight; its day is read from the id where nothing else says it.

        Raises
        ------
        NotMade
            Nothing says the date.
        """
        if day is None:
            try:
                day = moment.date() if moment else datetime.strptime(flight_id[:8], "%Y%m%d").replace(tzinfo=UTC).date()
            except ValueError:
                raise NotMade("the date of the flight is unknown: give `date` in flight.yaml") from None
        return cls(flight_id=flight_id, site=site, moment=moment, day=day)

    @property
    def span(self) -> Span:
        """When it was."""
        return Span.of_local_date(self.day) if self.moment is None else Span.at(self.moment)

    @property
    def findings(self) -> list[Finding]:
        """A warning where the zone is unknown."""
        if self.moment is not None:
            return []
        span = self.span
        text = (
            f"the flight's time zone is unknown: the package says only that it was between {span.start:%Y-%m-%d %H:%M} "
            f"and {span.end:%Y-%m-%d %H:%M} UTC, which is every moment {self.day} can mean"
        )
        return [warning("handover-time-unknown", "catalog.json", text, "give utc_offset in flight.yaml")]
