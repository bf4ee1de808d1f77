"""Coordinate reference systems as files name them, and whether coordinates can be in them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyproj import Transformer
    from shapely.geometry.base import BaseGeometry

WGS84 = "EPSG:4326"


def parse_crs(text: str) -> str | None:
    """``EPSG:n`` where it has one, else WKT; None when it is no CRS.

    Understood: ``EPSG:32632``, a bare number, ``urn:ogc:def:crs:…``, ODM's ``WGS84 UTM 32N``, proj4, WKT.
    """
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    text = text.strip()
    zone = re.fullmatch(r"WGS\s?84[ /]+UTM(?: zone)? (\d{1,2})\s?([NS])", text, re.IGNORECASE)
    if zone and 1 <= int(zone[1]) <= 60:
        return f"EPSG:{(32600 if zone[2].upper() == 'N' else 32700) + int(zone[1])}"
    if "CRS84" in text:
        return WGS84
    try:
        crs = CRS.from_user_input(int(text) if text.isdigit() else text)
    except CRSError:
        return None
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else str(crs.to_wkt())


@lru_cache(maxsize=64)
def is_degrees(crs: str) -> bool:
    """Whether coordinates of this CRS are degrees."""
    from pyproj import CRS

    return bool(CRS.from_user_input(crs).is_geographic)


@lru_cache(maxsize=64)
def transformer(source: str, target: str) -> Transformer:
    """Transformation with x (easting, longitude) first on both sides."""
    from pyproj import Transformer

    return Transformer.from_crs(source, target, always_xy=True)


def reproject(geometry: BaseGeometry, source: str, target: str) -> BaseGeometry:
    """Geometry in another CRS, vertex by vertex."""
    if source == target:
        return geometry
    from shapely import transform

    change = transformer(source, target)
    moved: BaseGeometry = transform(geometry, change.transform, include_z=False, interleaved=False)
    return moved


def area_m2(geometry: BaseGeometry, crs: str, metric_crs: str | None) -> float:
    """Area in square metres; NaN for degrees without a metric CRS to measure in."""
    if not is_degrees(crs):
        return float(geometry.area)
    return float(reproject(geometry, crs, metric_crs).area) if metric_crs is not None else math.nan


def looks_like_metres(points: Iterable[tuple[float, float]]) -> bool:
    """Whether coordinates that claim to be degrees can't be: beyond 360 or 90."""
    return any(abs(x) > 360 or abs(y) > 90 for x, y in points)
