"""Drone against ground on the same plots."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.product import Json, Made
from uav_workflow.errors import NotMade
from uav_workflow.findings import Finding, info
from uav_workflow.plots.scatter import draw_scatter
from uav_workflow.plots.table import LEFT_OUT
from uav_workflow.statistics.agreement import Agreement
from uav_workflow.statistics.intervals import interval_coverage
from uav_workflow.statistics.regression import Line, deming, reduced_major_axis
from uav_workflow.store import write_json

Floats = NDArray[np.float64]
LAMBDA = 1.0
"""Error variance of the drone over that of the ground, assumed for the Deming line."""
FEW = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotMatch:
    """Pairs of one variable and drone method.

    Attributes
    ----------
    drone, ground : float64 (n,)
        In the variable's unit.
    pi90_lo, pi90_hi : float64 (n,)
        Interval of the drone value; NaN where it states none.
    """

    variable: str
    method: str
    unit: str
    plot_ids: tuple[str, ...]
    site_ids: tuple[str, ...]
    n_left_out: int
    """Pairs whose drone value comes from a model fitted without the plot."""
    drone: Floats
    ground: Floats
    pi90_lo: Floats
    pi90_hi: Floats

    def statistics(self) -> dict[str, Json]:
        """Row of match.csv; None where a figure is not defined."""
        coverage = interval_coverage(self.pi90_lo, self.pi90_hi, self.ground)
        numbers: dict[str, float | int] = {
            **asdict(Agreement.of(self.drone, self.ground)),
            **_line("deming", deming(self.ground, self.drone, LAMBDA), len(self.plot_ids)),
            "deming_lambda": LAMBDA,
            **_line("rma", reduced_major_axis(self.ground, self.drone), len(self.plot_ids)),
            "pi90_n": coverage.n,
            "pi90_coverage": coverage.share,
            "pi90_mean_width": coverage.mean_width,
        }
        return {
            "variable": self.variable,
            "method": self.method,
            "unit": self.unit,
            "n_sites": len(set(self.site_ids)),
            "n_left_out": self.n_left_out,
            **{name: None if not math.isfinite(number) else number for name, number in numbers.items()},
        }

    def pairs(self) -> list[Json]:
        """Every pair, for match.json."""
        columns = (self.plot_ids, self.site_ids, self.ground, self.drone, self.pi90_lo, self.pi90_hi)
        return [
            {
                "plot_id": plot,
                "site_id": site,
                "ground": float(ground),
                "drone": float(drone),
                "pi90_lo": float(low) if math.isfinite(low) else None,
                "pi90_hi": float(high) if math.isfinite(high) else None,
            }
            for plot, site, ground, drone, low, high in zip(*columns, strict=True)
        ]


def make_match(plots_table: Path, out: Path) -> Made:
    """Write ``match.csv``, ``match.json`` and ``scatter_<variable>.png``.

    A pair is a drone row and the ground rows of the same plot and variable, both with a value and without a reason;
    ground replicates are averaged. Biomass of training plots was predicted without them (see `table.make_plots`).

    Raises
    ------
    NotMade
        Nothing was both measured on the ground and seen by the drone.
    """
    import pandas as pd

    columns = ["plot_id", "site_id", "source", "variable", "value", "unit", "method", "pi90_lo", "pi90_hi", "reason"]
    table = pd.read_parquet(plots_table, columns=columns)
    matches = list(find_matches(table))
    if not matches:
        raise NotMade("match: no variable was both measured on the ground and seen by the drone on the same plot")
    statistics = [match.statistics() for match in matches]
    with (out / "match.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(statistics[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(statistics)
    documents = [{**row, "pairs": match.pairs()} for row, match in zip(statistics, matches, strict=True)]
    write_json(out / "match.json", {"conventions": CONVENTIONS, "matches": documents})
    for match, row in zip(matches, statistics, strict=True):
        twin = sum(other.variable == match.variable for other in matches) > 1
        name = f"{match.variable}_{match.method}" if twin else match.variable
        draw_scatter(match.ground, match.drone, row, out / f"scatter_{name}.png")
    facts: list[Json] = [dict(row) for row in statistics]
    return Made(findings=tuple(_findings(statistics)), facts={"match": facts})


CONVENTIONS: Mapping[str, Json] = {
    "r2": "1 - SSE/SST against the mean of the ground values",
    "bias": "drone - ground, with its 95 % Student interval",
    "rmse": "divided by n",
    "rrmse_percent": "RMSE over the mean of the ground values",
    "nrmse_percent": "RMSE over the range of the ground values",
    "deming": f"drone on ground, lambda {LAMBDA:g} (error variance drone / ground, assumed), jackknife 95 % interval",
    "rma": "drone on ground, jackknife 95 % interval",
    "agb_dry": "training plots are predicted by the model fitted without them",
}


def find_matches(table: Any) -> Iterator[PlotMatch]:
    """Pairs by variable and drone method; what follows a colon in the method (left_out) does not part them."""
    usable = table[table["value"].notna() & table["reason"].isna()]
    drone, ground = usable[usable["source"] == "drone"], usable[usable["source"] == "ground"]
    means = ground.groupby(["variable", "plot_id"])["value"].mean()
    family = drone["method"].str.partition(":")[0]
    for (variable, method), rows in drone.groupby(["variable", family], sort=True):
        if variable not in means:
            continue
        measured = means[variable]
        pairs = rows[rows["plot_id"].isin(measured.index)].sort_values("plot_id")
        if pairs.empty:
            continue
        left_out = pairs["method"].str.endswith(f":{LEFT_OUT}")
        yield PlotMatch(
            variable=str(variable),
            method=str(method),
            unit=str(pairs["unit"].iloc[0]),
            plot_ids=tuple(str(plot) for plot in pairs["plot_id"]),
            site_ids=tuple(str(site) for site in pairs["site_id"]),
            n_left_out=int(left_out.sum()),
            drone=pairs["value"].to_numpy(dtype=np.float64),
            ground=measured.loc[pairs["plot_id"]].to_numpy(dtype=np.float64),
            pi90_lo=pairs["pi90_lo"].to_numpy(dtype=np.float64),
            pi90_hi=pairs["pi90_hi"].to_numpy(dtype=np.float64),
        )


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


def _findings(statistics: list[dict[str, Json]]) -> Iterator[Finding]:
    for row in statistics:
        n = int(str(row["n"]))
        if n < FEW:
            yield info("few-pairs", str(row["variable"]), f"{n} pairs only: the figures are rough")
