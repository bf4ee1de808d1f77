"""Ground observations as rows of the plot table, and which of them may be matched with the flight."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from uav_workflow.domain.flight import Flight
from uav_workflow.domain.ground import GroundObservation
from uav_workflow.findings import Finding, info, warning
from uav_workflow.plots.position import Placement
from uav_workflow.plots.schema import DISTURBED, NO_VALUE, SUPERSEDED, TIME_GAP, PlotFlag, method_version
from uav_workflow.plots.times import FAST, STEADY, Phases, flight_day, gap_days


def ground_rows(
    flight: Flight, about_plot: Mapping[str, Mapping[str, object]], placed: Mapping[str, Placement]
) -> tuple[list[dict[str, object]], list[Finding]]:
    """One row an observation of the plots in ``about_plot``, and what there is to say of them.

    Of several dates of one variable on one plot the nearest to the flight is matched, the others carry a reason.
    None is matched beyond the gap its phase allows, after a cut in between, or on a plot whose position is too unsure.
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
    wide = 0
    for (plot_id, _), members in groups.items():
        if plot_id not in about_plot:
            continue
        pairing = _Pairing.of(members, day, Phases.of(groups.get((plot_id, "phenophase"), ())))
        wide += pairing.wide
        for member, reason in zip(members, pairing.reasons(), strict=True):
            row = {**about_plot[plot_id], **file, **_row(member, day, reason or placed[plot_id].reason)}
            if reason == TIME_GAP:
                row["qc_flag"] = int(str(row["qc_flag"])) | PlotFlag.TIME_GAP
            rows.append(row)
    strangers = [plot_id for plot_id, _ in groups if plot_id not in about_plot]
    return rows, [*_findings(rows, day, wide), *_strangers(strangers)]


@dataclass(frozen=True, slots=True)
class _Pairing:
    """Observations of one variable on one plot, against the day of the flight."""

    members: Sequence[GroundObservation]
    gaps: Sequence[float | None]
    day: date | None
    phases: Phases

    @classmethod
    def of(cls, members: Sequence[GroundObservation], day: date | None, phases: Phases) -> _Pairing:
        return cls(members, [gap_days(member, day) for member in members], day, phases)

    @property
    def wide(self) -> int:
        """Observations that are matched over a gap worth a word."""
        limits = self.phases.limits(self.day)
        return sum(gap is not None and limits.fine < abs(gap) <= limits.most for gap in self.gaps)

    def reasons(self) -> Iterator[str | None]:
        """Why each is not matched; None where it is."""
        nearest = min((abs(gap) for gap in self.gaps if gap is not None), default=None)
        most = self.phases.limits(self.day).most
        for member, gap in zip(self.members, self.gaps, strict=True):
            if member.value is None and member.text is None:
                yield NO_VALUE
            elif gap is None:
                yield None if nearest is None else SUPERSEDED
            elif abs(gap) > most:
                yield TIME_GAP
            elif self.phases.cut_between(member.date, self.day):
                yield DISTURBED
            else:
                yield SUPERSEDED if nearest is not None and abs(gap) > nearest else None


def _row(observation: GroundObservation, day: date | None, reason: str | None) -> dict[str, object]:
    return {
        "source": "ground",
        "variable": observation.variable,
        "value": observation.value,
        "text": observation.text,
        "unit": observation.unit,
        "obs_datetime_utc": observation.date.isoformat() if observation.date else None,
        "dt_days": gap_days(observation, day),
        "method": observation.method or "ground",
        "method_version": method_version(),
        "operator": observation.operator,
        "reason": reason,
    }


def _findings(rows: Sequence[Mapping[str, object]], day: date | None, wide: int) -> Iterator[Finding]:
    if far := sum(row["reason"] == TIME_GAP for row in rows):
        text = (
            f"{far} observations lie more than {STEADY.most} days from the flight "
            f"({FAST.most} in green-up and senescence) and are not matched"
        )
        yield warning("observation-time-gap", "observations", text)
    if wide:
        text = f"{wide} observations lie more than {STEADY.fine} days from the flight ({FAST.fine} in green-up)"
        yield info("observation-time-gap", "observations", text, "fine at the peak of the season, not before")
    if cut := sum(row["reason"] == DISTURBED for row in rows):
        text = f"{cut} observations and the flight lie on two sides of a cut or of grazing, and are not matched"
        yield warning("observation-after-cut", "observations", text)
    if unknown := sum(row["dt_days"] is None for row in rows):
        what = "the day of the flight is unknown" if day is None else f"{unknown} observations have no date"
        yield info("observation-date-unknown", "observations", f"{what}: matched without a look at the gap")


def _strangers(plot_ids: Sequence[str]) -> Iterator[Finding]:
    if plot_ids:
        names = ", ".join(sorted(set(plot_ids)))
        yield warning("observation-without-plot", names, "observations of plots that are not set out are left out")
