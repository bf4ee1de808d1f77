"""gcp_list.txt in ODM's format: surveyed points and where photos show them."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from uav_workflow.domain.flight import BandImage
from uav_workflow.domain.ground import GroundControlPoint, ImageMark
from uav_workflow.findings import Finding, error, warning
from uav_workflow.flights.control_checks import LEAST_MARKS, LEAST_POINTS
from uav_workflow.flights.crs import is_degrees, parse_crs
from uav_workflow.flights.names import by_file_name, which_is_meant
from uav_workflow.flights.text import read_text
from uav_workflow.flights.wording import counted, listed


def read_control_points(
    path: Path, where: str, images: Sequence[BandImage]
) -> tuple[tuple[GroundControlPoint, ...], list[Finding]]:
    """Ground control and check points.

    The first line names the CRS, each other line reads ``x y z px py image [name] [extras…]``; a point whose extras
    contain ``check`` is a check point. Pixels are taken as written. Findings: ``control-points-invalid``,
    ``control-point-line``, ``control-point-photo``, ``control-point-mark``, ``control-point-marks``,
    ``control-point-places``, ``control-points-few``, ``control-points-unit``.
    """
    text = read_text(path, where)
    findings = list(text.findings)
    lines = [(n, line.split("#")[0].strip()) for n, line in enumerate(text.lines, start=1)]
    lines = [(n, line) for n, line in lines if line]
    crs = parse_crs(lines[0][1]) if lines else None
    if crs is None:
        message = f"the first line '{lines[0][1][:40]}' names no CRS" if lines else "the file is empty"
        return (), [*findings, error("control-points-invalid", where, message, "begin with a line such as EPSG:32632")]
    findings += _unit(crs, where)
    by_name = by_file_name(images)
    marks: dict[tuple[str, float, float, float], list[ImageMark]] = defaultdict(list)
    checks: set[tuple[str, float, float, float]] = set()
    for n, line in lines[1:]:
        parsed, found = _line(line, f"{where}:{n}", by_name)
        findings += found
        if parsed is not None:
            key, mark, is_check = parsed
            if any(known.image == mark.image for known in marks[key]):
                findings.append(_twice(key[0], mark, f"{where}:{n}"))
                continue
            marks[key].append(mark)
            if is_check:
                checks.add(key)
    points = tuple(
        GroundControlPoint(
            name=key[0], crs=crs, x=key[1], y=key[2], z=key[3], marks=tuple(found), is_check=key in checks
        )
        for key, found in marks.items()
    )
    return points, findings + _one_place_a_name(points, where) + _enough(points, where)


def adjusting_digest(points: Sequence[GroundControlPoint]) -> str | None:
    """SHA-256 of the control points, check points left out; None without any.

    It names what a node is sent: a check point that is added or corrected later does not make it work again.
    """
    rows = sorted(
        (point.name, point.crs, point.x, point.y, point.z, [(mark.image, mark.x, mark.y) for mark in point.marks])
        for point in points
        if not point.is_check
    )
    return hashlib.sha256(repr(rows).encode()).hexdigest() if rows else None


_Parsed = tuple[tuple[str, float, float, float], ImageMark, bool]


def _line(line: str, at: str, images: dict[str, BandImage]) -> tuple[_Parsed | None, list[Finding]]:
    cells = line.split()
    try:
        x, y, z, px, py = (float(cell) for cell in cells[:5])
        name = cells[5]
    except (ValueError, IndexError):
        hint = "write x y z px py image [name] [extras], with points as decimal marks"
        return None, [warning("control-point-line", at, f"'{line[:60]}' can't be read; it is not used", hint)]
    image = images.get(name)
    if image is None:
        hint = which_is_meant(name, images.values())
        return None, [warning("control-point-photo", at, f"there is no photo {name}; the line is not used", hint)]
    if not (0 <= px <= image.width and 0 <= py <= image.height):
        message = f"pixel {px:g}, {py:g} is outside {name} ({image.width} x {image.height}); the line is not used"
        return None, [warning("control-point-mark", at, message, "mark the point again")]
    extras = cells[7:]
    label = cells[6] if len(cells) > 6 else f"{x:g} {y:g}"
    is_check = any(extra.strip(",;").lower() == "check" for extra in extras)
    return ((label, x, y, z), ImageMark(image=image.name, x=px, y=py), is_check), []


def _twice(name: str, mark: ImageMark, at: str) -> Finding:
    message = f"{name} is marked a second time in {mark.image}; the line is not used"
    return warning("control-point-mark", at, message, "keep one of the two marks")


def _one_place_a_name(points: Sequence[GroundControlPoint], where: str) -> list[Finding]:
    """``control-point-places``: one name at several places is two points with few marks, or a slip of the pen."""
    places = Counter(point.name for point in points)
    several = [name for name, count in places.items() if count > 1]
    if not several:
        return []
    message = f"{counted(len(several), 'name', 'have')} more than one position ({listed(several)})"
    hint = "write the same x y z on every line of a point, or give each point a name of its own"
    return [warning("control-point-places", where, message, hint)]


def _unit(crs: str, where: str) -> list[Finding]:
    from pyproj import CRS

    units = [axis.unit_name for axis in CRS.from_user_input(crs).axis_info]
    lengths = units[2:] if is_degrees(crs) else units
    unit = next((unit for unit in lengths if unit not in ("metre", "meter", "m")), None)
    if unit is None:
        return []
    message = f"the CRS counts in {unit}; nodes take heights in metres and tilt the model"
    return [error("control-points-unit", where, message, "transform the points into a CRS in metres")]


def _enough(points: Sequence[GroundControlPoint], where: str) -> list[Finding]:
    if not points:
        return [error("control-points-invalid", where, "no line can be used", "correct the file or remove it")]
    findings = []
    weak = [point.name for point in points if len(point.marks) < LEAST_MARKS]
    if weak:
        message = f"{counted(len(weak), 'point', 'are')} marked in fewer than {LEAST_MARKS} photos ({listed(weak)})"
        findings.append(warning("control-point-marks", where, message, "mark every point in 3 photos or more"))
    used = sum(not point.is_check for point in points)
    if used < LEAST_POINTS:
        message = (
            f"{counted(used, 'control point')} besides check points; {LEAST_POINTS} are the least, 5 are good; "
            "a node is not sent so few, they only measure the result"
        )
        findings.append(
            warning("control-points-few", where, message, "mark more points, or turn check points into control")
        )
    return findings
