"""The engine on simulated flights, scored against their truth; finished flights are kept and not flown again."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

from benchmarks.engine_run import EngineRun, run_engine
from benchmarks.reached import digest_of_code
from benchmarks.scenarios import FILES, Scenario
from uav_workflow.engine.products.reconstruction_io import read_reconstruction
from uav_workflow.quality.heights import surface_figures, terrain_figures
from uav_workflow.quality.mosaics import mosaic_figures
from uav_workflow.quality.placement import Placement
from uav_workflow.quality.points import point_figures, read_points
from uav_workflow.quality.seams import seam_figures
from uav_workflow.quality.truth import Truth
from uav_workflow.simulation.flight import simulate

Figures = dict[str, float]
Say = Callable[[str], None]

LEAST_PHOTOS = 3
"""Fewer make no similarity: nothing can be compared."""
MOST_PHOTOS = 150
"""Of flights over hectares the cameras alone are compared: they are flown for time and memory."""


def measure_flights(
    scenarios: Sequence[Scenario],
    keep: Path,
    *,
    jobs: int = 1,
    again: bool = False,
    drop: bool = False,
    say: Say = print,
) -> dict[str, Figures]:
    """Fly, process and score; name of the flight -> figures.

    Results are remembered in ``keep`` by the code's digest, those of an engine that failed are not.

    Parameters
    ----------
    again : bool
        Process and score anew what is remembered; photos are never taken twice.
    drop : bool
        Remove the products once they are scored.
    """

    def one(scenario: Scenario) -> tuple[str, Figures]:
        figures = _remembered(scenario, keep, again, say)
        if drop:
            shutil.rmtree(keep / "projects" / scenario.name, ignore_errors=True)
        return scenario.name, figures

    with ThreadPoolExecutor(max_workers=jobs) as pool:
        return dict(pool.map(one, scenarios))


def _remembered(scenario: Scenario, keep: Path, again: bool, say: Say) -> Figures:
    place = keep / "results" / MEASURED_BY / f"{scenario.name}-{_key(scenario)}.json"
    if place.exists() and not again:
        say(f"{scenario.name}: remembered")
        return {name: math.nan if value is None else value for name, value in json.loads(place.read_text()).items()}
    figures = measure_flight(scenario, keep, say)
    if "wall_s" not in figures:
        return figures
    place.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({name: value if math.isfinite(value) else None for name, value in figures.items()}, indent=1)
    draft = place.with_suffix(".draft")
    draft.write_text(text, encoding="utf-8")
    draft.rename(place)
    return figures


def measure_flight(scenario: Scenario, keep: Path, say: Say = print) -> Figures:
    """Figures of one flight; a run that failed has costs alone, and what is not there counts as missed."""
    flight = flown(scenario, keep, say)
    truth = Truth.read(flight)
    say(f"{scenario.name}: the engine works")
    run = run_engine(flight, keep / "projects" / scenario.name, scenario.engine_options, FILES[scenario.variant])
    if not run.done:
        say(f"{scenario.name}: the engine failed with status {run.status}; see {run.project / 'output.txt'}")
        return {"placed": 0.0}
    figures = run.figures(scenario.megapixels) | score(run, truth)
    figures["simulation_cpu_s"] = float(truth.summary["cpu_s"]["scene"]) + float(truth.summary["cpu_s"]["photos"])
    say(f"{scenario.name}: {figures['wall_s']:.0f} s, {figures['cpu_s']:.0f} CPU-s")
    return figures


def score(run: EngineRun, truth: Truth) -> Figures:
    """Products of a project against the truth: metres, pixels and percents as the quality room names them."""
    project, gsd = run.project, truth.gsd_m
    placement = Placement(truth=truth, made=read_reconstruction(project / "opensfm" / "reconstruction.json"))
    if len(placement.shots) < LEAST_PHOTOS:
        return {"placed": placement.placed_share}
    figures = placement.figures()
    if len(truth.shots) > MOST_PHOTOS:
        return figures
    figures |= surface_figures(project / "odm_dem" / "dsm.tif", placement)
    figures |= terrain_figures(project / "odm_dem" / "dtm.tif", placement)
    # where the block lies by itself: that of its cameras, and what its surface is off from them
    figures["ground_v_m"] = figures["shift_v_m"] + figures["dsm_open_median_m"]
    mosaic = project / "odm_orthophoto" / "odm_orthophoto.tif"
    if mosaic.exists():
        figures |= mosaic_figures(mosaic, placement)
        if truth.summary["sensor"] == "rgb":
            figures |= seam_figures(mosaic, mosaic.with_name("source_index.tif"))
    if (project / "gcp_list.txt").exists():
        figures |= point_figures(read_points(truth.folder.parent), placement)
    in_gsd = {f"{name.removesuffix('_m')}_gsd": value / gsd for name, value in figures.items() if name.endswith("_m")}
    return figures | in_gsd


def flown(scenario: Scenario, keep: Path, say: Say) -> Path:
    """Folder of the simulated flight, made unless it is there."""
    folder = keep / "flights" / f"{scenario.flight}-{_key(scenario)}-{MADE_BY}"
    if not (folder / "truth" / "summary.json").exists():
        say(f"{scenario.name}: simulating {scenario.options.captures} captures, sky {scenario.options.sky}")
        shutil.rmtree(folder, ignore_errors=True)
        simulate(folder, scenario.options)
    return folder


def _key(scenario: Scenario) -> str:
    return sha256(json.dumps(asdict(scenario.options), default=str, sort_keys=True).encode()).hexdigest()[:8]


# as they were when this process began: an edit while it runs would name its flights after code that did not make them
MADE_BY = digest_of_code("uav_workflow/simulation/flight.py")
MEASURED_BY = digest_of_code("benchmarks/engine.py", "uav_workflow/engine/__main__.py")
