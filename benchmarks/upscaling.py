"""``python -m benchmarks upscaling``: a simulated region upscaled to where nobody flew, and a large tile."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import Figure, as_table
from benchmarks.reached import ROOT
from benchmarks.region import Region, make_region
from uav_workflow.rasters.reader import Raster
from uav_workflow.upscaling.predictors import PredictorStack
from uav_workflow.upscaling.upscale import upscale

SIDE, PEAK_MIB = 10_980, 4096.0
COVER_RMSE, BIOMASS_RRMSE, HELD = 0.08, 30.0, (0.85, 0.95)


def measure_region(folder: Path, seed: int) -> list[Figure]:
    """Every figure of one region, against the truth of cells that no flight saw."""
    region = make_region(folder, seed)
    with PredictorStack([region.scene], indices=("NDVI", "GNDVI"), terrain=region.dem, surroundings=5) as stack:
        made = upscale([region.samples], stack, folder / "out", sources=["scene.tif", "dem.tif"])
    return [
        *_of_variable(f"seed {seed}, cover", "fvc_green", region, folder / "out", made.facts["fvc_green"]),
        *_of_variable(f"seed {seed}, biomass", "agb_dry", region, folder / "out", made.facts["agb_dry"]),
    ]


def _of_variable(what: str, variable: str, region: Region, out: Path, card: Any) -> list[Figure]:
    with Raster(out / f"{variable}.tif") as raster:
        mean, low, high = raster.read(None, ("mean", "q05", "q95")).astype(np.float64)
    with Raster(out / f"{variable}_aoa.tif") as raster:
        area = raster.read()[0]
    truth = region.truth[variable]
    inside, outside = (np.isfinite(mean) & ~region.flown & (area == value) for value in (1, 0))
    errors = [float(np.sqrt(np.mean((mean - truth)[kept] ** 2))) for kept in (inside, outside)]
    handed = region.handed[variable]
    held = float(((low <= handed) & (handed <= high))[inside].mean())
    share, unit, bound = errors[0], "1", COVER_RMSE
    if variable == "agb_dry":
        share, unit, bound = 100 * errors[0] / float(truth[inside].mean()), "%", BIOMASS_RRMSE
    name = "RMSE" if unit == "1" else "rRMSE"
    validation = card["validation"]
    return [
        Figure(what=f"{what}: {name} inside, unseen cells", value=share, unit=unit, bound=bound),
        Figure(what="… error outside over inside", value=errors[1] / errors[0], unit="1", bound=1.0, at_least=True),
        Figure(what="… 90 % intervals hold inside", value=held, unit="1", bound=HELD[0], at_least=True),
        Figure(what="… and no more than", value=held, unit="1", bound=HELD[1]),
        Figure(what="… of the map inside", value=card["map"]["share_inside"], unit="1"),
        *(
            Figure(what=f"… RMSE by {name.replace('_', ' ')}", value=row["rmse"], unit="1" if unit == "1" else "g/m2")
            for name, row in validation.items()
        ),
        Figure(what="… slope of predicted on observed, left out", value=card["tendency"]["slope"], unit="1"),
    ]


def measure_tile(folder: Path, seed: int, side: int = SIDE) -> list[Figure]:
    """A tile of twelve predictors in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.upscaling_part", str(folder), str(side), str(seed)]
    ended = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, cwd=ROOT)
    costs = json.loads(ended.stdout.splitlines()[-1])
    what = f"tile of {side} x {side}, 12 predictors, {costs['cells']:.0f} cells"
    return [
        Figure(what=f"{what}: peak memory", value=costs["peak_mib"], unit="MiB", bound=PEAK_MIB),
        Figure(what="… wall time", value=costs["wall_s"], unit="s"),
        Figure(what="… CPU time", value=costs["cpu_s"], unit="s"),
    ]


def measure_upscaling(folder: Path, seeds: Sequence[int], side: int = SIDE) -> list[Figure]:
    """Regions of every seed, and one tile."""
    figures = []
    for seed in seeds:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            figures += measure_region(Path(scratch), seed)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        return [*figures, *measure_tile(Path(scratch), seeds[0], side)]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("--seeds", type=int, nargs="+", default=[3], help="below 1000")
    parser.add_argument("--side", type=int, default=SIDE, help="pixels a side of the tile; 0 for none")
    parser.add_argument("--keep", type=Path, help="folder where the first region and its maps stay")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print; 4 when a bound is missed."""
    with tempfile.TemporaryDirectory() as scratch:
        if arguments.keep:
            arguments.keep.mkdir(parents=True, exist_ok=True)
            figures = measure_region(arguments.keep, arguments.seeds[0])
        elif arguments.side:
            figures = measure_upscaling(Path(scratch), arguments.seeds, arguments.side)
        else:
            figures = [row for seed in arguments.seeds for row in measure_region(Path(scratch), seed)]
    print(as_table(figures))
    return 4 if any(figure.missed for figure in figures) else 0
