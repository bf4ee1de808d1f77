"""The survey's verdict on a reconstruction: check_points.csv, facts and findings."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from uav_workflow.domain.ground import GroundControlPoint
from uav_workflow.domain.product import Json, Made
from uav_workflow.domain.reconstruction import Reconstruction
from uav_workflow.findings import Finding, info, warning
from uav_workflow.flights.wording import counted, listed
from uav_workflow.photogrammetry.layout import STATS, read_json
from uav_workflow.photogrammetry.poses import read_poses
from uav_workflow.photogrammetry.survey_accuracy import Accuracy, accuracy_of, check_statement, control_statement
from uav_workflow.photogrammetry.survey_points import MARK_OFF_PX, SurveyedPoint, locate_points

POINTS_FILE = "check_points.csv"
MARKS_FILE = "check_point_marks.csv"
_COLUMNS = (
    "name",
    "role",
    "x",
    "y",
    "z",
    "dx_m",
    "dy_m",
    "dz_m",
    "dh_m",
    "sd_x_m",
    "sd_y_m",
    "sd_z_m",
    "rays",
    "angle_deg",
    "reprojection_px",
    "rays_px",
    "crs",
)
_MARK_COLUMNS = (
    "name",
    "role",
    "image",
    "x_px",
    "y_px",
    "placed",
    "used",
    "dx_px",
    "dy_px",
    "rays_dx_px",
    "rays_dy_px",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyLimits:
    """RMSE of check points beyond which the block is questioned, in GSD."""

    rmse_h_gsd: float = 2.0
    rmse_z_gsd: float = 3.0


def make_survey(
    assets: Path,
    points: Sequence[GroundControlPoint],
    out: Path,
    *,
    names: Mapping[str, str],
    limits: SurveyLimits,
) -> Made:
    """Write check_points.csv and check_point_marks.csv; say how far the block lies from the survey.

    Differences are found minus surveyed, in the reconstruction's CRS, heights as written. Control points stand in the
    same files under their role and in facts of their own: they were adjusted to and prove nothing.

    Parameters
    ----------
    names : mapping
        Image name in the flight folder to name on the node.

    Raises
    ------
    NotMade
        The node returned no poses.
    """
    reconstruction, _ = read_poses(assets)
    adjusted = _adjusted(assets)
    located = locate_points(reconstruction, points, names)
    _write_points(located, reconstruction.crs, out / POINTS_FILE)
    _write_marks(located, out / MARKS_FILE)
    checks = [point for point in located if point.is_check]
    controls = [point for point in located if not point.is_check]
    facts: dict[str, Json] = {}
    statements: list[Json] = []
    findings: list[Finding] = []
    if checks:
        accuracy = _accuracy(checks)
        gsd_m = _gsd_m(reconstruction, located)
        facts |= {"check_points": accuracy.to_json(), "gsd_at_points_m": gsd_m}
        statements += [check_statement(accuracy, "horizontal"), check_statement(accuracy, "vertical")]
        findings += _off(accuracy, gsd_m, limits, bool(controls) and adjusted is not False)
    if controls:
        accuracy = _accuracy(controls)
        facts |= {"control_points": accuracy.to_json(), "control_points_used": adjusted}
        statements.append(control_statement(accuracy) if adjusted is not False else _unused_statement(accuracy))
        findings += _unused(controls) if adjusted is False else []
    facts["survey_statements"] = statements
    return Made(findings=(*findings, *_unseen(located), *_marks_off(located)), facts=facts)


def _adjusted(assets: Path) -> bool | None:
    """Whether the node says it used control points; None when it does not say."""
    stats = read_json(assets, STATS)
    rows = stats.get("reconstruction_statistics") if isinstance(stats, dict) else None
    used = rows.get("has_gcp") if isinstance(rows, dict) else None
    return used if isinstance(used, bool) else None


def _accuracy(points: Sequence[SurveyedPoint]) -> Accuracy:
    return accuracy_of([point.name for point in points], np.array([point.difference for point in points]))


def _gsd_m(reconstruction: Reconstruction, points: Sequence[SurveyedPoint]) -> float | None:
    """Height of the cameras above the points that were found, over the focal length."""
    ground = [point.found[2] for point in points if point.found is not None]
    if not ground:
        return None
    used = [reconstruction.cameras[shot.camera_id].fx for shot in reconstruction.shots]
    height = np.median([shot.centre[2] for shot in reconstruction.shots]) - np.median(ground)
    return float(height / np.median(used))


def _off(accuracy: Accuracy, gsd_m: float | None, limits: SurveyLimits, controlled: bool) -> list[Finding]:
    if not accuracy.n or gsd_m is None or gsd_m <= 0:
        return []
    findings = []
    hint = (
        "look at the largest differences in check_points.csv: a wrong mark, a moved target, a wrong antenna height"
        if controlled
        else "positions come from the cameras' GPS alone: use control points, or RTK/PPK positions"
    )
    for axis, value, limit in (
        ("horizontally", accuracy.rmse_h, limits.rmse_h_gsd),
        ("vertically", accuracy.rmse_z, limits.rmse_z_gsd),
    ):
        if value > limit * gsd_m:
            message = (
                f"check points are off by {value:.3f} m {axis} (RMSE of {accuracy.n}): {value / gsd_m:.1f} GSD, "
                f"{limit:g} are allowed"
            )
            findings.append(warning("check-points-off", POINTS_FILE, message, hint))
    if accuracy.biased_axes:
        mean = ", ".join(f"{value:+.3f}" for value in accuracy.mean)
        message = f"check points are off to one side ({', '.join(accuracy.biased_axes)}): mean {mean} m (E, N, up)"
        hint = "a wrong datum, geoid or antenna height shifts everything alike"
        findings.append(info("check-points-biased", POINTS_FILE, message, hint))
    return findings


def _unused(controls: Sequence[SurveyedPoint]) -> list[Finding]:
    message = f"the node did not adjust to the {counted(len(controls), 'control point')}"
    hint = "the products are placed by GPS; control points measure them as check points would"
    return [warning("control-points-not-used", "gcp_list.txt", message, hint)]


def _unused_statement(accuracy: Accuracy) -> str:
    if not accuracy.n:
        return "The node did not adjust to the control points, and none was seen in two placed photos."
    return (
        f"The node did not adjust to the {counted(accuracy.n, 'control point')}: the block lies "
        f"{accuracy.rmse_h * 100:.1f} cm (horizontal RMSE) and {accuracy.rmse_z * 100:.1f} cm (vertical) off them."
    )


def _unseen(points: Sequence[SurveyedPoint]) -> list[Finding]:
    names = [point.name for point in points if point.found is None]
    if not names:
        return []
    message = f"{counted(len(names), 'surveyed point', 'are')} not seen in two placed photos ({listed(names, 10)})"
    return [warning("check-point-unseen", POINTS_FILE, message, "mark them in more photos, of the geometry's band")]


def _marks_off(points: Sequence[SurveyedPoint]) -> list[Finding]:
    """The worst mark of each point whose rays do not meet; two rays always nearly do."""
    off = []
    for point in points:
        lengths = [(float(np.hypot(*mark.from_rays)), mark.image) for mark in point.marks if mark.placed]
        worst = max(lengths, default=(0.0, ""))
        if worst[0] > MARK_OFF_PX:
            unused = any(mark.placed and not mark.used for mark in point.marks)
            off.append(f"{point.name} in {worst[1]} ({worst[0]:.1f} px{', not used' if unused else ''})")
    if not off:
        return []
    message = f"marks lie off where the others of their point meet: {listed(off, 10)}"
    return [warning("control-point-mark-off", "gcp_list.txt", message, "set these marks again")]


def _role(point: SurveyedPoint) -> str:
    return "check" if point.is_check else "control"


def _write_points(points: Sequence[SurveyedPoint], crs: str, path: Path) -> None:
    rows = []
    for point in points:
        dx, dy, dz = point.difference
        rays = sum(mark.used for mark in point.marks)
        lengths = (*point.surveyed, dx, dy, dz, float(np.hypot(dx, dy)), *point.sd_m)
        small = (f"{point.angle_deg:.1f}", f"{point.survey_px:.3f}", f"{point.rays_px:.3f}")
        rows.append((point.name, _role(point), *(f"{value:.4f}" for value in lengths), str(rays), *small, crs))
    _write(path, _COLUMNS, rows)


def _write_marks(points: Sequence[SurveyedPoint], path: Path) -> None:
    rows = [
        (
            point.name,
            _role(point),
            mark.image,
            *(f"{value:.3f}" for value in (mark.x, mark.y)),
            *("yes" if given else "no" for given in (mark.placed, mark.used)),
            *(f"{value:.3f}" for value in (*mark.from_survey, *mark.from_rays)),
        )
        for point in points
        for mark in point.marks
    ]
    _write(path, _MARK_COLUMNS, rows)


def _write(path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """CSV whose unknown numbers are empty cells."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows([["" if cell == "nan" else cell for cell in row] for row in rows])
