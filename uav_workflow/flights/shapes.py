"""Plot shapes from a file's attributes: a polygon as it is, or a centre with shape and size."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from shapely.geometry import Polygon
    from shapely.geometry.base import BaseGeometry

SHAPE_COLUMNS = ("shape", "size_m", "width_m", "length_m", "radius_m", "diameter_m", "bearing_deg")
Number = Callable[[str], float | None]
"""Value of a column of the row in hand."""


class ShapeError(ValueError):
    """A plot's outline can't be made; the message says why."""


def is_finite(geometry: BaseGeometry) -> bool:
    """Whether every coordinate is a finite number."""
    from shapely import get_coordinates

    return bool(np.isfinite(get_coordinates(geometry)).all())


def mend(polygon: BaseGeometry) -> BaseGeometry | None:
    """Simple polygon of one that crosses itself; None where nothing needs mending or can be mended for sure.

    A splinter below a thousandth (a corner measured twice) is cut off; four corners out of order are put in order.
    """
    from shapely import make_valid

    if polygon.geom_type != "Polygon" or polygon.is_empty or polygon.is_valid:
        return None
    parts = [part for part in getattr(make_valid(polygon), "geoms", ()) if part.geom_type == "Polygon"]
    largest = max(parts, key=lambda part: float(part.area), default=None)
    if largest is not None and largest.area >= 0.999 * sum(part.area for part in parts):
        return largest
    hull: BaseGeometry = polygon.convex_hull
    return hull if len(set(polygon.exterior.coords)) == 4 and hull.geom_type == "Polygon" else None


def outline(x: float, y: float, shape: str, number: Number) -> Polygon:
    """Outline of a plot around its centre, in a metric CRS.

    Parameters
    ----------
    x, y : float
        Centre, metres.
    shape : str
        ``square`` (size_m is the side), ``circle`` (size_m or diameter_m, or radius_m), ``rectangle`` (width_m across,
        length_m along ``bearing_deg``, clockwise from grid north).

    Raises
    ------
    ShapeError
        Shape unknown, or its size is missing or not positive.
    """
    from shapely import Point, Polygon

    size = number("size_m")
    if shape == "circle":
        radius = number("radius_m")
        diameter = size if size is not None else number("diameter_m")
        radius = radius if radius is not None else (None if diameter is None else diameter / 2)
        if radius is None or radius <= 0:
            raise ShapeError("a circle needs radius_m, diameter_m or size_m (the diameter)")
        circle: Polygon = Point(x, y).buffer(radius, quad_segs=32)
        return circle
    if shape not in ("square", "rectangle", ""):
        raise ShapeError(f"shape '{shape}' is not known; write square, rectangle or circle")
    width, length = number("width_m"), number("length_m")
    if shape != "rectangle" and width is None and length is None:
        width = length = size
    if width is None or length is None or width <= 0 or length <= 0:
        needed = "width_m and length_m" if shape == "rectangle" else "size_m (the side)"
        raise ShapeError(f"a {shape or 'plot'} needs {needed}")
    bearing = math.radians(number("bearing_deg") or 0.0)
    corners = [(-width / 2, -length / 2), (width / 2, -length / 2), (width / 2, length / 2), (-width / 2, length / 2)]
    cos, sin = math.cos(bearing), math.sin(bearing)
    return Polygon([(x + u * cos + v * sin, y - u * sin + v * cos) for u, v in corners])
