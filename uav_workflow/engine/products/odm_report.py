"""odm_report/stats.json: the numbers by which a client judges a run, under ODM's names, and ours beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from uav_workflow.domain.flight import Capture
from uav_workflow.domain.product import Json
from uav_workflow.domain.reconstruction import Reconstruction
from uav_workflow.engine.adjustment.ground_control import PointResidual
from uav_workflow.engine.mosaic.orthomosaic import MosaicFacts
from uav_workflow.engine.products.odm_layout import write_document
from uav_workflow.engine.products.point_cloud import CloudFacts
from uav_workflow.engine.scratch import release, strips
from uav_workflow.engine.surface.model import Surface
from uav_workflow.findings import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProducts:
    """What the stages of a run hand to the report.

    Attributes
    ----------
    terrain : (rows, columns) float32 or None
        On the surface's grid; None when no DTM was asked for.
    mosaic : MosaicFacts or None
        None when no orthomosaic was made.
    gsd_m : float
        Ground sampling distance, metres.
    """

    captures: Sequence[Capture]
    findings: Sequence[Finding]
    reconstruction: Reconstruction
    points: Sequence[PointResidual]
    surface: Surface
    terrain: NDArray[np.float32] | None
    mosaic: MosaicFacts | None
    cloud: CloudFacts
    gsd_m: float
    started: datetime

    @property
    def photos(self) -> int:
        """Photos used, all bands counted."""
        return sum(len(capture.images) for capture in self.captures)

    @property
    def placed(self) -> int:
        """Captures whose image of the geometry's band was placed."""
        missing = set(self.reconstruction.missing)
        return sum(capture.primary.name not in missing for capture in self.captures)


def write_stats(project: Path, made: RunProducts) -> None:
    """Write stats.json; what ODM has no name for stands under ``uav_workflow``."""
    captures, reconstruction, surface, cloud = made.captures, made.reconstruction, made.surface, made.cloud
    measured_m2 = surface.measured_cells() * surface.grid.pixel_m**2
    spent = (datetime.now(UTC) - made.started).total_seconds()
    document: dict[str, Json] = {
        "processing_statistics": {
            "date": datetime.now(UTC).strftime("%d/%m/%Y at %H:%M:%S"),
            "area": measured_m2,
            **capture_span(captures),
        },
        "reconstruction_statistics": {
            "components": reconstruction.facts.get("components", 1),
            "has_gps": any(capture.position is not None for capture in captures),
            "has_gcp": any(point.used for point in made.points),
            "initial_shots_count": len(captures),
            "reconstructed_shots_count": made.placed,
            "reconstructed_points_count": len(reconstruction.points),
            "reprojection_error_pixels": reconstruction.facts.get("reprojection_px"),
        },
        "gps_errors": gps_errors(reconstruction, captures),
        "gcp_errors": gcp_errors(made.points),
        "dsm_statistics": height_statistics(surface.dsm),
        "odm_processing_statistics": {"total_time": spent, "average_gsd": made.gsd_m * 100},
        "point_cloud_statistics": {
            "dense": True,
            "points": cloud.points,
            "outliers": cloud.outliers,
            "ground_share": cloud.ground_share,
        },
        "uav_workflow": {
            "reconstruction": dict(reconstruction.facts),
            "surface": dict(surface.facts),
            "native_cell_m": surface.grid.pixel_m,
            "missing": list[Json](reconstruction.missing),
            "findings": [dict[str, Json](finding.to_json()) for finding in made.findings],
        },
    }
    if made.mosaic is not None:
        document["orthophoto_statistics"] = mosaic_statistics(made.mosaic)
    if made.terrain is not None:
        document["dtm_statistics"] = height_statistics(made.terrain)
    write_document(project / "odm_report" / "stats.json", document)


def mosaic_statistics(mosaic: MosaicFacts) -> dict[str, Json]:
    """What was found of the orthomosaic: bands, shares, steps across seams, and the shift of each band in pixels."""
    shifts: dict[str, Json] = {
        shift.band: {
            "against": shift.against,
            "tiles": shift.tiles,
            "dx": shift.dx,
            "dy": shift.dy,
            "rms": shift.rms,
            "p95": shift.largest,
        }
        for shift in mosaic.band_shifts
    }
    return {
        "bands": list[Json](mosaic.bands),
        "covered_share": mosaic.covered_share,
        "hidden_share": mosaic.hidden_share,
        "sources": list[Json](mosaic.captures),
        "seam_steps": {
            "across": mosaic.seams.across,
            "inside": mosaic.seams.inside,
            "excess": mosaic.seams.excess,
            "pieces": mosaic.seams.pieces,
        },
        "band_shift_px": shifts,
    }


