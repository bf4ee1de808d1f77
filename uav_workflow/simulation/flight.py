"""`simulate`: a flight over a known meadow, written as a flight folder with its truth beside it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from uav_workflow.domain.reconstruction import Shot
from uav_workflow.errors import UsageError
from uav_workflow.simulation.control_points import place_points, write_control_points, write_true_points
from uav_workflow.simulation.folder import (
    ground_errors,
    write_flight_yaml,
    write_observations,
    write_plots,
    write_poses,
    write_true_plots,
)
from uav_workflow.simulation.ground import TruePlot, lay_plots, survey
from uav_workflow.simulation.landscape import SceneSpec
from uav_workflow.simulation.materials import BANDS
from uav_workflow.simulation.options import SENSORS, SimulationOptions, SimulationSummary
from uav_workflow.simulation.ppk import write_positions
from uav_workflow.simulation.scene import LANDSCAPES, Scene, make_scene
from uav_workflow.simulation.sensors import Sensor, make_sensor
from uav_workflow.simulation.survey import Survey, seen_bounds
from uav_workflow.simulation.tables import write_table
from uav_workflow.simulation.targets import lay_targets, write_targets
from uav_workflow.simulation.truth import CELL_M, SceneTruth, measure_scene, write_rasters

Progress = Callable[[float, str], None]

MARGIN_M = 0.1
"""Beyond the reach of what stands around the ground that is seen."""


def simulate(out: Path, options: SimulationOptions, progress: Progress | None = None) -> SimulationSummary:
    """Fly over a simulated meadow and write the flight folder ``out`` with ``out/truth``.

    Parameters
    ----------
    out : Path
        New or empty folder.
    progress : callable, optional
        Called with a share of 1 and a word on what is being done.

    Returns
    -------
    SimulationSummary
        Also written to ``truth/summary.json``.

    Raises
    ------
    UsageError
        The folder holds something already.
    """
    if out.exists() and any(out.iterdir()):
        raise UsageError(f"{out}: is not empty; give a new folder, so that no other flight's photos get among these")
    tell = progress or (lambda share, word: None)
    for name in ("images", "truth"):
        (out / name).mkdir(parents=True, exist_ok=True)
    started = time.process_time()
    sensor = make_sensor(options)
    scene = make_scene(
        SceneSpec(
            seed=options.scene,
            texel_m=options.texel,
            sun=sensor.survey.site.sun_vector(sensor.survey.start),
            base_m=sensor.survey.site.base_m,
            landscape=options.landscape,
        ),
        seen_bounds(sensor.survey, sensor.bands, LANDSCAPES[options.landscape].reach_m + MARGIN_M),
        out,
        options.workers,
        lambda share: tell(0.30 * share, "painting the scene"),
    )
    targets = lay_targets(scene, options.targets, _within(options, sensor.survey)) if options.targets else []
    painted = time.process_time()
    shots = sensor.photograph(out, scene, lambda share: tell(0.30 + 0.50 * share, "taking photos"))
    taken = time.process_time()
    truth = measure_scene(scene, sensor.survey.mean_direct_share(), options.workers)
    tell(0.9, "writing the truth")
    plots = _write_ground(out, options, sensor.survey, scene, truth)
    write_rasters(out / "truth", scene, truth, sensor.survey.site)
    write_poses(out / "truth" / "poses.json", sensor.survey, sensor, shots)
    _write_irradiance(out / "truth" / "irradiance.csv", sensor.survey)
    if targets:
        write_targets(out, targets, sensor.survey.site, sensor.measures, options.scene)
    _write_survey(out, options, sensor, (scene, truth), shots)
    summary = _summary(out, options, sensor, truth, ground=plots, cpu_s=taken - started)
    document = {**summary.to_json(), "out": "."}
    document["cpu_s"] = {"scene": round(painted - started, 1), "photos": round(taken - painted, 1)}
    (out / "truth" / "summary.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
    tell(1.0, "done")
    return summary


def _write_ground(
    out: Path, options: SimulationOptions, flown: Survey, scene: Scene, truth: SceneTruth
) -> tuple[list[TruePlot], dict[str, float]]:
    """flight.yaml, plots.geojson, observations.csv, truth/plots.csv; the ground survey knows the scene's seed alone."""
    write_flight_yaml(out / "flight.yaml", flown.site, SENSORS[options.sensor], flown.start)
    if not options.plots:
        return [], {}
    within = _within(options, flown)
    cover = truth.maps["fvc_green"].astype(float)
    plots = lay_plots(
        scene,
        cover,
        CELL_M,
        count=options.plots,
        harvested=options.harvested,
        within=within,
        seed=options.scene,
    )
    noted = survey(plots, options.scene)
    write_plots(out / "plots.geojson", noted, flown.site)
    write_observations(out / "observations.csv", noted, flown.start)
    write_true_plots(out / "truth" / "plots.csv", plots, flown.site)
    return plots, ground_errors(plots, noted)


