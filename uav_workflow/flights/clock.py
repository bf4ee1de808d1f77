"""Whether the times of a flight can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np

from uav_workflow.domain.flight import BandImage, Capture, FlightDetails
from uav_workflow.findings import Finding, info, warning
from uav_workflow.flights.times import gps_time

_GAP_S = 3600.0
_DRIFT_S = 5.0


def with_utc_offset(images: Sequence[BandImage], utc_offset_h: float | None) -> list[BandImage]:
    """Images whose UTC is made from the camera's clock and flight.yaml's ``utc_offset`` where the tags know none."""
    if utc_offset_h is None:
        return list(images)
    shift = timedelta(hours=utc_offset_h)
    return [
        replace(image, time_utc=(image.time_local - shift).replace(tzinfo=UTC))
        if image.time_utc is None and image.time_local is not None
        else image
        for image in images
    ]


def check_times(captures: Sequence[Capture], details: FlightDetails) -> list[Finding]:
    """Findings ``time-unknown``, ``time-zone-unknown``, ``clock-not-advancing``, ``time-gap``, ``gps-clock-drift``,
    ``utc-offset-mismatch`` and ``date-mismatch``.
    """
    moments = {capture.primary.name: moment for capture in captures if (moment := _moment(capture)) is not None}
    unknown = [capture.primary.name for capture in captures if capture.primary.name not in moments]
    findings = []
    if unknown:
        message = f"{len(unknown)} of {len(captures)} photos have no time (tag absent, or the clock was never set)"
        hint = "set the camera's clock; without times there is no sun position and no order"
        findings.append(warning("time-unknown", listed_or_all(unknown, captures), message, hint))
    zoneless = [capture.primary.name for capture in captures if capture.time_utc is None and capture.primary.time_local]
    if zoneless:
        message = f"{len(zoneless)} of {len(captures)} photos give their local time without its zone"
        hint = "write utc_offset into flight.yaml (+8 for China); no correction for the sun is made without it"
        findings.append(warning("time-zone-unknown", listed_or_all(zoneless, captures), message, hint))
    findings += _standing_still(moments) + _gap(moments) + _drift(captures)
    return findings + _against_details(captures, details)


def listed_or_all(names: Sequence[str], captures: Sequence[Capture]) -> str:
    """``images`` when every capture is meant, else the first names."""
    from uav_workflow.flights.wording import listed

    return "images" if len(names) == len(captures) else listed(names)


def _moment(capture: Capture) -> datetime | None:
    primary = capture.primary
    return primary.time_utc.replace(tzinfo=None) if primary.time_utc else primary.time_local


def _there(capture: Capture, utc_offset_h: float | None) -> datetime | None:
    """Time on the clock of the place: the camera's, else UTC by utc_offset, else by the longitude."""
    primary = capture.primary
    if primary.time_local is not None or primary.time_utc is None:
        return primary.time_local
    if utc_offset_h is None:
        utc_offset_h = primary.position.lon / 15 if primary.position is not None else 0.0
    return primary.time_utc.replace(tzinfo=None) + timedelta(hours=utc_offset_h)


def _standing_still(moments: dict[str, datetime]) -> list[Finding]:
    """A clock that gives most photos the time of the one before: stopped, or lost in copying."""
    ordered = [moments[name] for name in sorted(moments)]
    if len(ordered) < 4:
        return []
    steps = np.array([(b - a).total_seconds() for a, b in pairwise(ordered)])
    still = int((steps == 0).sum())
    if still <= 0.8 * len(steps):
        return []
    message = (
        f"the clock does not advance: {still} of {len(steps)} photos have the time of the one before ({ordered[0]})"
    )
    return [warning("clock-not-advancing", "images", message, "use the original files; sun and order can't be trusted")]


def _gap(moments: dict[str, datetime]) -> list[Finding]:
    ordered = sorted((moment, name) for name, moment in moments.items())
    gaps = [((later - earlier).total_seconds(), name) for (earlier, _), (later, name) in pairwise(ordered)]
    long = [(gap, name) for gap, name in gaps if gap > _GAP_S]
    if not long:
        return []
    gap, name = max(long)
    said = f"{gap / 3600:.1f} hours" if gap < 172800 else f"{gap / 86400:.0f} days"
    message = f"{said} pass before {name}: two flights in one folder, or a clock that jumped"
    return [warning("time-gap", name, message, "put each flight into a folder of its own")]


def _drift(captures: Sequence[Capture]) -> list[Finding]:
    """Distance of the camera's clock from the GPS stamps, which must stay the same over a flight."""
    offsets = []
    for capture in captures:
        local = capture.primary.time_local
        stamp = gps_time(capture.primary.tags, local)
        if local is not None and stamp is not None:
            offsets.append((stamp.replace(tzinfo=None) - local).total_seconds())
    if len(offsets) < 3 or max(offsets) - min(offsets) <= _DRIFT_S:
        return []
    message = f"camera clock and GPS stamps move apart by {max(offsets) - min(offsets):.0f} s during the flight"
    return [warning("gps-clock-drift", "images", message, "GPS stamps may be stale; times are uncertain by as much")]


def _against_details(captures: Sequence[Capture], details: FlightDetails) -> list[Finding]:
    findings = []
    pairs = [(p.time_utc, p.time_local) for c in captures if (p := c.primary).time_utc and p.time_local]
    if details.utc_offset_h is not None and pairs:
        hours = np.median([(local - utc.replace(tzinfo=None)).total_seconds() / 3600 for utc, local in pairs])
        if abs(hours - details.utc_offset_h) > 0.1 and abs(hours) > 0.01:
            message = f"flight.yaml says UTC{details.utc_offset_h:+g} h, the camera's clock runs at UTC{hours:+.2f} h"
            findings.append(warning("utc-offset-mismatch", "flight.yaml", message, "UTC is taken from the photos"))
    days = {moment.date() for capture in captures if (moment := _there(capture, details.utc_offset_h)) is not None}
    if details.date is not None and days and details.date not in days:
        message = f"flight.yaml says {details.date}, the photos say {min(days)} (an earlier flight's file, perhaps)"
        findings.append(warning("date-mismatch", "flight.yaml", message, "correct the date or the camera's clock"))
    if details.date is not None and not days:
        findings.append(
            info("date-from-flight-yaml", "flight.yaml", f"the date {details.date} is taken from flight.yaml")
        )
    return findings
