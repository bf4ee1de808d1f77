"""Drone against ground on the same plots: the figures a reviewer asks for, as tables and scatters."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.product import Json, Made
from uav_workflow.errors import NotMade
from uav_workflow.findings import Finding, info, warning
from uav_workflow.plots.pairs import COLUMNS, Pairs, find_pairs
from uav_workflow.plots.scatter import draw_scatter
from uav_workflow.statistics.agreement import Agreement
from uav_workflow.statistics.intervals import interval_coverage
from uav_workflow.statistics.regression import Line, deming, observed_on_predicted, reduced_major_axis, theil_sen
from uav_workflow.store import write_json

Row = dict[str, Json]

LAMBDA = 1.0
"""Error variance of the drone over that of the ground, assumed for the Deming line."""
FEW = 10

CONVENTIONS: Mapping[str, Json] = {
    "level": "own: drone and ground on the same plot; parent: quadrats averaged over the larger plot they lie in",
    "r2": "1 - SSE/SST against the mean of the ground values (centred); it may be negative",
    "r": "Pearson's correlation",
    "bias": "drone - ground, with its 95 % Student interval",
    "rmse": "divided by n; rmse_unbiased: after the bias is taken out",
    "rrmse_percent": "RMSE over the mean of the ground values",
    "nrmse_percent": "RMSE over the range of the ground values",
    "error_median, error_p90": "quantiles of the absolute error",
    "ccc": "Lin's concordance correlation coefficient",
    "deming": f"drone on ground, lambda {LAMBDA:g} (error variance drone / ground, assumed), jackknife 95 % interval",
    "rma": "reduced major axis, drone on ground, jackknife 95 % interval",
    "theil_sen": "drone on ground, Sen's 95 % interval of the slope",
    "observed_on_predicted": "ordinary line of ground on drone, Student 95 % interval: 1 and 0 for a sound method",
    "pi90": "share of ground values inside the drone's 90 % interval, and its mean width",
    "agb_dry": "training plots are predicted by the model fitted without them",
}


def make_match(plots_table: Path, out: Path) -> Made:
    """Write ``match.csv``, ``match_groups.csv``, ``match.json`` and ``scatter_<variable>.png``.

    Biomass of training plots was predicted without them (see `table.make_plots`).

    Parameters
    ----------
    plots_table : Path
        plots.parquet.
    out : Path
        Folder to write into.

    Raises
    ------
    NotMade
        Nothing was both measured on the ground and seen by the drone.
    """
    import pandas as pd

    matches = list(find_pairs(pd.read_parquet(plots_table, columns=list(COLUMNS))))
    if not matches:
        raise NotMade("match: no variable was both measured on the ground and seen by the drone on the same plot")
    statistics = [statistics_of(match) for match in matches]
    groups = [list(group_statistics(match)) for match in matches]
    _write_csv(out / "match.csv", statistics)
    _write_csv(out / "match_groups.csv", [row for rows in groups for row in rows])
    documents: list[Json] = [
        {**row, "groups": [*parts], "pairs": list_pairs(match)}
        for row, parts, match in zip(statistics, groups, matches, strict=True)
    ]
    write_json(out / "match.json", {"conventions": CONVENTIONS, "matches": documents})
    for match, row in zip(matches, statistics, strict=True):
        draw_scatter(match, row, out / f"scatter_{_name(match, matches)}.png")
    return Made(findings=tuple(_findings(statistics)), facts={"match": [*statistics], "deming_lambda": LAMBDA})


def statistics_of(match: Pairs) -> Row:
    """Row of match.csv; None where a figure is not defined."""
    coverage = interval_coverage(match.pi90_lo, match.pi90_hi, match.ground)
    n = len(match.plot_ids)
    robust = theil_sen(match.ground, match.drone)
    numbers: dict[str, float | int] = {
        **asdict(Agreement.of(match.drone, match.ground)),
        **_line("deming", deming(match.ground, match.drone, LAMBDA), n),
        "deming_lambda": LAMBDA,
        **_line("rma", reduced_major_axis(match.ground, match.drone), n),
        "theil_sen_slope": robust.slope,
        "theil_sen_slope_ci95_lo": robust.slope_lo,
        "theil_sen_slope_ci95_hi": robust.slope_hi,
        "theil_sen_intercept": robust.intercept,
        **_line("observed_on_predicted", observed_on_predicted(match.drone, match.ground), n),
        "pi90_n": coverage.n,
        "pi90_coverage": coverage.share,
        "pi90_mean_width": coverage.mean_width,
    }
    return {
        **_of_what(match),
        "n_sites": len(set(match.site_ids)),
        "n_ground": int(match.n_ground.sum()),
        "n_left_out": match.n_left_out,
        **_finite(numbers),
    }


def group_statistics(match: Pairs) -> Iterator[Row]:
    """Rows of match_groups.csv: the agreement of every site and of every class of vegetation, where there are two."""
    for kind, names in (("site", match.site_ids), ("vegetation_class", match.classes)):
        labels = np.array(names)
        for name in sorted(set(names)) if len(set(names)) > 1 else ():
            members = labels == name
            coverage = interval_coverage(match.pi90_lo[members], match.pi90_hi[members], match.ground[members])
            numbers: dict[str, float | int] = {
                **asdict(Agreement.of(match.drone[members], match.ground[members])),
                "pi90_coverage": coverage.share,
                "pi90_mean_width": coverage.mean_width,
            }
            yield {**_of_what(match), "group": kind, "name": name or "unnamed", **_finite(numbers)}


def list_pairs(match: Pairs) -> list[Json]:
    """Every pair, for match.json."""
    numbers: Sequence[NDArray[np.float64]] = (match.ground, match.drone, match.pi90_lo, match.pi90_hi)
    names = ("ground", "drone", "pi90_lo", "pi90_hi")
    found: list[Json] = []
    for plot, site, kind, many, *values in zip(
        match.plot_ids, match.site_ids, match.classes, match.n_ground, *numbers, strict=True
    ):
        row: Row = {"plot_id": plot, "site_id": site, "vegetation_class": kind or None, "n_ground": int(many)}
        found.append({**row, **_finite(dict(zip(names, map(float, values), strict=True)))})
    return found


def _of_what(match: Pairs) -> Row:
    return {"variable": match.variable, "method": match.method, "level": match.level, "unit": match.unit}


def _finite(numbers: Mapping[str, float | int]) -> Row:
    return {name: number if math.isfinite(number) else None for name, number in numbers.items()}


def _name(match: Pairs, matches: Sequence[Pairs]) -> str:
    """Name of a match's file: the variable, and what tells it from others of the same variable."""
    twins = [other for other in matches if other.variable == match.variable]
    parts = [match.variable]
    if any(other.method != match.method for other in twins):
        parts.append(match.method)
    if any(other.level != match.level for other in twins):
        parts.append(match.level)
    return "_".join(parts)


