"""How drone and ground agree, as a reviewer reads it: a row a figure, a column a variable, the meaning beside."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from uav_workflow.domain.product import Product
from uav_workflow.quality.tables import MatchTable, number

Row = Mapping[str, Any]
NO_FIGURE = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure over all variables, and what it means."""

    name: str
    values: Sequence[str]
    means: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Everything below the heading; nothing without a match.

    Attributes
    ----------
    columns : sequence of (str, str)
        A variable with its unit, and the method.
    groups : MatchTable
        The same by site and class of vegetation, where there are several.
    charts : sequence of {title, image}
        Scatters.
    """

    columns: Sequence[tuple[str, str]] = ()
    figures: Sequence[Figure] = ()
    groups: MatchTable = field(default_factory=MatchTable)
    charts: Sequence[dict[str, str]] = ()


def comparison(product: Product | None) -> Comparison:
    """Read ``match.json`` and the scatters beside it."""
    if product is None:
        return Comparison()
    matches = json.loads(product.file("match.json").read_text(encoding="utf-8"))["matches"]
    return Comparison(
        columns=[_heading(row) for row in matches],
        figures=[
            Figure(name=name, values=[say(row) for row in matches], means=means)
            for name, say, means in _FIGURES
            if any(say(row) != NO_FIGURE for row in matches)
        ],
        groups=_groups(matches),
        charts=[
            {"title": path.stem, "image": "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()}
            for path in sorted(product.path.glob("scatter_*.png"))
        ],
    )


def _heading(row: Row) -> tuple[str, str]:
    unit = "" if row["unit"] == "1" else f", {row['unit']}"
    level = "" if row["level"] == "own" else ", mean of quadrats"
    return f"{row['variable'].replace('_', ' ')}{unit}", f"{row['method'].replace('_', ' ')}{level}"


def _figure(key: str) -> Any:
    return lambda row: _say(row[key])


def _say(value: Any) -> str:
    return NO_FIGURE if value is None else number(value)


def _within(row: Row, key: str) -> str:
    """``0.94 [0.81, 1.07]``, or the figure alone where its interval is not defined."""
    low, high = row[f"{key}_ci95_lo"], row[f"{key}_ci95_hi"]
    return _say(row[key]) if low is None else f"{_say(row[key])} [{_say(low)}, {_say(high)}]"


def _with_interval(key: str) -> Any:
    return lambda row: _within(row, key)


def _plots(row: Row) -> str:
    return f"{row['n']} ({row['n_sites']} site{'s' if row['n_sites'] > 1 else ''})"


def _left_out(row: Row) -> str:
    return f"{row['n_left_out']}" if row["n_left_out"] else NO_FIGURE


def _spread(row: Row) -> str:
    return f"{_say(row['mean_observed'])} ± {_say(row['sd_observed'])}"


def _span(row: Row) -> str:
    return f"{_say(row['min_observed'])} – {_say(row['max_observed'])}"


def _interval(row: Row) -> str:
    if row["pi90_coverage"] is None:
        return NO_FIGURE
    return f"{100 * row['pi90_coverage']:.0f} % of {row['pi90_n']}, {_say(row['pi90_mean_width'])} wide"


_FIGURES: tuple[tuple[str, Any, str], ...] = (
    ("pairs", _plots, "plots with a value from the drone and from the ground"),
    ("… predicted without themselves", _left_out, "by a model fitted without the plot and its group"),
    ("ground, mean ± sd", _spread, "what there was to find"),
    ("ground, range", _span, ""),
    ("R²", _figure("r2"), "1 − SSE/SST against the mean of the ground; negative: worse than that mean"),
    ("r", _figure("r"), "Pearson's correlation; blind to bias and slope"),
    ("RMSE", _figure("rmse"), "divided by n"),
    ("RMSE without the bias", _figure("rmse_unbiased"), "what scatter alone leaves"),
    ("rRMSE, %", _figure("rrmse_percent"), "RMSE over the mean of the ground"),
    ("nRMSE, %", _figure("nrmse_percent"), "RMSE over the range of the ground"),
    ("MAE", _figure("mae"), "mean absolute error"),
    ("|error|, median", _figure("error_median"), "half of the plots err less"),
    ("|error|, 90 %", _figure("error_p90"), "nine in ten plots err less"),
    ("bias", _with_interval("bias"), "drone − ground, with its 95 % interval"),
    ("CCC", _figure("ccc"), "Lin's concordance: correlation, bias and slope in one; 1 is the 1:1 line"),
    ("Deming slope", _with_interval("deming_slope"), "drone on ground, errors on both sides, λ = 1 assumed; 95 %"),
    ("Deming intercept", _with_interval("deming_intercept"), ""),
    ("RMA slope", _with_interval("rma_slope"), "reduced major axis, drone on ground; 95 %"),
    ("RMA intercept", _with_interval("rma_intercept"), ""),
    (
        "Theil–Sen slope",
        _with_interval("theil_sen_slope"),
        "drone on ground by medians: wild plots do not move it; 95 %",
    ),
    ("Theil–Sen intercept", _figure("theil_sen_intercept"), ""),
    ("observed on predicted, slope", _with_interval("observed_on_predicted_slope"), "1 for a sound method; 95 %"),
    ("observed on predicted, intercept", _with_interval("observed_on_predicted_intercept"), "0 for a sound method"),
    ("90 % interval holds", _interval, "should be near 90 %; mean width"),
)

_OF_GROUPS = (("n", "n"), ("mean_observed", "ground"), ("r2", "R²"), ("rmse", "RMSE"), ("bias", "bias"), ("ccc", "CCC"))


def _groups(matches: Sequence[Row]) -> MatchTable:
    """Agreement by site and class; the interval's coverage where there is one."""
    rows = []
    for row in (group for match in matches for group in match["groups"]):
        coverage = row["pi90_coverage"]
        held = "" if coverage is None or math.isnan(coverage) else f"{100 * coverage:.0f} %"
        what = [str(row["variable"]).replace("_", " "), str(row["group"]).replace("_", " "), str(row["name"])]
        rows.append([*what, *(_say(row[key]) for key, _ in _OF_GROUPS), held])
    columns = ("variable", "by", "which", *(title for _, title in _OF_GROUPS), "90 % interval holds")
    return MatchTable(columns=columns, rows=rows)
