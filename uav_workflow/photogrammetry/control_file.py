"""gcp_list.txt as a node gets it: control points alone, in the flight's UTM zone, under the names of the upload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from uav_workflow.domain.ground import GroundControlPoint
from uav_workflow.photogrammetry.survey_points import surveyed_in

LEAST_POINTS = 3
"""Fewer can't place a block; a node that gets a file stops heeding GPS."""

LEAST_MARKS = 2


def write_control_file(
    points: Sequence[GroundControlPoint], names: Mapping[str, str], crs: str | None, path: Path
) -> Path | None:
    """Write the control points for a node; check points stay behind.

    Coordinates are transformed into the flight's UTM zone here, because nodes refuse some CRS and misread others;
    heights and pixels stay as written.

    Parameters
    ----------
    names : mapping
        Image name in the flight folder to name on the node; marks in images that are not sent are left out.
    crs : str or None
        ``EPSG:326zz`` or ``EPSG:327zz``; None when nothing tells the zone.

    Returns
    -------
    Path or None
        None, and nothing is written, when fewer than three control points have two marks in the images sent.
    """
    if crs is None:
        return None
    lines = [crs]
    used = 0
    for point in points:
        marks = [(names[mark.image], mark) for mark in point.marks if mark.image in names]
        if point.is_check or len(marks) < LEAST_MARKS:
            continue
        used += 1
        place = " ".join(f"{value:.4f}" for value in surveyed_in(point, crs))
        label = "_".join(point.name.split())
        lines += [f"{place} {mark.x:.3f} {mark.y:.3f} {name} {label}" for name, mark in marks]
    if used < LEAST_POINTS:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
