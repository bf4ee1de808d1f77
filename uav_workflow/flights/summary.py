"""A flight in a few lines, and whether it is usable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from uav_workflow.domain.flight import Flight
from uav_workflow.findings import Finding, Level
from uav_workflow.flights.wording import counted


def summarise(flight: Flight) -> dict[str, object]:
    """Key figures of a flight; floats are NaN where they are not known.

    Keys: flight, site, sensor, profile, camera, photos, captures, panel_captures, bands, time, height_above_ground_m,
    gsd_m, forward_overlap, side_overlap, area_m2, sun_elevation_deg, crs, control_points, check_points, targets, plots,
    observations.
    """
    first = flight.captures[0]
    geometry = flight.geometry
    checks = sum(point.is_check for point in flight.control_points)
    return {
        "flight": flight.flight_id,
        "site": flight.site,
        "sensor": flight.sensor.title,
        "profile": flight.sensor.name,
        "camera": f"{first.primary.make} {first.primary.model.removeprefix(first.primary.make).strip()}".strip(),
        "photos": sum(len(capture.images) for capture in (*flight.captures, *flight.panel_captures)),
        "captures": len(flight.captures),
        "panel_captures": len(flight.panel_captures),
        "bands": ", ".join(image.band.name for image in first.images),
        "time": _time(flight),
        "height_above_ground_m": geometry.height_above_ground_m,
        "gsd_m": geometry.gsd_m,
        "forward_overlap": geometry.forward_overlap,
        "side_overlap": geometry.side_overlap,
        "area_m2": geometry.area_m2,
        "sun_elevation_deg": geometry.sun_elevation_deg,
        "crs": geometry.crs,
        "control_points": len(flight.control_points) - checks,
        "check_points": checks,
        "targets": len({target.target_id for target in flight.targets}),
        "plots": len(flight.plots),
        "observations": len(flight.observations),
    }


def verdict(usable: bool, findings: Sequence[Finding]) -> str:
    """One sentence for the field team."""
    counts = Counter(finding.level for finding in findings)
    if not usable:
        return f"Not usable: {counted(counts[Level.ERROR], 'error')} must be put right first."
    if counts[Level.WARNING]:
        return f"Usable, with {counted(counts[Level.WARNING], 'warning')}: read them before you leave the field."
    return "Usable: no warnings."


def _time(flight: Flight) -> str:
    first, last = flight.captures[0].primary, flight.captures[-1].primary
    start, end, zone = first.time_utc, last.time_utc, "UTC"
    if start is None or end is None:
        start, end, zone = first.time_local, last.time_local, "(zone unknown)"
    if start is None or end is None:
        return ""
    same_day = start.date() == end.date()
    return f"{start:%Y-%m-%d %H:%M} - {end.strftime('%H:%M' if same_day else '%Y-%m-%d %H:%M')} {zone}"
