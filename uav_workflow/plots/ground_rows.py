"""Ground observations as rows of the plot table, and which of them may be matched with the flight."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from uav_workflow.domain.flight import Flight
from uav_workflow.domain.ground import GroundObservation
from uav_workflow.findings import Finding, info, warning
from uav_workflow.plots.schema import NO_VALUE, SUPERSEDED, TIME_GAP, PlotFlag, method_version

LARGEST_GAP_DAYS = 14
"""Plants change: further apart, ground and drone do not speak of the same thing."""
WIDE_GAP_DAYS = 7


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


def ground_rows(
    flight: Flight, about_plot: Mapping[str, Mapping[str, object]]
) -> tuple[list[dict[str, object]], list[Finding]]:
    """One row an observation of the plots in ``about_plot``, and what there is to say of them.

    Of several dates of one variable on one plot the nearest to the flight is matched, the others carry a reason;
    beyond `LARGEST_GAP_DAYS` none is.
    """
    day = flight_day(flight)
    groups: dict[tuple[str, str], list[GroundObservation]] = defaultdict(list)
    for observation in flight.observations:
        groups[observation.plot_id, observation.variable].append(observation)
    source = next((item for item in flight.inputs if item.role == "observations"), None)
    file = {
        "source_file": source.path.name if source else None,
        "source_sha256": source.sha256 if source else None,
    }
    rows: list[dict[str, object]] = []
    for (plot_id, _), members in groups.items():
        if plot_id not in about_plot:
            continue
        gaps = [gap_days(member, day) for member in members]
        nearest = min((abs(gap) for gap in gaps if gap is not None), default=None)
        for member, gap in zip(members, gaps, strict=True):
            row = {**about_plot[plot_id], **file, **_row(member, gap, _reason(member, gap, nearest))}
            if row["reason"] == TIME_GAP:
                row["qc_flag"] = int(str(row["qc_flag"])) | PlotFlag.TIME_GAP
            rows.append(row)
    return rows, _findings(rows, day, [plot_id for plot_id, _ in groups if plot_id not in about_plot])


def _reason(observation: GroundObservation, gap: float | None, nearest: float | None) -> str | None:
    """Why an observation is not matched; ``nearest`` is the smallest known gap of its plot and variable."""
    if observation.value is None and observation.text is None:
        return NO_VALUE
    if gap is None:
        return None if nearest is None else SUPERSEDED
    if abs(gap) > LARGEST_GAP_DAYS:
        return TIME_GAP
    return SUPERSEDED if nearest is not None and abs(gap) > nearest else None


def _row(observation: GroundObservation, gap: float | None, reason: str | None) -> dict[str, object]:
    return {
        "source": "ground",
        "variable": observation.variable,
        "value": observation.value,
        "text": observation.text,
        "unit": observation.unit,
        "obs_datetime_utc": observation.date.isoformat() if observation.date else None,
        "dt_days": gap,
        "method": observation.method or "ground",
        "method_version": method_version(),
        "operator": observation.operator,
        "reason": reason,
    }


def _findings(rows: Sequence[Mapping[str, object]], day: date | None, strangers: Sequence[str]) -> list[Finding]:
    found = []
    gaps = [abs(float(str(row["dt_days"]))) for row in rows if row["dt_days"] is not None]
    far = sum(gap > LARGEST_GAP_DAYS for gap in gaps)
    wide = sum(WIDE_GAP_DAYS < gap <= LARGEST_GAP_DAYS for gap in gaps)
    if far:
        text = f"{far} observations lie more than {LARGEST_GAP_DAYS} days from the flight and are not matched"
        found.append(warning("observation-time-gap", "observations", text))
    if wide:
        text = f"{wide} observations lie {WIDE_GAP_DAYS} - {LARGEST_GAP_DAYS} days from the flight"
        found.append(info("observation-time-gap", "observations", text, "fine at the peak of the season, not before"))
    if unknown := len(rows) - len(gaps):
        what = "the day of the flight is unknown" if day is None else f"{unknown} observations have no date"
        found.append(info("observation-date-unknown", "observations", f"{what}: matched without a look at the gap"))
    if strangers:
        names = ", ".join(sorted(set(strangers)))
        found.append(
            warning("observation-without-plot", names, "observations of plots that are not set out are left out")
        )
    return found