def _write_csv(path: Path, rows: Sequence[Row]) -> None:
    """One line a row; a file with its head alone where there is none."""
    columns = list(rows[0]) if rows else ["variable", "method", "level", "unit", "group", "name"]
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _line(name: str, line: Line, n: int) -> dict[str, float]:
    from scipy.stats import t

    reach = float(t.ppf(0.975, n - 2)) if n > 2 else math.nan
    return {
        f"{name}_slope": line.slope,
        f"{name}_slope_ci95_lo": line.slope - reach * line.slope_se,
        f"{name}_slope_ci95_hi": line.slope + reach * line.slope_se,
        f"{name}_intercept": line.intercept,
        f"{name}_intercept_ci95_lo": line.intercept - reach * line.intercept_se,
        f"{name}_intercept_ci95_hi": line.intercept + reach * line.intercept_se,
    }


def _findings(statistics: Sequence[Row]) -> Iterator[Finding]:
    for row in statistics:
        n = int(str(row["n"]))
        if n < FEW:
            yield info("few-pairs", str(row["variable"]), f"{n} pairs only: the figures are rough")
        share, with_interval = row["pi90_coverage"], int(str(row["pi90_n"]))
        if isinstance(share, float) and _too_few(round(share * with_interval), with_interval):
            message = f"the 90 % interval holds {share:.0%} of {with_interval} ground values: it is too narrow"
            hint = "an interval of a model's parameters is none for a plot; or the model meets another vegetation"
            yield warning("interval-too-narrow", str(row["variable"]), message, hint)


def _too_few(held: int, n: int) -> bool:
    """Whether an interval that holds nine in ten would hold so few in one of twenty cases or less (binomial)."""
    from scipy.stats import binom

    return bool(binom.cdf(held, n, 0.9) < 0.05)
