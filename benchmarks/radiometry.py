"""Reflectance under three skies: simulated flights through `uav run`, mosaics and stated errors against the truth."""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.engine import flown
from benchmarks.figures import Figure
from benchmarks.flights import product_of
from benchmarks.garfield import garfield_figures
from benchmarks.reached import digest_of_code
from benchmarks.scenarios import Scenario
from benchmarks.small_seeds import add_seeds, measure_small
from uav_workflow.domain.product import Product
from uav_workflow.quality.placement import Placement
from uav_workflow.quality.reflectance import BLOCK_M, BlockMeans, Mosaic, block_means
from uav_workflow.quality.truth import Truth
from uav_workflow.simulation.options import SimulationOptions
from uav_workflow.simulation.panel import ALBEDO_ERROR
from uav_workflow.simulation.sky import Sky

MADE_BY = digest_of_code("benchmarks/radiometry.py", "uav_workflow/cli/run.py", data="calibration")
Figures = dict[str, float]
Say = Callable[[str], None]

SENSORS = ("rededge", "rgb")
SKIES = (Sky.CLEAR, Sky.OVERCAST, Sky.BROKEN)
RMSE = {Sky.CLEAR: 0.01, Sky.OVERCAST: 0.01, Sky.BROKEN: 0.02}
OVERLAP = 0.03
COVERED = (0.85, 0.95)
PANEL_SD = ALBEDO_ERROR / math.sqrt(3)
"""Relative standard deviation of the simulated panels' albedo, evenly off by up to `ALBEDO_ERROR`: what a certificate
of such a panel would say."""
FLIGHTS = {
    "rededge": SimulationOptions(
        sensor="rededge", captures=14, gsd_cm=3.5, image_size=(720, 540), plots=0, harvested=0, ppk=True
    ),
    "rgb": SimulationOptions(
        sensor="rgb", captures=14, gsd_cm=3.5, image_size=(800, 600), plots=0, harvested=0, ppk=True, targets=5
    ),
}
"""Small enough for ten seeds in a quarter of an hour. The rig has its panel, RGB five grey targets."""


def radiometry_scenarios(seeds: Sequence[int]) -> list[Scenario]:
    """Both sensors on every seed, skies by turns."""
    return [
        Scenario(variant="reflectance", options=replace(FLIGHTS[sensor], seed=seed, sky=SKIES[seed % len(SKIES)]))
        for seed in seeds
        for sensor in SENSORS
    ]


def measure_radiometry(seeds: Sequence[int], keep: Path, say: Say) -> list[Figure]:
    """Every figure; finished flights are remembered in ``keep`` by the code's digest."""
    scenarios = radiometry_scenarios(seeds)
    measured = [(scenario, _remembered(scenario, keep, say)) for scenario in scenarios]
    figures: list[Figure] = []
    for sensor in SENSORS:
        flights = [(s.options.sky, found) for s, found in measured if s.options.sensor == sensor]
        for sky in SKIES:
            figures += _of_sky(sensor, sky, [found for each, found in flights if each is sky])
        figures += _coverage(sensor, [found for _, found in flights])
    return [*figures, *garfield_figures()]


def _remembered(scenario: Scenario, keep: Path, say: Say) -> Figures:
    place = keep / "results" / f"radiometry-{MADE_BY}" / f"{scenario.flight}-{scenario.options.sky}.json"
    if place.exists():
        say(f"{scenario.name}: remembered")
        return {key: math.nan if value is None else value for key, value in json.loads(place.read_text()).items()}
    folder = flown(scenario, keep, say)
    say(f"{scenario.name}: a run to reflectance, sky {scenario.options.sky}")
    workspace = keep / "radiometry" / MADE_BY
    products = _run(folder, workspace)
    if "reflectance" not in products:
        say(f"{scenario.name}: no reflectance was made; `uav status --workspace {workspace}` says why")
        return {}
    figures = score(folder, products)
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_suffix(".draft")
    known = {key: value if math.isfinite(value) else None for key, value in figures.items()}
    draft.write_text(json.dumps(known, indent=1), encoding="utf-8")
    draft.rename(place)
    return figures


def _run(folder: Path, workspace: Path) -> dict[str, Product]:
    """`uav run --until reflectance`, as a user with a certified panel; a flight that fails has no reflectance."""
    command = [sys.executable, "-P", "-m", "uav_workflow.cli.main", "run", str(folder), "--until", "reflectance"]
    command += ["--json", "--workspace", str(workspace), "--set", f"calibration.panel_relative_sd={PANEL_SD:.5f}"]
    ended = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    rows = json.loads(ended.stdout)["products"] if ended.stdout else {}
    return {kind: product_of(kind, row) for kind, row in rows.items()}


