"""Estimates of a flight's geometry before any photogrammetry, from GPS and focal length."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.flight import Capture, FlightGeometry
from uav_workflow.domain.ground import GroundControlPoint
from uav_workflow.findings import Finding
from uav_workflow.flights.control_scale import gsd_of_marks, place_of
from uav_workflow.flights.height import PHOTOS, POINTS, airborne, height_above_ground, height_measured, height_unknown
from uav_workflow.flights.overlap import footprint_m, overlaps
from uav_workflow.flights.remember import Memory
from uav_workflow.flights.shifts import measured_gsd
from uav_workflow.sun import sun_position


def utm_crs(lon: float, lat: float) -> str:
    """``EPSG:326zz`` or ``EPSG:327zz``: WGS84 UTM zone of a position, without the exceptions of Norway and Svalbard."""
    zone = min(60, int((lon + 180) // 6) + 1)
    return f"EPSG:{(32600 if lat >= 0 else 32700) + zone}"


def local_positions(captures: Sequence[Capture]) -> NDArray[np.float64]:
    """Camera positions in metres east and north of their median, (n, 2) float64; NaN without GPS.

    Equirectangular on the WGS84 sphere of curvature at the middle: right to 1e-4 over a few kilometres.
    """
    degrees = np.array(
        [(p.lon, p.lat) if (p := capture.position) is not None else (math.nan, math.nan) for capture in captures],
        dtype=np.float64,
    ).reshape(-1, 2)
    if not np.isfinite(degrees).any():
        return degrees
    lon0, lat0 = np.nanmedian(degrees, axis=0)
    lat = math.radians(lat0)
    flattening = 1 - 0.00669437999 * math.sin(lat) ** 2
    east = 6378137.0 / math.sqrt(flattening) * math.cos(lat)
    north = 6378137.0 * (1 - 0.00669437999) / flattening**1.5
    metres: NDArray[np.float64] = np.radians(degrees - (lon0, lat0)) * (east, north)
    return metres


def estimate_geometry(
    captures: Sequence[Capture],
    panels: Sequence[Capture] = (),
    memory: Memory | None = None,
    workers: int | None = None,
    points: Sequence[GroundControlPoint] = (),
) -> tuple[FlightGeometry, list[Finding]]:
    """Estimate height, GSD, overlaps, covered area and sun elevation.

    Parameters
    ----------
    captures : sequence of Capture
        Survey captures in time order.
    panels : sequence of Capture
        Panel captures, taken on the ground.
    memory : Memory, optional
        Remembers what was measured on pictures, which are opened only where no tag tells the height.
    points : sequence of GroundControlPoint
        They tell zone and scale where no photo has a position.

    Returns
    -------
    geometry : FlightGeometry
        NaN where there is no ground for an estimate.
    findings : list of Finding
        ``height-guessed`` and ``height-unknown`` say how far the estimate carries.
    """
    captures, on_ground = airborne(captures)
    positions = local_positions(captures)
    focals = [capture.primary.focal_px for capture in captures if capture.primary.focal_px]
    focal_px = float(np.median(focals)) if focals else math.nan
    height_m, findings = height_above_ground(captures, [*panels, *on_ground])
    gsd_m = height_m / focal_px
    crs = _zone(captures, points)
    if math.isnan(height_m):
        by_photos = measured_gsd(captures, positions, memory or Memory(None), workers)
        gsd_m = gsd_of_marks(points, captures, crs) if math.isnan(by_photos) and crs is not None else by_photos
        height_m = gsd_m * focal_px
        source = POINTS if math.isnan(by_photos) else PHOTOS
        findings = [height_measured(height_m, gsd_m, source) if math.isfinite(gsd_m) else height_unknown()]
    primary = captures[0].primary
    size_m = footprint_m(primary.width, primary.height, gsd_m)
    forward, side = overlaps(captures, positions, size_m)
    geometry = FlightGeometry(
        crs=crs,
        height_above_ground_m=height_m,
        gsd_m=gsd_m,
        forward_overlap=forward,
        side_overlap=side,
        area_m2=_area_m2(positions, size_m),
        sun_elevation_deg=_sun_elevation(captures),
    )
    return geometry, findings


def _zone(captures: Sequence[Capture], points: Sequence[GroundControlPoint]) -> str | None:
    """UTM zone of the middle of the photos' positions, else of the surveyed points; nodes choose alike."""
    known = [capture.position for capture in captures if capture.position is not None]
    if known:
        return utm_crs(float(np.median([p.lon for p in known])), float(np.median([p.lat for p in known])))
    place = place_of(points)
    return None if place is None else utm_crs(*place)


def _area_m2(positions: NDArray[np.float64], size_m: tuple[float, float]) -> float:
    """Area of the hull of the camera positions grown by half a footprint's short side."""
    from shapely import MultiPoint

    known = positions[np.isfinite(positions).all(axis=1)]
    if len(known) == 0 or not math.isfinite(size_m[0]):
        return math.nan
    return float(MultiPoint(known).convex_hull.buffer(min(size_m) / 2).area)


def _sun_elevation(captures: Sequence[Capture]) -> float:
    """Sun elevation at the middle of the flight."""
    known = [(c.time_utc, c.position) for c in captures if c.time_utc is not None and c.position is not None]
    if not known:
        return math.nan
    moment, position = known[len(known) // 2]
    assert moment is not None
    assert position is not None
    return sun_position(moment, position.lon, position.lat).elevation_deg
