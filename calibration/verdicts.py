"""Findings of a calibration: what the numbers are worth, in words."""

from __future__ import annotations

from collections.abc import Iterable

from calibration.factors import BOTH, PANEL, RELATIVE, SUN_SENSOR
from calibration.plan import CalibrationPlan
from uav_workflow.domain.quality import Gate
from uav_workflow.findings import Finding, info, warning

_OF_GATES = {
    "panel-cv": ("the calibration panel is not even", "clean it, and keep shadow and reflections off it"),
    "panel-gradient": ("brightness runs across the calibration panel", "lay it flat and stand away from it"),
    "panel-saturated": ("pixels of the calibration panel are saturated", "photograph it with less exposure"),
    "panel-factor": (
        "panel and sun sensor disagree about the light",
        "look for a shaded sensor, a wrong panel table or a wrong unit",
    ),
    "panel-drift": ("the light changed between the visits to the panel", "trust this flight's reflectance less"),
    "sun-elevation": ("the sun stood low", "fly nearer to noon"),
    "sun-sensor-variation": (
        "the light changed during the flight",
        "trust single places less; see the overlap residual for what block adjustment left",
    ),
    "sun-sensor-tilt": ("the sun sensor was tilted", "mount it level and fly slower"),
    "overlap-residual": (
        "overlapping pictures disagree about the ground",
        "look at the pictures: moving shadows, water and wind can't be mended by a gain",
    ),
    "block-gain": (
        "the overlaps ask for gains far from the sun sensor's word",
        "look for a shaded sensor; trust the pictures' neighbours",
    ),
    "saturated": ("pictures have saturated pixels", "bright ground is too dark in the result; lower the exposure"),
    "out-of-range": ("reflectance lies outside -0.02 - 1.2", "check panel table, shadow on the panel and glints"),
}


_PANELS = "photograph a panel before and after the flight"


def findings_of(plan: CalibrationPlan, gates: Iterable[Gate]) -> tuple[Finding, ...]:
    """Findings about panels, light and gates; warnings where the numbers suffer."""
    return (*_about_light(plan), *_about_panels(plan), *_about_gates(gates))


def _about_light(plan: CalibrationPlan) -> list[Finding]:
    found = []
    bands_of = {
        basis: ", ".join(name for name, light in plan.light.items() if light.basis == basis)
        for basis in (BOTH, PANEL, SUN_SENSOR, RELATIVE)
    }
    if bands_of[SUN_SENSOR] and plan.model.quantity == "si":
        what = "no calibration panel: reflectance from the sun sensor alone, off by 20 % and more, differently a band"
        found.append(warning("reflectance-biased", bands_of[SUN_SENSOR], what, _PANELS))
    elif bands_of[SUN_SENSOR]:
        what = "no calibration panel, and this sun sensor has a unit of its own: values compare inside one band alone"
        found.append(warning("reflectance-relative", bands_of[SUN_SENSOR], what, _PANELS))
    if bands_of[RELATIVE]:
        what = "neither calibration panel nor sun sensor: values are relative radiance, not reflectance"
        found.append(warning("reflectance-relative", bands_of[RELATIVE], what, _PANELS))
    if plan.panels and (bands_of[SUN_SENSOR] or bands_of[RELATIVE]):
        missing = ", ".join(filter(None, (bands_of[SUN_SENSOR], bands_of[RELATIVE])))
        found.append(
            warning(
                "panel-band-missing", missing, "the panel was read in other bands, not in these", "look at the panel"
            )
        )
    visits = {len(light.visits) for light in plan.light.values() if light.basis in (BOTH, PANEL)}
    if visits == {1}:
        found.append(
            info("panel-visited-once", "flight", "the panel was photographed once; its drift is assumed, not measured")
        )
    if not any(gate.name == "sun-elevation" for gate in plan.gates):
        found.append(
            warning(
                "sun-position-unknown",
                "flight",
                "time in UTC or position is unknown, so nothing is corrected for the height of the sun",
                "give utc_offset in flight.yaml",
            )
        )
    return found


def _about_panels(plan: CalibrationPlan) -> list[Finding]:
    found = [
        info("panel-capture", capture, "shows a calibration panel; read, and left out of the survey")
        for capture in plan.panel_captures
    ]
    found += [
        warning(
            "panel-not-found", capture, "said to show a panel, but none was found", "photograph it larger and sharp"
        )
        for capture in plan.silent_panel_captures
    ]
    unknown = sorted({(row.serial or "without serial", row.image) for row in plan.panels if row.albedo is None})
    for serial in sorted({serial for serial, _ in unknown}):
        where = next(image for known, image in unknown if known == serial)
        what = f"panel {serial} is seen, but nobody knows its reflectance; it is not used"
        hint = "write the values of its card into a panel table, or take its pictures away if it is somebody else's"
        found.append(warning("panel-unknown", where, what, hint))
    found += [
        info("band-not-reflectance", name, "pictures of this kind are not calibrated and not handed to the node")
        for name in plan.left_out
    ]
    return found


def _about_gates(gates: Iterable[Gate]) -> list[Finding]:
    missed: dict[str, list[Gate]] = {}
    for gate in gates:
        if gate.verdict != "pass":
            missed.setdefault(gate.name.partition("[")[0], []).append(gate)
    found = []
    for name, rows in missed.items():
        what, hint = _OF_GATES[name]
        figures = ", ".join(f"{row.name.partition('[')[2].rstrip(']')} {row.value:.3g}".strip() for row in rows)
        verdict = "failed" if any(row.verdict == "fail" for row in rows) else "beyond its bound"
        found.append(
            warning(
                f"calibration-{name}", "flight", f"{what} ({figures}; bound {rows[0].threshold:g}, {verdict})", hint
            )
        )
    return found
