"""``make bench``: every figure, on seeds that nothing else uses, into benchmarks/results.md."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.biomass_intervals import measure_intervals
from benchmarks.bounds import HEAD, table
from benchmarks.calibration_speed import calibration_speed
from benchmarks.checking import check_thousand_photos
from benchmarks.cover import measure_cover
from benchmarks.engine import measure_flights
from benchmarks.figures import Figure, as_table
from benchmarks.flights import simulated_flights
from benchmarks.plots import COUNT, SIDE, measure_plots
from benchmarks.radiometry import measure_radiometry
from benchmarks.results_page import ResultsPage, provenance
from benchmarks.scale import COUNTS, measure_scale
from benchmarks.scenarios import SCENES, SENSORS, Scenario, scenarios
from benchmarks.upscaling import measure_upscaling

SEEDS = range(1001, 1011)
RESULTS = Path(__file__).with_name("results.md")
PARTS = ("workflow", "radiometry", "cover", "biomass", "plots", "engine", "scale", "upscaling")
TABLES = range(1001, 1021)
"""Seeds of the simulated plot tables: twenty, and cheap."""
REGIONS = SEEDS[:3]
NOTE = {
    "workflow": f"""\
The demo's flights of seed {SEEDS[0]} through `uav run`, reading of photos, radiometric calibration.""",
    "biomass": f"""\
Plot tables of 20 sites x 25 plots with effects of the site, seeds {TABLES[0]} - {TABLES[-1]}: the ladder without its
forest, climbed anew without each site in turn; shares of plots that their 90 % interval holds.""",
    "plots": f"""\
A mosaic of {SIDE} x {SIDE} pixels of 2 cm in five bands with {COUNT} plots of 1 m2, seed {SEEDS[0]}: indices, cover
and canopy height made of it and read on every plot; the writing alone of the same rasters; statistics of five bands
beside rasterstats, which counts pixels by their centres.""",
    "radiometry": f"""\
`uav run --until reflectance` on flights of 14 captures at 3.5 cm, seeds from {SEEDS[0]} on, skies clear, overcast and
broken by turns: a rig with its panel (0.58 % its stated uncertainty, as drawn), and RGB with five grey targets. Blocks
of half a metre seen by three photos or more and without shadow, brought onto their true places first; bounds are 0.01,
under broken cloud 0.02, or 4 % of a band's mean where that is larger.""",
    "cover": f"""\
Meadows of 12 m x 12 m of seeds from {SEEDS[0]} on, skies by turns, as a perfect orthomosaic would show them: every
pixel the mean of rays over the scene, the sensor's noise, JPEG of RGB, bands of the rig 0.15 px beside each other, one
resampling. Errors are of square metres; the default has bounds, the other methods stand beside it.""",
    "engine": f"""\
The engine alone on simulated flights of seeds from {SEEDS[0]} on, skies clear, overcast and broken by turns; the
tagged focal length is 2 % off, GPS errors are 1.0 and 1.5 m on each axis. gps: positions of the tags alone; rtk: of
2 and 4 cm in geo.txt; control: five control points and five check points, both on every other seed. Median and worst
are of the flights of a group; a figure that could not be measured misses its bound.""",
    "scale": f"""\
One flight each of {", ".join(map(str, COUNTS))} photos of 2 MP, seed {SEEDS[0]}, one at a time.""",
    "upscaling": f"""\
A region of 5 x 5 km at 10 m with 24 flights of 120 x 120 m, seeds {SEEDS[0]} - {REGIONS[-1]}: cover and biomass
upscaled with a blurred and noisy scene and held against the truth of cells no flight saw, intervals against what a
drone would hand over there. Lakes and rock were flown over by nobody. Then a whole tile of twelve predictors.""",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m benchmarks``."""
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--keep", type=Path, default=Path(".uav/bench"), help="folder for flights and finished figures")
    parser.add_argument(
        "--seeds", type=int, default=len(SEEDS), help="how many of the ten seeds engine and radiometry fly"
    )
    parser.add_argument("--jobs", type=int, default=1, help="flights of the engine's table at a time")


def bench_scenarios(seeds: Sequence[int] = SEEDS) -> list[Scenario]:
    """Two scenes, two sensors, every seed; of every other seed RGB once more with RTK positions and with control."""
    flown = []
    for sensor in SENSORS:
        flown += scenarios(SCENES, [sensor], seeds)
    return flown + scenarios(SCENES, ["rgb"], seeds[::2], ("rtk", "control"))


def run(arguments: argparse.Namespace) -> int:
    """Measure, write, print; 4 when a bound is missed. Finished flights are found again after an interruption."""
    keep = arguments.keep.resolve()
    keep.mkdir(parents=True, exist_ok=True)
    page = ResultsPage(RESULTS, PARTS)
    missed: list[str] = []
    for part in arguments.parts:
        measured = provenance(_command(part, arguments), RESULTS)
        if part == "engine":
            chosen = bench_scenarios(SEEDS[: arguments.seeds])
            rows = table(chosen, measure_flights(chosen, keep, jobs=arguments.jobs, drop=True, say=_say))
            figures, found = "\n".join([HEAD, *(row for _, row in rows)]), [row for line, row in rows if line.missed]
        else:
            made = _figures(part, keep, SEEDS[: arguments.seeds])
            figures, found = as_table(made), [figure.to_markdown() for figure in made if figure.missed]
        page.put(part, "\n\n".join([NOTE[part], measured, figures]))
        missed += found
        print(f"## {part.capitalize()}\n\n{figures}\n", flush=True)
    print(f"{len(missed)} bounds missed", *missed, sep="\n")
    return 4 if missed else 0


def _figures(part: str, keep: Path, seeds: Sequence[int]) -> list[Figure]:
    if part == "plots":
        return measure_plots(keep / "plots", SEEDS[0])
    if part == "upscaling":
        (keep / "upscaling").mkdir(exist_ok=True)
        return measure_upscaling(keep / "upscaling", REGIONS)
    if part == "scale":
        return measure_scale(keep, SEEDS[0])
    if part == "radiometry":
        return measure_radiometry(seeds, keep, _say)
    if part == "cover":
        return measure_cover(seeds, keep, _say)
    return measure_intervals(TABLES) if part == "biomass" else _workflow(keep / "workflow")


def _workflow(workspace: Path) -> list[Figure]:
    """Figures of whole runs are those of first runs: the folder is made anew."""
    shutil.rmtree(workspace, ignore_errors=True)
    workspace.mkdir()
    return [
        *simulated_flights(workspace, SEEDS[0]),
        *check_thousand_photos(workspace),
        *calibration_speed(workspace),
    ]


def _command(part: str, arguments: argparse.Namespace) -> str:
    """What measured a part: fewer seeds or parts are not `make bench`."""
    if list(arguments.parts) == list(PARTS) and arguments.seeds == len(SEEDS):
        return "make bench"
    seeds = f" --seeds {arguments.seeds}" if arguments.seeds != len(SEEDS) else ""
    return f"python -m benchmarks --parts {part}{seeds}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
