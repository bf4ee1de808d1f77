"""``python -m benchmarks intervals``: do 90 % intervals of biomass hold on sites that were never seen?"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterable, Sequence

import numpy as np

from benchmarks.figures import Figure, as_table
from benchmarks.plot_tables import plot_table
from uav_workflow.statistics.folds import LEAST_SITES, Folds, random_folds, single_cases
from uav_workflow.statistics.intervals import Coverage, interval_coverage
from uav_workflow.vegetation.biomass_forms import Sample
from uav_workflow.vegetation.biomass_ladder import LADDER, Rung, cross_validate

POOLED, WORST = (0.88, 0.92), 0.82
FEW = ((1, 12), (1, 24), (1, 40), (6, 6), (8, 5))
"""Sites and plots a site of tables on which the Gaussian process is tried."""
WITHOUT_FOREST = tuple(rung for rung in LADDER if rung.name != "quantile_forest")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(20)), help="below 1000")
    parser.add_argument("--forest", action="store_true", help="with the forest: minutes a seed")
    parser.add_argument("--few", action="store_true", help="tables of few plots, with the Gaussian process and without")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print; 4 when a bound is missed."""
    if arguments.few:
        figures = [figure for sites, plots in FEW for figure in measure_few(arguments.seeds, sites, plots)]
    else:
        figures = measure_intervals(arguments.seeds, LADDER if arguments.forest else WITHOUT_FOREST)
    print(as_table(figures))
    return 4 if any(figure.missed for figure in figures) else 0


def measure_intervals(seeds: Iterable[int], rungs: Sequence[Rung] = WITHOUT_FOREST) -> list[Figure]:
    """Coverage of whole sites left out, and of random folds beside it."""
    tables = [plot_table(seed) for seed in seeds]
    whole = [_held(sample, Folds(scheme="leave_site_out", groups=site), rungs) for sample, site in tables]
    by_lot = [_held(sample, random_folds(sample.n), rungs) for sample, _ in tables]
    pooled, worst = _pooled(whole), min(one.share for one in whole)
    return [
        Figure(what="sites left out, pooled", value=pooled, unit="1", bound=POOLED[0], at_least=True),
        Figure(what="… and no more than", value=pooled, unit="1", bound=POOLED[1]),
        Figure(what="sites left out, worst seed", value=worst, unit="1", bound=WORST, at_least=True),
        Figure(what="sites left out, mean width", value=_width(whole), unit="g/m2"),
        Figure(what="random folds, pooled", value=_pooled(by_lot), unit="1"),
        Figure(what="random folds, mean width", value=_width(by_lot), unit="g/m2"),
    ]


def measure_few(seeds: Iterable[int], sites: int, plots: int) -> list[Figure]:
    """Few plots: how often the Gaussian process is taken, whether intervals still hold, and what it costs in time."""
    lines = tuple(rung for rung in WITHOUT_FOREST if rung.name != "gaussian_process")
    tables = [plot_table(seed, sites=sites, plots=plots) for seed in seeds]
    where = f"{sites} x {plots} plots"
    figures = []
    for name, rungs in (("without", lines), ("with", WITHOUT_FOREST)):
        started, held, squared, chosen = time.process_time(), [], [], []
        for sample, site in tables:
            folds = Folds(scheme="leave_site_out", groups=site) if sites >= LEAST_SITES else single_cases(sample.n)
            one, names = cross_validate(sample, folds, rungs)
            held.append(interval_coverage(one.pi90_lo, one.pi90_hi, sample.agb))
            squared.append(float(np.mean((one.agb_dry - sample.agb) ** 2)))
            chosen += names
        seconds = (time.process_time() - started) / len(tables)
        taken = chosen.count("gaussian_process") / len(chosen)
        figures += [
            Figure(what=f"{where}, {name}: held", value=_pooled(held), unit="1"),
            Figure(what=f"{where}, {name}: RMSE", value=math.sqrt(np.mean(squared)), unit="g/m2"),
            Figure(what=f"{where}, {name}: process taken", value=taken, unit="1"),
            Figure(what=f"{where}, {name}: seconds a table", value=seconds, unit="s"),
        ]
    return figures


def _held(sample: Sample, folds: Folds, rungs: Sequence[Rung]) -> Coverage:
    prediction, _ = cross_validate(sample, folds, rungs)
    return interval_coverage(prediction.pi90_lo, prediction.pi90_hi, sample.agb)


def _pooled(parts: Sequence[Coverage]) -> float:
    return float(np.average([part.share for part in parts], weights=[part.n for part in parts]))


def _width(parts: Sequence[Coverage]) -> float:
    return float(np.average([part.mean_width for part in parts], weights=[part.n for part in parts]))
