"""reference_targets.csv: ground targets of known reflectance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from uav_workflow.domain.ground import ReferenceTarget
from uav_workflow.findings import Finding, error, warning
from uav_workflow.flights.bands import usual_band_name
from uav_workflow.flights.crs import WGS84, is_degrees, looks_like_metres, parse_crs, reproject
from uav_workflow.flights.shapes import SHAPE_COLUMNS, ShapeError, is_finite, outline
from uav_workflow.flights.tables import Row, Table, read_table

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_KNOWN = ("target_id", "geometry", "band", "reflectance", "sd", "crs", "lon", "lat", "x", "y", *SHAPE_COLUMNS)


def read_targets(
    path: Path, where: str, crs: str | None, metric_crs: str | None
) -> tuple[tuple[ReferenceTarget, ...], list[Finding]]:
    """Reference targets, one row a target and band.

    ``geometry`` is WKT; or ``x y`` / ``lon lat`` with shape and size. A row that can't be used is left out and said:
    ``target-geometry-invalid``, ``impossible-value``, ``crs-missing`` (error), ``crs-metres-as-degrees`` (error).
    """
    table = read_table(path, where, _KNOWN, ("target_id", "band", "reflectance"))
    targets = []
    for row in table.rows:
        try:
            target = _target(table, row, crs, metric_crs)
        except ShapeError as exc:
            message = f"target {row.text('target_id')} is not used: {exc}"
            table.findings.append(warning("target-geometry-invalid", table.at(row), message, "correct the outline"))
            continue
        if target is not None:
            targets.append(target)
    if table.rows and not targets and not any(f.level == "error" for f in table.findings):
        table.findings.append(
            error("no-usable-target", where, f"none of {len(table.rows)} rows can be used", "correct them")
        )
    return tuple(targets), table.findings


def _target(table: Table, row: Row, crs: str | None, metric_crs: str | None) -> ReferenceTarget | None:
    reflectance, sd = table.number(row, "reflectance"), table.number(row, "sd")
    name, band = row.text("target_id"), row.text("band")
    if reflectance is None or name is None or band is None:
        return None
    if not 0 < reflectance <= 1.1:
        hint = "write reflectance as a fraction" if 1.1 < reflectance <= 110 else "correct it"
        message = f"reflectance {reflectance:g} of {name} is impossible; the row is not used"
        table.findings.append(warning("impossible-value", table.at(row), message, hint))
        return None
    own = row.text("crs")
    row_crs = parse_crs(own) if own else (WGS84 if "lon" in table.columns else crs)
    if row_crs is None:
        message = f"the CRS of {name} is not known"
        table.findings.append(error("crs-missing", table.at(row), message, "add a column crs, or crs to flight.yaml"))
        return None
    geometry = _geometry(table, row)
    if not is_finite(geometry) or geometry.is_empty:
        raise ShapeError("a coordinate is no number, or it has none")
    if is_degrees(row_crs) and looks_like_metres([geometry.bounds[:2]]):
        message = f"the coordinates of {name} are metres, but the CRS is in degrees ({row_crs})"
        table.findings.append(error("crs-metres-as-degrees", table.at(row), message, "name the right CRS"))
        return None
    if geometry.geom_type == "Point":
        if is_degrees(row_crs):
            if metric_crs is None:
                raise ShapeError("a centre in degrees needs photos with GPS, or a metric crs")
            geometry, row_crs = reproject(geometry, row_crs, metric_crs), metric_crs
        shape = (row.text("shape") or "").lower()
        geometry = outline(geometry.x, geometry.y, shape, lambda key: table.number(row, key))
    return ReferenceTarget(
        target_id=name, geometry=geometry, crs=row_crs, band=usual_band_name(band), reflectance=reflectance, sd=sd
    )


def _geometry(table: Table, row: Row) -> BaseGeometry:
    """Geometry of a row by its WKT, else its centre."""
    from shapely import Point, from_wkt
    from shapely.errors import GEOSException

    wkt = row.text("geometry")
    if wkt:
        try:
            geometry: BaseGeometry = from_wkt(wkt)
        except GEOSException as exc:
            raise ShapeError(f"its WKT can't be read ({exc})") from exc
        return geometry
    x, y = (table.number(row, key) for key in (("lon", "lat") if "lon" in table.columns else ("x", "y")))
    if x is None or y is None:
        raise ShapeError("it has neither WKT nor a centre")
    return Point(x, y)