def score(folder: Path, products: Mapping[str, Product]) -> Figures:
    """Figures of one flight, by band: error, its bound, blocks, share of them inside the stated 90 % interval."""
    from uav_workflow.engine.products.reconstruction_io import read_reconstruction

    truth = Truth.read(folder)
    made = products["reflectance"]
    if made.facts.get("quantity") != "reflectance":
        return {"reflectance": 0.0}
    placement = Placement(truth=truth, made=read_reconstruction(products["reconstruction"].file("reconstruction.json")))
    blocks = block_means(Mosaic.of(products), truth, placement.similarity)
    return {"reflectance": 1.0, **_of_blocks(blocks, Sky(truth.summary["sky"])), **_overlap(made)}


def _of_blocks(blocks: BlockMeans, sky: Sky) -> Figures:
    figures: Figures = {"blocks": float(blocks.made.shape[1])}
    inside = blocks.inside()
    for index, band in enumerate(blocks.bands):
        figures[f"rmse_{band}"] = blocks.rmse(index)
        figures[f"bound_{band}"] = blocks.bound(index, RMSE[sky])
        figures[f"inside_{band}"] = float(inside[index].mean()) if inside[index].size else math.nan
        figures[f"sd_{band}"] = float(np.sqrt(np.mean(blocks.sd[index] ** 2)))
    return figures


def _overlap(reflectance: Product) -> Figures:
    """Residual of overlapping pictures after block adjustment, median over the bands, where it was made."""
    upstream = reflectance.manifest.get("upstream")
    captures = upstream.get("calibrated_captures") if isinstance(upstream, dict) else None
    document = reflectance.path.parent / f"calibrated_captures-{captures}" / "calibration.json"
    if captures is None:
        return {}
    bands = json.loads(document.read_text(encoding="utf-8"))["bands"]
    found = [float(row["block_adjustment"]["residual_after"]) for row in bands if row["block_adjustment"]]
    return {"overlap": float(np.median(found))} if found else {}


def _of_sky(sensor: str, sky: Sky, flights: Sequence[Figures]) -> list[Figure]:
    """Rows of one sensor under one sky, over its flights."""
    if not flights:
        return []
    title = f"{'rig' if sensor == 'rededge' else 'RGB'}, {sky} sky"
    bands = sorted({key.removeprefix("rmse_") for found in flights for key in found if key.startswith("rmse_")})
    ratios = [
        found.get(f"rmse_{band}", math.nan) / found.get(f"bound_{band}", math.nan)
        for found in flights
        for band in bands
    ]
    worst = max(ratios) if ratios and all(map(math.isfinite, ratios)) else math.nan
    what = f"{title}: reflectance on {BLOCK_M:g} m blocks, RMSE over its bound, worst of {len(flights)} flights"
    rows = [
        Figure(what=what, value=worst, unit="1", bound=1.0),
        *(
            Figure(
                what=f"… {band}, RMSE over all flights",
                value=float(np.sqrt(np.mean([found.get(f"rmse_{band}", math.nan) ** 2 for found in flights]))),
                unit="1",
            )
            for band in bands
        ),
        Figure(what="… inside the stated 90 % interval", value=_inside(flights), unit="1"),
    ]
    if sky is Sky.BROKEN and sensor == "rededge":
        # no cloud came between the sun and some: what is steady is not adjusted, and their reflectance stands above
        adjusted = [found["overlap"] for found in flights if "overlap" in found]
        what = f"{title}: overlap residual, median of {len(adjusted)} adjusted flights of {len(flights)}"
        left = float(np.median(adjusted)) if adjusted else math.nan
        rows.append(Figure(what=what, value=left, unit="1", bound=OVERLAP))
    return rows


def _inside(flights: Sequence[Figures]) -> float:
    """Share of blocks of all bands and flights inside their intervals."""
    inside = blocks = 0.0
    for found in flights:
        for key, value in found.items():
            if key.startswith("inside_"):
                inside += value * found["blocks"]
                blocks += found["blocks"]
    return inside / blocks if blocks else math.nan


def _coverage(sensor: str, flights: Sequence[Figures]) -> list[Figure]:
    name = "rig" if sensor == "rededge" else "RGB"
    what = f"{name}, all skies: block errors inside the stated 90 % interval"
    value = _inside(flights)
    return [
        Figure(what=what, value=value, unit="1", bound=COVERED[0], at_least=True),
        Figure(what=f"{what}, not more than", value=value, unit="1", bound=COVERED[1]),
    ]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m benchmarks radiometry``."""
    add_seeds(parser, [3])


def run(arguments: argparse.Namespace) -> int:
    """Measure and print; 4 when a bound is missed."""
    return measure_small(arguments, measure_radiometry)
