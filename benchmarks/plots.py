"""Plots on a large mosaic: what the maps and the reading of plots cost, and the reading beside rasterstats."""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.figures import Figure, as_table
from benchmarks.reached import ROOT

SIDE, COUNT = 8000, 500
PEAK_MIB = 1536.0
CHAIN_OVER_WRITING = 2.5


def measure_plots(folder: Path, seed: int, side: int = SIDE, count: int = COUNT) -> list[Figure]:
    """Every figure; the rasters are made in ``folder`` and removed."""
    folder.mkdir(parents=True, exist_ok=True)
    _part("make", folder, side, count, seed)
    chain, writing = _part("chain", folder), _part("write", folder)
    size = f"{side} x {side} x 5, {count} plots"
    figures = [
        Figure(what=f"{size}: maps and plots, peak memory", value=chain["peak_mib"], unit="MiB", bound=PEAK_MIB),
        Figure(what="… maps, CPU time", value=chain["maps_s"], unit="s"),
        Figure(what="… plots on all maps with rings and inner parts, CPU time", value=chain["plots_s"], unit="s"),
        Figure(what="… rows of drone values", value=chain["rows"], unit="1"),
        Figure(what="… writing the same rasters once, CPU time", value=writing["write_s"], unit="s"),
        Figure(
            what="… maps and plots over writing",
            value=(chain["maps_s"] + chain["plots_s"]) / writing["write_s"],
            unit="1",
            bound=CHAIN_OVER_WRITING,
        ),
    ]
    figures += _beside_rasterstats(folder, count)
    for file in folder.iterdir():
        file.unlink()
    return figures


def _beside_rasterstats(folder: Path, count: int) -> list[Figure]:
    """The same statistics of five bands, one after the other in one run; without rasterstats our own time alone."""
    ours = _part("zonal", folder)
    what = f"statistics of five bands on {count} plots, CPU time"
    figures = [Figure(what=what, value=ours["cpu_s"], unit="s")]
    if importlib.util.find_spec("rasterstats") is None:
        return figures
    theirs = _part("rasterstats", folder)
    return [
        *figures,
        Figure(what="… over that of rasterstats", value=ours["cpu_s"] / theirs["cpu_s"], unit="1", bound=1.0),
        Figure(what="… largest difference of a mean from centre-in pixels", value=theirs["difference"], unit="1"),
    ]


def _part(part: str, folder: Path, *numbers: int) -> dict[str, float]:
    """Costs of a part in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.plots_part", part, str(folder), *map(str, numbers)]
    ended = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, cwd=ROOT)
    return dict(json.loads(ended.stdout.splitlines()[-1]))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m benchmarks plots``."""
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--side", type=int, default=SIDE, help="pixels a side of the mosaic")
    parser.add_argument("--count", type=int, default=COUNT, help="plots")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print; 4 when a bound is missed."""
    with tempfile.TemporaryDirectory() as scratch:
        figures = measure_plots(Path(scratch), arguments.seed, arguments.side, arguments.count)
    print(as_table(figures))
    return 4 if any(figure.missed for figure in figures) else 0
