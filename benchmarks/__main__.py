"""``python -m benchmarks``: measure, write benchmarks/results.md, exit 4 when a bound is missed. See README.md."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import developer
from benchmarks.checking import check_thousand_photos
from benchmarks.figures import Figure, as_markdown
from benchmarks.flights import simulated_flights

SEED = 1001


def main() -> int:
    """Run every benchmark, or the one that is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    developer.add_arguments(commands.add_parser("engine", help="the engine on simulated flights of small seeds"))
    arguments = parser.parse_args()
    return developer.run(arguments) if arguments.command == "engine" else everything()


def everything() -> int:
    """Write the table."""
    results = Path(__file__).with_name("results.md")
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as name:
        workspace = Path(name)
        figures += simulated_flights(workspace, SEED)
        figures += check_thousand_photos(workspace)
    results.write_text(as_markdown(figures, SEED, _revision()), encoding="utf-8")
    sys.stdout.write(results.read_text(encoding="utf-8"))
    sys.stdout.write(json.dumps({"missed": [figure.what for figure in figures if figure.missed]}) + "\n")
    return 4 if any(figure.missed for figure in figures) else 0


def _revision() -> str:
    answer = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
