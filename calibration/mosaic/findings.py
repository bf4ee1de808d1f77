"""Findings about a reflectance mosaic: what its numbers are, and what its targets are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from calibration.mosaic.empirical_line import EmpiricalLine
from uav_workflow.domain.quality import Gate
from uav_workflow.findings import Finding, info, warning

_WHERE = "reflectance.tif"
_OF_GATES = {
    "target-levels": ("all targets are of one level, so the line goes through the origin", "add a dark and a pale one"),
    "target-r2": ("the targets don't lie on a line", "look for a shaded, dirty or wrongly named target"),
    "target-loo-rmse": ("targets contradict each other", "look for a shaded, dirty or wrongly named target"),
    "target-intercept": (
        "the line meets black far from zero",
        "check the dark target; haze or a camera's own tone curve can do this",
    ),
    "target-extrapolated": (
        "much of the scene is darker or brighter than the targets",
        "lay out targets that bracket the scene",
    ),
}


def mosaic_findings(quantity: str, *, is_rgb8: bool, measured: int, calibrated: bool) -> tuple[Finding, ...]:
    """Whether anything was measured, and why values are relative where they are."""
    found = []
    if measured == 0:
        found.append(warning("reflectance-empty", _WHERE, "the orthomosaic has no measured pixel"))
    if quantity == "reflectance":
        return tuple(found)
    if is_rgb8:
        what = "RGB photos carry no radiometric calibration: values are relative linear light, not reflectance"
        hint = "lay out targets of known reflectance (reference_targets.csv)"
    elif not calibrated:
        what = "captures were not calibrated: values are what the node made of the camera's numbers"
        hint = "let the recipe calibrate captures"
    else:
        what, hint = "nothing tied the captures to a panel: values are relative", "photograph a panel before and after"
    return (*found, warning("reflectance-relative", _WHERE, what, hint))


def not_compared(bands: Sequence[str]) -> Finding:
    """That a part of the uncertainty is missing."""
    what = f"photos of {', '.join(bands)} could not be compared where they overlap; what views add to the uncertainty "
    hint = "fly with more overlap, and let the node return poses (opensfm/reconstruction.json) and a DSM"
    return info("overlaps-not-compared", "reflectance_sd.tif", what + "is not in it", hint)


def line_findings(
    fitted: Mapping[str, EmpiricalLine], applied: Mapping[str, EmpiricalLine], gates: Sequence[Gate]
) -> tuple[Finding, ...]:
    """Lines that were not applied, and gates that were missed."""
    found = []
    refused = sorted(set(fitted) - set(applied))
    if refused:
        falling = [band for band in refused if fitted[band].slope <= 0]
        why = f"brighter targets are darker in {', '.join(falling)}" if falling else "their gates fail (see below)"
        if not any(not fitted[band].usable for band in refused):
            why = "not every band has a line, and the others stay relative"
        what = f"the empirical line of {', '.join(refused)} is not applied: {why}"
        hint = "check places and reflectances in reference_targets.csv"
        found.append(warning("empirical-line-refused", _WHERE, what, hint))
    missed: dict[str, list[Gate]] = {}
    for gate in gates:
        if gate.verdict != "pass":
            missed.setdefault(gate.name.partition("[")[0], []).append(gate)
    for name, rows in missed.items():
        what, hint = _OF_GATES[name]
        figures = ", ".join(f"{row.name.partition('[')[2].rstrip(']')} {row.value:.3g}" for row in rows)
        say = info if name == "target-levels" and all(row.verdict == "warn" for row in rows) else warning
        found.append(say(f"calibration-{name}", _WHERE, f"{what} ({figures}; bound {rows[0].threshold:g})", hint))
    return tuple(found)
