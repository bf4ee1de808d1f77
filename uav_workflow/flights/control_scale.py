"""What surveyed points tell of a flight whose photos have no positions: zone and scale."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from uav_workflow.domain.flight import Capture
from uav_workflow.domain.ground import GroundControlPoint
from uav_workflow.flights.crs import WGS84, transformer

_APART = 0.1
"""Least distance of two marks, over the width of the photo: closer ones measure the marks, not the ground."""


def place_of(points: Sequence[GroundControlPoint]) -> tuple[float, float] | None:
    """Longitude and latitude of the first point."""
    if not points:
        return None
    lon, lat = transformer(points[0].crs, WGS84).transform(points[0].x, points[0].y)
    return float(lon), float(lat)


def gsd_of_marks(points: Sequence[GroundControlPoint], captures: Sequence[Capture], crs: str) -> float:
    """Metres on the ground a pixel, from the distances between points marked in one photo; NaN without two.

    Median over all pairs in all primary photos: slopes and the tilt of single photos even out.

    Parameters
    ----------
    crs : str
        UTM zone to measure in.
    """
    widths = {capture.primary.name: capture.primary.width for capture in captures}
    marked: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    for point in points:
        place = transformer(point.crs, crs).transform(point.x, point.y)
        for mark in point.marks:
            if mark.image in widths:
                marked[mark.image].append((*place, mark.x, mark.y))
    ratios = [
        math.dist(one[:2], two[:2]) / apart
        for image, rows in marked.items()
        for one, two in combinations(rows, 2)
        if (apart := math.dist(one[2:], two[2:])) > _APART * widths[image]
    ]
    return float(np.median(ratios)) if ratios else math.nan
