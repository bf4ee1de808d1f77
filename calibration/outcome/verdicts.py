"""Findings of a calibration: what the numbers are worth, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from calibration.gates import RULES, figure
from calibration.panels.gates import known_mistake
from calibration.panels.search import OTHER_BAND
from calibration.pictures.frames import firmware_findings, versions_said
from calibration.planning.factors import BOTH, PANEL, RELATIVE, SUN_SENSOR
from calibration.planning.plan import CalibrationPlan
from uav_workflow.domain.flight import Capture
from uav_workflow.domain.product import Json
from uav_workflow.domain.quality import Gate
from uav_workflow.findings import Finding, Level, info, warning
from uav_workflow.flights.wording import listed

_PANELS = "photograph a panel before and after the flight"


def findings_of(plan: CalibrationPlan, gates: Iterable[Gate]) -> tuple[Finding, ...]:
    """Findings about panels, light and gates; warnings where the numbers suffer."""
    return (
        plan.sky.finding(),
        *_about_light(plan),
        *_about_sun(plan),
        *_about_overlaps(plan),
        *_about_lean(plan),
        *_about_panels(plan),
        *_about_view(plan),
        *firmware_findings(_captures(plan)),
        *_about_gates(plan, gates),
    )


def _captures(plan: CalibrationPlan) -> tuple[Capture, ...]:
    return (*plan.captures, *plan.panel_pictures)


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
    factors = [factor for light in plan.light.values() if light.basis == BOTH for _, factor in light.visits]
    mistake = known_mistake(factors) if plan.model.quantity == "si" else None
    if mistake is not None:
        what = f"panel over sun sensor is about {mistake}"
        hint = "the panel sets it right here; correct the tags or the profile before flying without a panel"
        found.append(warning("sun-sensor-unit", "flight", what, hint))
    return found


def _about_sun(plan: CalibrationPlan) -> list[Finding]:
    """Night, and a sun nobody can place."""
    heights = [gate for gate in plan.gates if gate.name == "sun-elevation"]
    if heights and heights[0].value <= 0:
        what = (
            f"by time and position the sun stood {heights[0].value:.0f}° high: it was night, or the clock is wrong; "
            "nothing is corrected for the height of the sun"
        )
        return [warning("sun-below-horizon", heights[0].where, what, "check the camera's clock and utc_offset")]
    if heights or any(gate.name == "clock-jumps" and gate.verdict != "pass" for gate in plan.gates):
        return []
    what = "time in UTC or position is unknown, so nothing is corrected for the height of the sun"
    return [warning("sun-position-unknown", "flight", what, "give utc_offset in flight.yaml")]


def _about_overlaps(plan: CalibrationPlan) -> list[Finding]:
    """Pictures mended by their overlaps, or a light that changed and was left as the sun sensor has it."""
    mended = {name: light.adjustment for name, light in plan.light.items() if light.adjustment}
    if mended:
        rows = (
            f"{name} {_percent(row, 'residual_before')} to {_percent(row, 'residual_after')}"
            for name, row in mended.items()
        )
        what = f"single pictures got gains from their overlaps, which disagree less: {', '.join(rows)}"
        return [info("block-adjusted", "flight", what)]
    if plan.sky.changing and len(plan.captures) > 1:
        what = "the light changed, and no picture was mended by its overlaps: switched off, or they share no ground"
        return [warning("light-not-mended", "flight", what, "let block_adjustment be auto; fly with more overlap")]
    return []


def _percent(row: Mapping[str, Json], key: str) -> str:
    return f"{100 * float(str(row[key])):.2g} %"


def _about_lean(plan: CalibrationPlan) -> list[Finding]:
    """A sensor that leans, told by the overlaps; its error beside the panel was taken out of the factor."""
    adjusted = (light.adjustment.get("sun_sensor_lean") for light in plan.light.values() if light.adjustment)
    lean = next((row for row in adjusted if isinstance(row, dict)), None)
    if lean is None:
        return []
    error = 100 * float(str(lean["along_lines"]))
    what = (
        f"the sun sensor leans: it reads the sun by {error:+.1f} % wrong along the lines, the opposite on the way back"
    )
    hint = "mount it level; its error beside the panel was taken out"
    return [info("sun-sensor-lean", "flight", what, hint)]


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
    found += [
        info(
            "panel-place-borrowed",
            row.image,
            f"the panel's code was not read in band {row.band}; its place is that of another band of the capture",
            "photograph the panel larger and sharp",
        )
        for row in plan.panels
        if row.found_by == OTHER_BAND
    ]
    unknown = sorted({(row.serial or "without serial", row.image) for row in plan.panels if row.albedo is None})
    for serial in sorted({serial for serial, _ in unknown}):
        where = next(image for known, image in unknown if known == serial)
        what = f"panel {serial} is seen, but nobody knows its reflectance; it is not used"
        hint = "write the values of its card into a panel table, or take its pictures away if it is somebody else's"
        found.append(warning("panel-unknown", where, what, hint))
    found += [
        info("band-not-reflectance", name, "pictures of this kind are no reflectance and not handed to the node")
        for name in plan.left_out
    ]
    return found


def _about_view(plan: CalibrationPlan) -> list[Finding]:
    """What was taken out of the direction of view, with its gain; or that it could not be."""
    if plan.view is None:
        return []
    if not plan.view.models:
        what = (
            "the correction for the direction of view was asked for, but attitude, focal length, sun or overlaps lack"
        )
        hint = "write the attitude of each picture into geo.txt (yaw, pitch, roll), or leave the correction off"
        return [warning("view-correction-impossible", "flight", f"{what}; nothing is corrected for it", hint)]
    found = []
    for name, model in plan.view.models.items():
        gain = f"{100 * model.before:.2g} % to {100 * model.after:.2g} % at places the fit did not see"
        if model.helps:
            said = f"direction of view is taken out: overlaps disagree less, {gain}"
            found.append(info("view-correction", name, f"{said} (a {model.a:.3f}, b {model.b:.3f})"))
        else:
            what = f"the model of the direction of view does not bring overlaps together ({gain}); it is not used"
            found.append(warning("view-correction-useless", name, what, "leave it off"))
    return found


def _about_gates(plan: CalibrationPlan, gates: Iterable[Gate]) -> list[Finding]:
    """One finding a gate that is missed, its bands together."""
    missed: dict[str, list[Gate]] = {}
    for gate in gates:
        if gate.verdict != "pass":
            missed.setdefault(gate.name.partition("[")[0], []).append(gate)
    return [_of_gate(plan, name, rows) for name, rows in missed.items()]


def _of_gate(plan: CalibrationPlan, name: str, rows: list[Gate]) -> Finding:
    rule, failed = RULES[name], any(row.verdict == "fail" for row in rows)
    figures = ", ".join(f"{row.name.partition('[')[2].rstrip(']')} {figure(rule, row.value)}".strip() for row in rows)
    bound = figure(rule, rows[0].threshold)
    besides = f": {versions_said(_captures(plan))}" if name == "firmware-versions" else ""
    what = f"{rule.what}{besides} ({figures}; bound {bound}, {'failed' if failed else 'beyond its bound'})"
    where = listed(dict.fromkeys(row.where for row in rows if row.where)) or "flight"
    level = Level.WARNING if failed else rule.level
    return Finding(level, f"calibration-{name}", where, what, rule.hint)
