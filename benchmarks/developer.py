"""``python -m benchmarks engine``: the engine on a few flights of one's own choice, the table on the terminal."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.bounds import HEAD, table
from benchmarks.engine import measure_flights
from benchmarks.scenarios import CAPTURES, FILES, SCENES, SENSORS, SKIES, scenarios


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("--seeds", type=int, nargs="+", default=[3], help="below 1000: the others are for `make bench`")
    parser.add_argument("--scene", nargs="+", choices=SCENES, default=list(SCENES))
    parser.add_argument("--sensor", nargs="+", choices=SENSORS, default=["rgb"])
    parser.add_argument(
        "--variant", nargs="+", choices=list(FILES), default=["gps"], help="rtk: geo.txt; control: points"
    )
    parser.add_argument("--captures", type=int, default=CAPTURES)
    parser.add_argument("--size", help="pixels of a photo, as 1600x1200; the scenario's own when absent")
    parser.add_argument("--altitude-drift", type=float, help="of the tagged altitude over the flight, m")
    parser.add_argument("--sky", choices=SKIES, help="one for all; by turns when absent")
    parser.add_argument("--keep", type=Path, help="folder where flights, projects and figures stay and are found again")
    parser.add_argument("--again", action="store_true", help="process and score anew what is remembered")
    parser.add_argument("--jobs", type=int, default=1, help="flights at a time; times are honest with 1")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print; 4 when a bound is missed."""
    if max(arguments.seeds) >= 1000:
        sys.stderr.write("seeds from 1000 up are for `make bench` alone; develop on smaller ones\n")
        return 2
    chosen = scenarios(arguments.scene, arguments.sensor, arguments.seeds, arguments.variant, arguments.sky)
    size, drift = _size(arguments.size), arguments.altitude_drift
    chosen = [each.but(captures=arguments.captures, image_size=size, altitude_drift_m=drift) for each in chosen]
    with tempfile.TemporaryDirectory() as scratch:
        keep = (arguments.keep or Path(scratch)).resolve()
        measured = measure_flights(chosen, keep, jobs=arguments.jobs, again=arguments.again, say=_say)
    print(HEAD)
    missed = 0
    for line, text in table(chosen, measured):
        missed += line.missed
        print(text)
    return 4 if missed else 0


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    width, _, height = text.partition("x")
    return int(width), int(height)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