def gps_errors(reconstruction: Reconstruction, captures: Sequence[Capture]) -> dict[str, Json]:
    """Camera positions found minus those of the tags, metres: mean, standard deviation and RMS on each axis."""
    to_utm = Transformer.from_crs("EPSG:4326", reconstruction.crs, always_xy=True)
    centres = {shot.image: shot.centre for shot in reconstruction.shots}
    rows = []
    for capture in captures:
        position, centre = capture.position, centres.get(capture.primary.name)
        if position is None or position.alt_m is None or centre is None:
            continue
        east, north = to_utm.transform(position.lon, position.lat)
        rows.append(centre - (east - reconstruction.offset[0], north - reconstruction.offset[1], position.alt_m))
    if not rows:
        return {}
    return _summary(np.array(rows))


def gcp_errors(points: Sequence[PointResidual]) -> dict[str, Json]:
    """The same of the control points that were adjusted to, and every surveyed point beside; empty without any."""
    used = [point.error for point in points if point.used]
    summary = _summary(np.array(used)) if used else {}
    return {**summary, "details": [point.to_json() for point in points]} if points else {}


def write_points(project: Path, reconstruction: Reconstruction, points: Sequence[PointResidual]) -> None:
    """ground_control_points.geojson as ODM writes it: control points with their errors, metres; none without any."""
    used = [point for point in points if point.used]
    if not used:
        return
    crs, (east, north) = reconstruction.crs, reconstruction.offset
    to_wgs84 = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    features: list[Json] = []
    for point in used:
        x, y, z = (float(value) for value in point.place)
        lon, lat = to_wgs84.transform(x + east, y + north)
        properties: dict[str, Json] = {
            "id": point.name,
            "observations_count": len(point.images),
            "observations_list": ",".join(point.images),
            **{f"error_{axis}": float(value) for axis, value in zip("xyz", point.error, strict=True)},
        }
        geometry: dict[str, Json] = {"type": "Point", "coordinates": [float(lon), float(lat), z]}
        features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    path = project / "odm_georeferencing" / "ground_control_points.geojson"
    write_document(path, {"type": "FeatureCollection", "features": features})


def _summary(errors: NDArray[np.float64]) -> dict[str, Json]:
    return {
        "mean": _axes(errors.mean(axis=0)),
        "std": _axes(errors.std(axis=0)),
        "error": _axes(np.sqrt((errors**2).mean(axis=0))),
        "average_error": float(np.linalg.norm(errors, axis=1).mean()),
    }


def _axes(values: NDArray[np.float64]) -> dict[str, Json]:
    return dict(zip("xyz", (float(value) for value in values), strict=True))


def height_statistics(heights: NDArray[np.float32]) -> dict[str, Json]:
    """Statistics of a height model over its known cells, metres."""
    count, mean, squares, low, high = 0, 0.0, 0.0, np.inf, -np.inf
    for strip in strips(heights.shape):
        part = heights[strip.rows]
        known = part[np.isfinite(part)]
        release(heights)
        if known.size:
            # merged part by part about the mean (Chan et al., 1979): heights are large, their spread is small
            own, share = float(known.mean(dtype=np.float64)), known.size / (count + known.size)
            squares += known.size * float(known.var(dtype=np.float64)) + count * share * (own - mean) ** 2
            mean += share * (own - mean)
            count += known.size
            low, high = min(low, float(known.min())), max(high, float(known.max()))
    return {"min": low, "max": high, "mean": mean, "stddev": float(np.sqrt(squares / count))} if count else {}


def capture_span(captures: Sequence[Capture]) -> dict[str, Json]:
    """First and last time of the photos, UTC, as stats.json writes them; empty without UTC times."""
    times = sorted(capture.time_utc for capture in captures if capture.time_utc is not None)
    if not times:
        return {}
    form = "%d/%m/%Y at %H:%M:%S"
    return {"start_date": times[0].astimezone(UTC).strftime(form), "end_date": times[-1].astimezone(UTC).strftime(form)}
