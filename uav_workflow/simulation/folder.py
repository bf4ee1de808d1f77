"""The files of a flight folder that are no photos, and the tables of its truth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.reconstruction import Shot
from uav_workflow.simulation.ground import HARVEST_M2, POSITION_SD_M, SurveyedPlot, TruePlot
from uav_workflow.simulation.sensors import Sensor
from uav_workflow.simulation.site import UTC_OFFSET_H, Site, local_time
from uav_workflow.simulation.survey import Survey
from uav_workflow.simulation.tables import write_table

FloatArray = NDArray[np.float64]


def write_flight_yaml(path: Path, site: Site, sensor: str, start: datetime) -> None:
    """flight.yaml of a simulated flight."""
    path.write_text(
        f"site: {site.name}\ncampaign: simulation\ndate: {local_time(start):%Y-%m-%d}\nutc_offset: {UTC_OFFSET_H}\n"
        f"sensor: {sensor}\ncrs: {site.crs}\nvertical_reference: WGS84 ellipsoid\n"
        "notes: simulated; the truth lies in truth/\n",
        encoding="utf-8",
    )


def write_plots(path: Path, plots: Sequence[SurveyedPlot], site: Site) -> None:
    """plots.geojson: corners as surveyed, WGS84 degrees."""
    features = []
    for plot in plots:
        corners = site.geographic(plot.corners)
        ring = [[round(float(lon), 9), round(float(lat), 9)] for lon, lat in [*corners, corners[0]]]
        features.append(
            {
                "type": "Feature",
                "geometry": {"type": "Polygon", "coordinates": [ring]},
                "properties": {
                    "plot_id": plot.plot_id,
                    "site_id": site.name,
                    "sigma_h_m": POSITION_SD_M,
                    "fix_type": "rtk_fixed",
                },
            }
        )
    document = {"type": "FeatureCollection", "name": "plots", "features": features}
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")


def write_observations(path: Path, plots: Sequence[SurveyedPlot], start: datetime) -> None:
    """observations.csv: cover looked at, height by ruler, dry mass of the cut half."""
    day = f"{local_time(start):%Y-%m-%d}"
    rows: list[list[object]] = []
    for plot in plots:
        rows.append([plot.plot_id, day, "fvc_green", plot.fvc_green, "1", "", "visual", "simulated"])
        rows.append([plot.plot_id, day, "height_mean", plot.height_mean, "m", "", "ruler", "simulated"])
        if plot.agb_dry is not None:
            rows.append([plot.plot_id, day, "agb_dry", plot.agb_dry, "g/m2", HARVEST_M2, "harvest", "simulated"])
    write_table(path, ("plot_id", "date", "variable", "value", "unit", "area_m2", "method", "operator"), rows)


def write_true_plots(path: Path, plots: Sequence[TruePlot], site: Site) -> None:
    """truth/plots.csv: true corners (UTM) and true means of every plot.

    ``height_mean`` is the mean height of green plants over the whole plot with bare ground counted as 0.
    """
    header = ["plot_id", "fvc_green", "fvc_total", "height_mean", "height_vegetated", "height_p95", "agb_dry"]
    header += ["agb_harvest", "harvested"]
    header += [f"corner{index}_{axis}" for index in range(1, 5) for axis in "xy"]
    rows = []
    for plot in plots:
        values = [round(float(getattr(plot, name)), 5) for name in header[1:8]]
        corners = (plot.corners + np.asarray(site.centre)).ravel()
        rows.append([plot.plot_id, *values, int(plot.harvested), *[f"{value:.4f}" for value in corners]])
    write_table(path, header, rows)


def write_poses(path: Path, survey: Survey, sensor: Sensor, shots: Sequence[tuple[str, Shot]]) -> None:
    """truth/poses.json: true cameras, tagged cameras and true poses in the conventions of `domain.reconstruction`.

    ``tagged`` is the position that stands in the photo's tags, ``reference`` the camera that carries the geometry.
    """
    tagged = {survey.true_time(s.seconds): place for s, place in zip(survey.stations, survey.gps, strict=True)}
    document = {
        "crs": survey.site.crs,
        "offset": list(survey.site.centre),
        "reference": sensor.reference.camera.camera_id,
        "cameras": {band.camera.camera_id: asdict(band.camera) for band in sensor.bands},
        "tagged_cameras": {band.tagged.camera_id: asdict(band.tagged) for band in sensor.bands},
        "shots": [
            {
                "image": shot.image,
                "path": name,
                "camera_id": shot.camera_id,
                "rotation": shot.rotation.tolist(),
                "centre": shot.centre.tolist(),
                "tagged": tagged[shot.time_utc].tolist() if shot.time_utc else None,
                "time_utc": None if shot.time_utc is None else shot.time_utc.isoformat(),
            }
            for name, shot in shots
        ],
    }
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")


def ground_errors(true: Sequence[TruePlot], surveyed: Sequence[SurveyedPlot]) -> dict[str, float]:
    """Root mean square errors of the ground survey."""
    if not true:
        return {}
    pairs = list(zip(true, surveyed, strict=True))
    cover = [noted.fvc_green - plot.fvc_green for plot, noted in pairs]
    tall = [noted.height_mean - plot.height_mean for plot, noted in pairs]
    shift = [float(np.hypot(*(noted.corners - plot.corners)[0])) for plot, noted in pairs]
    errors = {
        "plot_position_m_rms": _rms(shift),
        "visual_cover_rms": _rms(cover),
        "ruler_height_m_rms": _rms(tall),
    }
    cut = [noted.agb_dry / plot.agb_dry - 1 for plot, noted in pairs if noted.agb_dry is not None and plot.agb_dry > 5]
    return {**errors, "harvest_share_rms": _rms(cut)} if cut else errors


def _rms(values: Sequence[float]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
