"""Panels of a flight while it can still be put right: before the team drives home."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from calibration.panels.search import PanelReading, PanelSearch, find_panels, panel_candidates
from calibration.sensors.model import RadiometricModel
from uav_workflow.domain.flight import Capture, Flight
from uav_workflow.errors import CalibrationError
from uav_workflow.findings import Finding, info, warning
from uav_workflow.flights.wording import counted

_NOW = "photograph the panel now, from 1 m, without your shadow on it, and put the pictures into panels/"


def panels_on_site(flight: Flight, search: PanelSearch | None = None) -> list[Finding]:
    """What a team should know of its panel pictures on the spot; nothing for cameras that are not calibrated.

    Captures in panels/ or marked by the camera are searched, and those at both ends of the flight and near the ground:
    some seconds. Where there are ground targets the mosaic is calibrated by them, and a missing panel is told only.

    Returns
    -------
    list of Finding
        ``panel-absent``, ``panel-not-found``, ``panel-unknown``, ``panel-visited-once``.
    """
    if flight.sensor.kind != "multispectral" or not flight.sensor.radiometry:
        return []
    model, known = RadiometricModel.of(flight.sensor), search or PanelSearch.shipped()
    others = panel_candidates(flight.captures, model, known)
    readings = _read([*flight.panel_captures, *others], model, known)
    shown = {reading.capture_id for reading in readings}
    silent = [capture for capture in flight.panel_captures if capture.capture_id not in shown]
    found = [
        warning("panel-not-found", capture.primary.name, "said to show a panel, but none is found in it", _NOW)
        for capture in silent
    ]
    if not readings:
        searched = counted(len(flight.panel_captures) + len(others), "capture")
        return [*found, _absent(flight, searched)]
    return [*found, *_about(flight, readings)]


def _read(captures: Sequence[Capture], model: RadiometricModel, search: PanelSearch) -> list[PanelReading]:
    """Panels, capture by capture: one that can't be read hides no other."""
    found: list[PanelReading] = []
    for capture in captures:
        with suppress(CalibrationError):
            found += find_panels([capture], model, search)
    return found


def _absent(flight: Flight, searched: str) -> Finding:
    what = f"no calibration panel is found in {searched} searched (panels/, both ends of the flight, near the ground)"
    if flight.targets:
        return info("panel-absent", "images", f"{what}; the ground targets have to do")
    worth = "reflectance will rest on the sun sensor alone, off by 20 % and more, or stay relative without one"
    return warning("panel-absent", "images", f"{what}: {worth}", _NOW)


def _about(flight: Flight, readings: Sequence[PanelReading]) -> list[Finding]:
    found = []
    if all(reading.albedo is None for reading in readings):
        serials = ", ".join(sorted({reading.serial or "without serial" for reading in readings}))
        what = f"panel {serials} is seen, but nobody knows its reflectance"
        hint = "photograph its card, and write the values into a panel table before the run"
        found.append(warning("panel-unknown", readings[0].image, what, hint))
    times = [reading.time_utc for reading in readings if reading.time_utc is not None]
    shown = {reading.capture_id for reading in readings}
    survey = [capture for capture in flight.captures if capture.capture_id not in shown]
    flown = [capture.time_utc for capture in survey if capture.time_utc is not None]
    if times and flown and (min(times) > max(flown) or max(times) < min(flown)):
        when = "after" if min(times) > max(flown) else "before"
        hint = "photograph it again now" if when == "before" else "next time photograph it before the flight too"
        found.append(info("panel-visited-once", "images", f"the panel was photographed {when} the flight alone", hint))
    return found
