"""Whether surveyed points can place a block, and whether their heights are metres above the same zero."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from uav_workflow.domain.flight import Capture, FlightGeometry
from uav_workflow.domain.ground import GroundControlPoint
from uav_workflow.findings import Finding, error, info, warning
from uav_workflow.flights.crs import is_degrees
from uav_workflow.flights.wording import counted

LEAST_POINTS = 3
LEAST_MARKS = 3

_FOOT_M = 0.3048
_DATUM_M = 150.0
"""Geoid undulations (-106 to +85 m) and barometers put GPS and survey that far apart at most."""
_USUAL_HEIGHT_M = 60.0
_LINE = 0.05
"""Spread across over spread along, below which points lie in one line and a block can turn about it."""


def placing_points(points: Sequence[GroundControlPoint]) -> list[GroundControlPoint]:
    """Control points with marks in three photos or more: such that a block can be placed by them."""
    return [point for point in points if not point.is_check and len({m.image for m in point.marks}) >= LEAST_MARKS]


def can_place(points: Sequence[GroundControlPoint]) -> bool:
    """Whether the points place a block that has no GPS: three or more, not in one line."""
    usable = placing_points(points)
    return len(usable) >= LEAST_POINTS and _breadth(usable) > _LINE


def check_control(
    points: Sequence[GroundControlPoint], captures: Sequence[Capture], geometry: FlightGeometry, where: str
) -> list[Finding]:
    """``control-points-feet`` (error), ``control-points-height``, ``control-points-in-line``, ``check-points-none``."""
    if not points:
        return []
    findings = _heights(points, captures, geometry, where)
    control = [point for point in points if not point.is_check]
    if len(control) >= LEAST_POINTS and _breadth(control) <= _LINE:
        message = f"{counted(len(control), 'control point', 'lie')} in one line: the block can turn about it"
        findings.append(warning("control-points-in-line", where, message, "use a point to its side as control"))
    if len(control) == len(points) and len(control) > LEAST_POINTS:
        message = "all points adjust the block, none is left to measure the result"
        hint = "write `check` behind the name of every third point"
        findings.append(info("check-points-none", where, message, hint))
    return findings


def _heights(
    points: Sequence[GroundControlPoint], captures: Sequence[Capture], geometry: FlightGeometry, where: str
) -> list[Finding]:
    heights = np.array([point.z for point in points])
    if len(heights) > 1 and not heights.any():
        message = "all heights are 0: nodes take them as measured, and flatten the terrain"
        return [warning("control-points-height", where, message, "write the surveyed heights")]
    altitudes = [p.alt_m for c in captures if (p := c.position) is not None and p.alt_m is not None]
    if not altitudes:
        return []
    known = math.isfinite(geometry.height_above_ground_m)
    flown = geometry.height_above_ground_m if known else _USUAL_HEIGHT_M
    ground = float(np.median(altitudes)) - flown
    far = _DATUM_M if known else 2 * _DATUM_M
    height = float(np.median(heights))
    if abs(height - ground) <= far:
        return []
    there = f"points lie at {height:.0f} m, the ground by the photos' GPS at about {ground:.0f} m"
    if abs(height * _FOOT_M - ground) <= far:
        message = f"heights look like feet: {there}, and {height:.0f} ft are {height * _FOOT_M:.0f} m"
        hint = "write heights in metres; no node converts them, and the model would be tilted and stretched"
        return [error("control-points-feet", where, message, hint)]
    hint = "check unit and datum of the heights, and whether these are the points of this flight"
    return [warning("control-points-height", where, there, hint)]


def _breadth(points: Sequence[GroundControlPoint]) -> float:
    """Spread of the points across over along their longest direction."""
    places = np.array([(point.x, point.y) for point in points])
    if is_degrees(points[0].crs):
        places[:, 0] *= math.cos(math.radians(float(places[:, 1].mean())))
    along, across = np.linalg.svd(places - places.mean(axis=0), compute_uv=False)[:2]
    return float(across / along) if along > 0 else 0.0
