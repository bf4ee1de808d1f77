"""plots.geojson, plots.gpkg and plots.csv: where the ground plots are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uav_workflow.domain.ground import Plot
from uav_workflow.findings import Finding, error, info, warning
from uav_workflow.flights.crs import WGS84, area_m2, is_degrees, looks_like_metres, parse_crs, reproject
from uav_workflow.flights.shapes import SHAPE_COLUMNS, ShapeError, is_finite, mend, outline
from uav_workflow.flights.tables import property_key, read_table
from uav_workflow.flights.text import read_text
from uav_workflow.flights.wording import counted, listed

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_KNOWN = (
    "plot_id", "site_id", "parent_plot_id", "geometry", "wkt", "crs", "epsg", "lon", "lat", "longitude", "latitude",
    "x", "y", "easting", "northing", "sigma_h_m", "sigma_v_m", "fix_type", "vegetation_class", *SHAPE_COLUMNS,
)  # fmt: skip
_CENTRES = (("lon", "lat"), ("longitude", "latitude"), ("x", "y"), ("easting", "northing"))


@dataclass(frozen=True, slots=True)
class _Feature:
    """A plot as the file has it: geometry in ``crs``, attributes under house keys."""

    at: str
    geometry: BaseGeometry
    attributes: Mapping[str, Any]
    crs: str | None

    def text(self, key: str) -> str | None:
        value = self.attributes.get(key)
        return None if value is None or str(value).strip() == "" else str(value).strip()

    def number(self, key: str) -> float | None:
        text = self.text(key)
        try:
            return None if text is None else float(text.replace(",", "."))
        except ValueError:
            return None


def read_plots(
    path: Path, where: str, crs: str | None, metric_crs: str | None
) -> tuple[tuple[Plot, ...], list[Finding]]:
    """Ground plots as polygons.

    Parameters
    ----------
    path : Path
        GeoJSON, GeoPackage or CSV (``geometry`` as WKT, or a centre with shape and size).
    crs : str or None
        flight.yaml's CRS: used where the file names none, and where it names degrees for what must be metres.
    metric_crs : str or None
        UTM zone of the flight, in which outlines around centres in degrees are drawn.

    Returns
    -------
    plots : tuple of Plot
    findings : list of Finding
        ``plots-unreadable``, ``crs-metres-as-degrees``, ``crs-missing``, ``crs-unknown``, ``crs-overridden``,
        ``plot-without-id``, ``duplicate-plot``, ``plot-geometry-invalid``, ``plot-outline-mended``,
        ``plot-position-uncertain``, ``no-usable-plot``.
    """
    from shapely.errors import ShapelyError

    try:
        features, findings = _READERS.get(path.suffix.lower(), _from_csv)(path, where)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, ShapelyError) as exc:
        message = f"the plots can't be read ({' '.join(str(exc).split())})"
        return (), [error("plots-unreadable", where, message, "save the file again as GeoJSON or CSV")]
    resolved, found = _with_crs(features, where, crs, metric_crs)
    findings += found
    plots: dict[str, Plot] = {}
    for feature in resolved:
        plot = _plot(feature, metric_crs, findings)
        if plot is None:
            continue
        if plot.plot_id in plots:
            message = f"plot {plot.plot_id} is there twice; only the first is used"
            findings.append(warning("duplicate-plot", feature.at, message, "give every plot its own plot_id"))
            continue
        plots[plot.plot_id] = plot
    if features and not plots and not any(f.level == "error" for f in findings):
        findings.append(
            error("no-usable-plot", where, f"none of {len(features)} plots can be used", "see the other findings")
        )
    return tuple(plots.values()), findings + _uncertain(plots.values(), metric_crs, where)


def _from_geojson(path: Path, where: str) -> tuple[list[_Feature], list[Finding]]:
    from shapely import Polygon
    from shapely.geometry import shape

    text = read_text(path, where)
    document = json.loads("\n".join(text.lines))
    named = document.get("crs", {}).get("properties", {}).get("name") if document.get("crs") else None
    crs = parse_crs(str(named)) if named else WGS84
    features = []
    for index, entry in enumerate(document["features"], start=1):
        attributes = _house_keys(entry.get("properties") or {})
        if "plot_id" not in attributes and entry.get("id") is not None:
            attributes["plot_id"] = entry["id"]
        geometry = shape(entry["geometry"]) if entry.get("geometry") else Polygon()
        features.append(_Feature(f"{where} feature {index}", geometry, attributes, crs))
    return features, list(text.findings)


def _from_geopackage(path: Path, where: str) -> tuple[list[_Feature], list[Finding]]:
    import pyogrio

    layers = [str(name) for name, kind in pyogrio.list_layers(path) if kind]
    layer = "plots" if "plots" in layers else layers[0]
    frame = pyogrio.read_dataframe(path, layer=layer)
    crs = parse_crs(frame.crs.to_wkt()) if frame.crs is not None else None
    features = [
        _Feature(f"{where} row {index}", record["geometry"], _house_keys(_without(record, "geometry")), crs)
        for index, record in enumerate(frame.to_dict("records"), start=1)
    ]
    findings = []
    if len(layers) > 1:
        message = f"the file has {len(layers)} layers; only {layer} is read"
        findings.append(info("two-files-of-a-kind", where, message))
    return features, findings


def _from_csv(path: Path, where: str) -> tuple[list[_Feature], list[Finding]]:
    from shapely import Point, from_wkt
    from shapely.errors import GEOSException

    table = read_table(path, where, _KNOWN, ("plot_id",))
    if not table.rows:
        return [], table.findings
    wkt = next((key for key in ("geometry", "wkt") if key in table.columns), None)
    centre = next((pair for pair in _CENTRES if set(pair) <= set(table.columns)), None)
    if wkt is None and centre is None:
        message = "no geometry column: give geometry as WKT, or lon and lat, or x and y, with shape and size_m"
        return [], [*table.findings, error("missing-column", where, message, "add the columns")]
    features = []
    for row in table.rows:
        crs_text = row.text("crs") or row.text("epsg")
        crs = parse_crs(crs_text) if crs_text else (WGS84 if centre and centre[0].startswith("lon") else None)
        attributes: dict[str, Any] = {key: row.text(key) for key in table.columns}
        try:
            if wkt and row.text(wkt):
                geometry: BaseGeometry = from_wkt(row.text(wkt))
            else:
                x, y = (table.number(row, name) for name in centre or ("x", "y"))
                if x is None or y is None:
                    raise ValueError("no position")
                geometry = Point(x, y)
        except (GEOSException, ValueError) as exc:
            table.findings.append(_bad_geometry(table.at(row), str(row.text("plot_id")), str(exc)))
            continue
        for key in SHAPE_COLUMNS[1:]:
            attributes[key] = table.number(row, key)
        features.append(_Feature(table.at(row), geometry, attributes, crs))
    return features, table.findings


_READERS = {".geojson": _from_geojson, ".json": _from_geojson, ".gpkg": _from_geopackage}


def _with_crs(
    features: list[_Feature], where: str, stated: str | None, metric_crs: str | None
) -> tuple[list[_Feature], list[Finding]]:
    """Features whose CRS is certain; an error, and none, where it can't be what the file says."""
    if not features:
        return [], []
    points = [(bounds[0], bounds[1]) for f in features if not f.geometry.is_empty and (bounds := f.geometry.bounds)]
    named = {f.crs for f in features}
    if None in named:
        if stated is None:
            message = "the file names no coordinate reference system (or none that is known)"
            return [], [error("crs-missing", where, message, "add a column crs, or crs: EPSG:… to flight.yaml")]
        return [_again(f, f.crs or stated) for f in features], []
    metres = [f for f in features if f.crs and is_degrees(f.crs)] and looks_like_metres(points)
    if not metres:
        return features, []
    x, y = points[0]
    message = f"coordinates such as {x:.1f}, {y:.1f} are metres, but the file says they are degrees ({features[0].crs})"
    if stated is not None and not is_degrees(stated):
        said = f"{message}; flight.yaml's {stated} is used"
        return [_again(f, stated) for f in features], [warning("crs-overridden", where, said, "correct the file")]
    return [], [error("crs-metres-as-degrees", where, message, _crs_hint(features, metric_crs))]