def _write_survey(
    out: Path,
    options: SimulationOptions,
    sensor: Sensor,
    ground: tuple[Scene, SceneTruth],
    shots: Sequence[tuple[str, Shot]],
) -> None:
    """geo.txt and gcp_list.txt, where they were asked for."""
    if options.ppk:
        write_positions(out / "geo.txt", sensor.survey.site, shots, options.seed)
    if options.control_points:
        _write_points(out, options, sensor, ground, shots)


def _write_points(
    out: Path,
    options: SimulationOptions,
    sensor: Sensor,
    ground: tuple[Scene, SceneTruth],
    shots: Sequence[tuple[str, Shot]],
) -> None:
    """gcp_list.txt and truth/control_points.csv."""
    points = place_points(*ground, options.control_points, _within(options, sensor.survey), options.scene)
    camera = sensor.reference.camera
    marked = [(camera, shot) for _, shot in shots if shot.camera_id == camera.camera_id]
    site, every = sensor.survey.site, options.check_every
    write_control_points(out / "gcp_list.txt", points, site, marked, seed=options.seed, check_every=every)
    write_true_points(out / "truth" / "control_points.csv", points, site, every)


def _within(options: SimulationOptions, flown: Survey) -> tuple[float, float]:
    """Metres around the centre in which the ground is surveyed: the block of camera positions unless said otherwise."""
    return options.plots_within or (max(flown.block_m[0], 2.0), max(flown.block_m[1], 2.0))


def _write_irradiance(path: Path, flown: Survey) -> None:
    names = [band.lower().replace(" ", "_") for band in BANDS]
    header = ["capture", "time_utc", *[f"direct_{name}" for name in names], *[f"diffuse_{name}" for name in names]]
    rows = []
    for index, station in enumerate(flown.stations, start=1):
        light = flown.light(station.seconds)
        values = [f"{value:.6f}" for value in (*light.direct, *light.diffuse)]
        rows.append([index, flown.true_time(station.seconds).isoformat(), *values])
    write_table(path, header, rows)


def _summary(
    out: Path,
    options: SimulationOptions,
    sensor: Sensor,
    truth: SceneTruth,
    *,
    ground: tuple[list[TruePlot], dict[str, float]],
    cpu_s: float,
) -> SimulationSummary:
    plots, errors = ground
    shares = dict(truth.shares)
    x, y = np.meshgrid(np.arange(-25.0, 25.0, 0.2), np.arange(-25.0, 25.0, 0.2))
    slope_x, slope_y = sensor.survey.terrain.gradient(x, y)
    shares["slope_max_deg"] = float(np.degrees(np.arctan(np.hypot(slope_x, slope_y).max())))
    tall = truth.maps["height"] / np.maximum(truth.maps["fvc_green"], 1e-6)
    tall = tall[truth.maps["fvc_green"] > 0.9]
    if tall.size:
        shares["canopy_p01_m"], shares["canopy_p99_m"] = (float(value) for value in np.percentile(tall, (1, 99)))
    if plots:
        cover, high = [plot.fvc_green for plot in plots], [plot.height_mean for plot in plots]
        shares |= {"plot_cover_min": min(cover), "plot_cover_max": max(cover)}
        shares |= {"plot_height_min_m": min(high), "plot_height_max_m": max(high)}
    amount = sum(band.camera.width * band.camera.height for band in sensor.bands) * options.captures * 1e-6
    megapixel_bands = amount * sensor.channels
    return SimulationSummary(
        out=out,
        sensor=options.sensor,
        captures=options.captures,
        megapixel_bands=megapixel_bands,
        shares=shares,
        errors={**sensor.tag_errors(), **errors},
        cpu_s_per_megapixel_band=cpu_s / megapixel_bands,
        facts={
            "seed": options.seed,
            "scene_seed": options.scene,
            "landscape": options.landscape,
            "sky": str(options.sky),
            "gsd_cm": options.gsd_cm,
            "texel_m": options.texel,
            "crs": sensor.survey.site.crs,
            "plots": len(plots),
            "plots_asked": options.plots,
            "harvested": sum(plot.harvested for plot in plots),
            "plots_within_m": [round(side, 3) for side in _within(options, sensor.survey)],
        },
    )
