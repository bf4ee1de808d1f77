"""``python -m benchmarks``: measure everything, or one part of it; see README.md."""

from __future__ import annotations

import argparse
import sys

from benchmarks import biomass_intervals, cover, developer, everything, plots, radiometry, scale, upscaling


def main() -> int:
    """Run every benchmark, or the one that is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    everything.add_arguments(parser)
    commands = parser.add_subparsers(dest="command")
    developer.add_arguments(commands.add_parser("engine", help="the engine on simulated flights of small seeds"))
    scale.add_arguments(commands.add_parser("scale", help="flights of 30, 100, 300 photos; a very large grid"))
    biomass_intervals.add_arguments(
        commands.add_parser("intervals", help="biomass intervals on sites that were never seen, simulated plot tables")
    )
    plots.add_arguments(commands.add_parser("plots", help="a large mosaic with many plots; beside rasterstats"))
    radiometry.add_arguments(commands.add_parser("radiometry", help="reflectance on simulated flights of small seeds"))
    cover.add_arguments(commands.add_parser("cover", help="green cover of simulated square metres of small seeds"))
    upscaling.add_arguments(commands.add_parser("upscaling", help="a simulated region upscaled; a large tile"))
    arguments = parser.parse_args()
    runs = {
        "cover": cover.run,
        "engine": developer.run,
        "intervals": biomass_intervals.run,
        "plots": plots.run,
        "radiometry": radiometry.run,
        "scale": scale.run,
        "upscaling": upscaling.run,
    }
    return runs.get(arguments.command, everything.run)(arguments)


if __name__ == "__main__":
    sys.exit(main())
