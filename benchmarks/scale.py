"""Growth: flights of 30, 100 and 300 photos of 2 MP, features alone, surface and orthomosaic on a very large grid."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.bounds import BOUNDS, Bound
from benchmarks.engine import Figures, measure_flights
from benchmarks.engine_run import STAGES
from benchmarks.figures import Figure
from benchmarks.reached import ROOT
from benchmarks.scenarios import Scenario, scenario

COUNTS = (30, 100, 300)
SIZE = (1600, 1200)
SIDE = 20_000
GROWTH = 1.5
COARSE_TEXEL_M = 0.05
"""Over hectares: as large as a pixel and a third."""
PEAK_MIB = {30: 2048.0}
MOST_MIB = 3072.0


def scale_scenario(scene: str, seed: int, captures: int) -> Scenario:
    """A flight of 2 MP photos; the scene is coarser where much of it is flown over."""
    coarse = COARSE_TEXEL_M if captures > min(COUNTS) else None
    return scenario(scene, "rgb", seed).but(captures=captures, image_size=SIZE, texel_m=coarse)


def measure_scale(keep: Path, seed: int, counts: Sequence[int] = COUNTS, side: int = SIDE) -> list[Figure]:
    """Every figure of size and time; the flights are made and remembered in ``keep``."""
    flights = {count: scale_scenario("built", seed, count) for count in counts}
    meadow = scale_scenario("meadow", seed, min(counts))
    fewest = flights[min(counts)]
    project = keep / "projects" / fewest.name
    # parts of the engine are measured on what this flight left: remembered figures alone would not do
    measured = measure_flights([fewest], keep, again=not (project / "opensfm").exists())
    measured |= measure_flights([*flights.values(), meadow], keep)
    figures = _of_thirty("meadow", min(counts), measured[meadow.name])
    figures += _of_thirty("built", min(counts), measured[fewest.name])
    features = _part("features", project)["features_cpu_s_per_mp"]
    figures.append(Figure(what="finding features, CPU seconds a megapixel", value=features, unit="s", bound=0.8))
    for count, flight in flights.items():
        figures += _of_count(count, measured[flight.name])
    figures += _growth({count: measured[flight.name] for count, flight in flights.items()})
    grid = _part("grid", project, str(side))
    for part, title in (("surface", "surface"), ("mosaic", "orthomosaic")):
        what = f"{title} alone on as many cells as {side} x {side}, peak memory"
        figures.append(Figure(what=what, value=grid[f"grid_{part}_peak_mib"], unit="MiB", bound=2048.0))
        figures.append(Figure(what="… CPU time", value=grid[f"grid_{part}_cpu_s"], unit="s"))
    return figures


def _of_thirty(scene: str, count: int, found: Figures) -> list[Figure]:
    """What a usual flight may cost."""
    name = f"{count} photos of 2 MP, {scene}"
    return [
        Figure(what=f"{name}: wall time", value=_of(found, "wall_s"), unit="s", bound=120.0),
        Figure(what=f"{name}: CPU time", value=_of(found, "cpu_s"), unit="s", bound=210.0),
        Figure(what=f"{name}: peak memory", value=_of(found, "peak_mib"), unit="MiB", bound=2048.0),
        *(_reached(name, bound, found) for bound in BOUNDS if bound.key in found and _is_one_sided(bound)),
    ]


def _is_one_sided(bound: Bound) -> bool:
    return not bound.over and (bound.low is None) != (bound.high is None)


def _reached(name: str, bound: Bound, found: Figures) -> Figure:
    """A row of the engine's table for one flight of the size its bounds were set for."""
    return Figure(
        what=f"{name}: {bound.what}",
        value=abs(_of(found, bound.key)),
        unit=bound.unit,
        bound=bound.low if bound.high is None else bound.high,
        at_least=bound.high is None,
    )


def _of_count(count: int, found: Figures) -> list[Figure]:
    name, megapixels = f"{count} photos", count * SIZE[0] * SIZE[1] * 1e-6
    most = PEAK_MIB.get(count, MOST_MIB)
    rows = [
        Figure(what=f"{name}: placed", value=_of(found, "placed"), unit="1", bound=1.0, at_least=True),
        Figure(what=f"{name}: CPU seconds a megapixel", value=_of(found, "cpu_s_per_mp"), unit="s"),
        Figure(what=f"{name}: wall seconds a megapixel", value=_of(found, "wall_s") / megapixels, unit="s"),
        Figure(what=f"{name}: peak memory", value=_of(found, "peak_mib"), unit="MiB", bound=most),
    ]
    for stage in STAGES:
        key = f"stage_{stage.replace(' ', '_')}"
        seconds, peak = _of(found, f"{key}_cpu_s") / megapixels, _of(found, f"{key}_peak_mib")
        rows.append(Figure(what=f"… {stage}: CPU seconds a megapixel", value=seconds, unit="s"))
        rows.append(Figure(what=f"… {stage}: peak memory so far", value=peak, unit="MiB"))
    return rows


def _growth(found: Mapping[int, Figures]) -> list[Figure]:
    """CPU time a photo of the largest flight over that of the smallest."""
    few, many = min(found), max(found)
    value = _of(found[many], "cpu_s_per_mp") / _of(found[few], "cpu_s_per_mp")
    return [Figure(what=f"growth of the cost of a photo, {few} to {many}", value=value, unit="1", bound=GROWTH)]


def _of(found: Figures, key: str) -> float:
    return found.get(key, float("nan"))


def _part(part: str, project: Path, *rest: str) -> dict[str, float]:
    """Costs of a part in a process of its own; NaN, which reaches nothing, when it fails."""
    command = [sys.executable, "-m", "benchmarks.engine_part", part, str(project), *rest]
    ended = subprocess.run(command, stdout=subprocess.PIPE, check=False, text=True, cwd=ROOT)
    if ended.returncode == 0:
        return dict(json.loads(ended.stdout.splitlines()[-1]))
    names = ("features_cpu_s_per_mp", *(f"grid_{a}_{b}" for a in ("surface", "mosaic") for b in ("peak_mib", "cpu_s")))
    return dict.fromkeys(names, float("nan"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m benchmarks scale``."""
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--counts", type=int, nargs="+", default=list(COUNTS))
    parser.add_argument("--side", type=int, default=SIDE, help="cells a side of the large grid")
    parser.add_argument("--keep", type=Path, help="folder where flights, projects and figures stay and are found again")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print; 4 when a bound is missed."""
    with tempfile.TemporaryDirectory() as scratch:
        keep = (arguments.keep or Path(scratch)).resolve()
        figures = measure_scale(keep, arguments.seed, arguments.counts, arguments.side)
    for figure in figures:
        print(figure.to_markdown())
    return 4 if any(figure.missed for figure in figures) else 0
