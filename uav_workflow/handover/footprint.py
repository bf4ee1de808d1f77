"""Footprints in WGS84 for the catalog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uav_workflow.errors import NotMade


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """GeoJSON geometry and its (west, south, east, north), degrees."""

    geometry: Mapping[str, Any]
    bbox: tuple[float, float, float, float]


def box_footprint(bounds: tuple[float, float, float, float], crs: str) -> Footprint:
    """Footprint of a box in a projected CRS; its edges are cut into 21 points a side before they are bent."""
    from pyproj import Transformer
    from shapely import box, segmentize, transform

    x_min, y_min, x_max, y_max = bounds
    longest = max(x_max - x_min, y_max - y_min)
    to_wgs84 = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    polygon = segmentize(box(*bounds), longest / 20)
    return _footprint(transform(polygon, to_wgs84.transform, interleaved=False))


def table_footprint(path: Path) -> Footprint:
    """Box around the geometries of a GeoParquet table.

    Raises
    ------
    NotMade
        The table has no geometry.
    """
    import geopandas as gpd
    from shapely import box

    table = gpd.read_parquet(path)
    shapes = table.geometry[~(table.geometry.is_empty | table.geometry.isna())]
    if shapes.empty or table.crs is None:
        raise NotMade(f"{path.name}: holds no plot with a place on the ground")
    return _footprint(box(*shapes.to_crs("EPSG:4326").total_bounds))


def _footprint(polygon: Any) -> Footprint:
    from shapely.geometry import mapping

    west, south, east, north = (round(float(value), 8) for value in polygon.bounds)
    ring = [[round(x, 8), round(y, 8)] for x, y in mapping(polygon)["coordinates"][0]]
    return Footprint(geometry={"type": "Polygon", "coordinates": [ring]}, bbox=(west, south, east, north))
