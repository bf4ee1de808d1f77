"""One part of the bench on seeds of one's own choice, below those that `make bench` keeps for itself."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.figures import Figure, as_table

FIRST_UNSEEN = 1000
Measure = Callable[[Sequence[int], Path, Callable[[str], None]], list[Figure]]


def add_seeds(parser: argparse.ArgumentParser, default: list[int]) -> None:
    """Arguments of such a part."""
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=default, help="below 1000: the others are for `make bench`"
    )
    parser.add_argument("--keep", type=Path, help="folder where flights, products and figures stay and are found again")


def measure_small(arguments: argparse.Namespace, measure: Measure) -> int:
    """Measure and print; 4 when a bound is missed, 2 for seeds that are not to be seen."""
    if max(arguments.seeds) >= FIRST_UNSEEN:
        sys.stderr.write("seeds from 1000 up are for `make bench` alone; develop on smaller ones\n")
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        keep = (arguments.keep or Path(scratch)).resolve()
        figures = measure(arguments.seeds, keep, lambda text: print(text, file=sys.stderr, flush=True))
    print(as_table(figures))
    return 4 if any(figure.missed for figure in figures) else 0
