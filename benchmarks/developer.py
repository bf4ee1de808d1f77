"""``python -m benchmarks engine``: the engine on a few flights of one's own choice, the table on the terminal."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.bounds import HEAD, lines
from benchmarks.engine import measure_flights
from benchmarks.scenarios import CAPTURES, SCENES, SENSORS, SKIES, scenarios


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("--seeds", type=int, nargs="+", default=[3], help="below 1000: the others are for `make bench`")
    parser.add_argument("--scene", nargs="+", choices=SCENES, default=list(SCENES))
    parser.add_argument("--sensor", nargs="+", choices=SENSORS, default=["rgb"])
    parser.add_argument("--captures", type=int, default=CAPTURES)
    parser.add_argument("--sky", choices=SKIES, help="one for all; by turns when absent")
    parser.add_argument("--keep", type=Path, help="folder where flights, projects and figures stay and are found again")
    parser.add_argument("--again", action="store_true", help="process and score anew what is remembered")
    parser.add_argument("--jobs", type=int, default=1, help="flights at a time; times are honest with 1")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print; 4 when a bound is missed."""
    if max(arguments.seeds) >= 1000:
        sys.stderr.write("seeds from 1000 up are for `make bench` alone; develop on smaller ones\n")
        return 2
    chosen = scenarios(arguments.scene, arguments.sensor, arguments.seeds, arguments.captures, arguments.sky)
    with tempfile.TemporaryDirectory() as scratch:
        keep = (arguments.keep or Path(scratch)).resolve()
        measured = measure_flights(
            chosen, keep, jobs=arguments.jobs, again=arguments.again, say=lambda text: print(text, file=sys.stderr)
        )
    missed = 0
    print(HEAD)
    for scene in arguments.scene:
        for sensor in arguments.sensor:
            group = [measured[each.name] for each in chosen if (each.scene, each.sensor) == (scene, sensor)]
            for line in lines(group):
                missed += line.missed
                print(line.to_markdown(f"{scene} {sensor}"))
    return 4 if missed else 0
