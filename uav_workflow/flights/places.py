"""Whether the positions of a flight make sense."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from uav_workflow.domain.flight import Capture, FlightGeometry
from uav_workflow.domain.ground import GroundControlPoint
from uav_workflow.findings import Finding, error, info, warning
from uav_workflow.flights.control_checks import LEAST_MARKS, LEAST_POINTS, can_place, placing_points
from uav_workflow.flights.geometry import local_positions
from uav_workflow.flights.wording import counted, listed

_LEAST_LINK_M = 150.0
_LINK = 10.0
_ALTITUDE_SPREAD = 0.25


def check_gps(captures: Sequence[Capture], points: Sequence[GroundControlPoint] = ()) -> list[Finding]:
    """``no-gps``: an error when no photo has a position and no control points place the block, else a warning.

    Parameters
    ----------
    points : sequence of GroundControlPoint
        Surveyed points with their marks.
    """
    without = [capture.primary.name for capture in captures if capture.position is None]
    if not without:
        return []
    if len(without) < len(captures):
        message = f"{len(without)} of {len(captures)} photos have no GPS position"
        return [warning("no-gps", listed(without), message, "they are placed by their pictures alone, or not at all")]
    message = "no photo has a GPS position"
    if can_place(points):
        usable = counted(len(placing_points(points)), "control point")
        hint = "not every node can do this; overlap and area can't be told before the run"
        return [warning("no-gps", "images", f"{message}; {usable} place the block", hint)]
    if points:
        message += (
            f"; the control points can't place them: {len(placing_points(points))} are marked in {LEAST_MARKS} photos "
            f"or more, {LEAST_POINTS} are the least, and not in one line"
        )
    hint = "add positions as geo.txt, or copy the original files: messengers and editors remove GPS tags"
    return [error("no-gps", "images", message, f"{hint}; or survey and mark control points (gcp_list.txt)")]


def without_far_photos(captures: Sequence[Capture]) -> tuple[tuple[Capture, ...], list[Finding]]:
    """Captures that lie together, and findings on the others.

    Captures are linked when they lie within ten times the median distance to the nearest neighbour (150 m at least).
    Single photos off the largest group are left out (``photo-far-away``); a second group of some size stays and is said
    (``separate-areas``).
    """
    positions = local_positions(captures)
    known = np.flatnonzero(np.isfinite(positions).all(axis=1))
    if len(known) < 3:
        return tuple(captures), []
    labels = _groups(positions[known])
    sizes = Counter(labels.tolist())
    main, _ = sizes.most_common(1)[0]
    few = max(2, 0.03 * len(known))
    far = {int(known[i]) for i, label in enumerate(labels) if label != main and sizes[int(label)] <= few}
    findings = []
    centre = np.median(positions[known[labels == main]], axis=0)
    if far and len(far) < len(known) / 2:
        distance = max(math.hypot(*(positions[i] - centre)) for i in far)
        message = f"{counted(len(far), 'photo', 'lie')} up to {_distance(distance)} from all others; left out"
        hint = "remove test shots of another place, or correct the positions with geo.txt"
        findings.append(warning("photo-far-away", listed(captures[i].primary.name for i in sorted(far)), message, hint))
    large = [label for label, size in sizes.items() if label != main and size > few]
    if large:
        apart = max(math.hypot(*(np.median(positions[known[labels == label]], axis=0) - centre)) for label in large)
        message = f"the photos lie in {len(large) + 1} groups up to {_distance(apart)} apart"
        findings.append(warning("separate-areas", "images", message, "put each flight into a folder of its own"))
    if len(far) >= len(known) / 2:
        return tuple(captures), findings
    return tuple(capture for i, capture in enumerate(captures) if i not in far), findings


def _groups(
    positions: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    """Label of the group of every position: single linkage."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    tree = cKDTree(positions)
    nearest = tree.query(positions, k=2)[0][:, 1]
    pairs = tree.query_pairs(max(_LEAST_LINK_M, _LINK * float(np.median(nearest))), output_type="ndarray")
    count = len(positions)
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    labels: np.ndarray[tuple[int, ...], np.dtype[np.int32]] = connected_components(graph, directed=False)[1]
    return labels


def check_altitudes(captures: Sequence[Capture], height_m: float) -> list[Finding]:
    """``altitude-changes``: flying height spreads by more than a quarter of itself, or photos from the ground."""
    altitudes = np.array([p.alt_m for c in captures if (p := c.position) is not None and p.alt_m is not None])
    if len(altitudes) < 4 or not math.isfinite(height_m):
        return []
    low, high = np.percentile(altitudes, [2, 98])
    if high - low <= _ALTITUDE_SPREAD * height_m:
        return []
    message = f"GPS altitudes spread by {high - low:.0f} m at a height of {height_m:.0f} m"
    return [info("altitude-changes", "images", message, "terrain-following, a drifting GPS, or photos of take-off")]


def check_coverage(geometry: FlightGeometry) -> list[Finding]:
    """``low-forward-overlap`` and ``low-side-overlap`` under what matching vegetation needs; ``sun-low``."""
    findings = []
    forward, side = geometry.forward_overlap, geometry.side_overlap
    if forward < 0.7:
        message = f"forward overlap is about {forward:.0%}; vegetation wants 75 % or more"
        findings.append(warning("low-forward-overlap", "images", message, "fly slower, higher, or trigger more often"))
    if side < 0.6:
        said = (
            f"side overlap is about {side:.0%}" if side >= 0 else "neighbouring flight lines leave a gap between them"
        )
        message = f"{said}; vegetation wants 65 % or more"
        findings.append(warning("low-side-overlap", "images", message, "fly lines closer together, or higher"))
    return findings + _sun(geometry.sun_elevation_deg)


def _sun(elevation: float) -> list[Finding]:
    if not math.isfinite(elevation) or elevation >= 30:
        return []
    if elevation < 0:
        message = f"the sun stood {-elevation:.0f}° below the horizon: clock or time zone is wrong"
        return [warning("sun-low", "images", message, "correct utc_offset, or the camera's clock")]
    message = f"the sun stood at {elevation:.0f}°; below 30° shadows are long and reflectance is uncertain"
    return [warning("sun-low", "images", message, "fly within 2.5 hours of solar noon")]


def _distance(metres: float) -> str:
    return f"{metres / 1000:.1f} km" if metres >= 1000 else f"{metres:.0f} m"