def _crs_hint(features: list[_Feature], metric_crs: str | None) -> str:
    own = next((text for f in features if (text := f.text("epsg") or f.text("crs"))), None)
    likely = parse_crs(own) if own else metric_crs
    return f"name the right CRS in the file, or write crs: {likely or 'EPSG:…'} in flight.yaml" + (
        " (the file's own attribute says so)" if own and likely else " (the UTM zone of the photos)" if likely else ""
    )


def _again(feature: _Feature, crs: str) -> _Feature:
    return _Feature(feature.at, feature.geometry, feature.attributes, crs)


def _plot(feature: _Feature, metric_crs: str | None, findings: list[Finding]) -> Plot | None:
    plot_id = feature.text("plot_id")
    if plot_id is None:
        message = "the plot has no plot_id; it is not used"
        findings.append(warning("plot-without-id", feature.at, message, "add the attribute plot_id"))
        return None
    assert feature.crs is not None
    geometry, crs, shape = feature.geometry, feature.crs, feature.text("shape") or "polygon"
    try:
        if geometry.geom_type == "Point":
            shape = (feature.text("shape") or "").lower()
            if is_degrees(crs):
                if metric_crs is None:
                    raise ShapeError("a centre in degrees needs photos with GPS, or a metric crs")
                geometry, crs = reproject(geometry, crs, metric_crs), metric_crs
            geometry = outline(geometry.x, geometry.y, shape, feature.number)
            shape = shape or "square"
    except ShapeError as exc:
        findings.append(_bad_geometry(feature.at, plot_id, str(exc)))
        return None
    if not is_finite(geometry):
        findings.append(_bad_geometry(feature.at, plot_id, "a coordinate of its outline is no number"))
        return None
    mended = mend(geometry)
    if mended is not None:
        message = f"the outline of plot {plot_id} crosses itself; it was mended"
        findings.append(info("plot-outline-mended", feature.at, message, "check the order of its corners"))
        geometry = mended
    if geometry.is_empty or not geometry.is_valid or geometry.geom_type not in ("Polygon", "MultiPolygon"):
        why = "is empty" if geometry.is_empty else f"is no simple polygon ({geometry.geom_type})"
        findings.append(_bad_geometry(feature.at, plot_id, f"its outline {why}"))
        return None
    return Plot(
        plot_id=plot_id,
        geometry=geometry,
        crs=crs,
        site_id=feature.text("site_id"),
        parent_plot_id=feature.text("parent_plot_id"),
        shape=shape,
        sigma_h_m=feature.number("sigma_h_m"),
        sigma_v_m=feature.number("sigma_v_m"),
        fix_type=feature.text("fix_type"),
        vegetation_class=feature.text("vegetation_class"),
    )


def _uncertain(plots: Iterable[Plot], metric_crs: str | None, where: str) -> list[Finding]:
    """Plots whose position error exceeds a fifth of their side: what is measured there is partly the neighbour's."""
    doubtful = [
        plot.plot_id
        for plot in plots
        if plot.sigma_h_m is not None and plot.sigma_h_m > 0.2 * area_m2(plot.geometry, plot.crs, metric_crs) ** 0.5
    ]
    if not doubtful:
        return []
    named = f"{counted(len(doubtful), 'plot')} ({listed(doubtful)})"
    message = f"the position of {named} is uncertain by more than a fifth of the side"
    return [warning("plot-position-uncertain", where, message, "compare at the level of the larger plot or site")]


def _bad_geometry(at: str, plot_id: str, why: str) -> Finding:
    return warning("plot-geometry-invalid", at, f"plot {plot_id} is not used: {why}", "correct the outline")


def _house_keys(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {property_key(str(name), _KNOWN): value for name, value in properties.items()}


def _without(record: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {str(name): value for name, value in record.items() if name != key}
