"""Tables of the report: plots as people read them, and how drone and ground agree."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from uav_workflow.domain.ground import VARIABLES
from uav_workflow.domain.product import Product

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = ("variable", "n", "n_sites", "r2", "r", "rmse", "rrmse_percent", "bias", "ccc", "mae", "unit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What drone and ground say of one variable on one plot."""

    drone: str = ""
    ground: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotRow:
    """One plot."""

    plot_id: str
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotTable:
    """Plots by variables."""

    columns: Sequence[str] = ()
    rows: Sequence[PlotRow] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchTable:
    """Statistics by variable, and their scatters."""

    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    charts: Sequence[dict[str, str]] = field(default_factory=tuple)


def plot_table(product: Product | None) -> PlotTable:
    """Read ``plots.parquet`` into rows of plots and columns of variables."""
    if product is None:
        return PlotTable()
    import geopandas

    table = geopandas.read_parquet(product.file("plots.parquet"))
    present = [name for name in VARIABLES if (table["variable"] == name).any()]
    rows = [
        PlotRow(plot_id=str(plot_id), cells=[_cell(group[group["variable"] == name]) for name in present])
        for plot_id, group in table.groupby("plot_id", sort=True)
    ]
    return PlotTable(columns=[_heading(name) for name in present], rows=rows)


def match_table(product: Product | None) -> MatchTable:
    """Read ``match.csv`` and the scatters beside it."""
    if product is None:
        return MatchTable()
    import pandas as pd

    table = pd.read_csv(product.file("match.csv"))
    columns = [name for name in _SHOWN if name in table.columns] or list(table.columns)
    return MatchTable(
        columns=columns,
        rows=[[_number(row[name]) for name in columns] for row in table.to_dict("records")],
        charts=[
            {"title": path.stem, "image": "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()}
            for path in sorted(product.path.glob("scatter_*.png"))
        ],
    )


def _heading(variable: str) -> str:
    unit = VARIABLES[variable]
    return variable.replace("_", " ") + (f", {unit}" if unit not in {"", "1"} else "")


def _cell(rows: pd.DataFrame) -> Cell:
    drone, ground = rows[rows["source"] == "drone"], rows[rows["source"] == "ground"]
    return Cell(drone=_text(drone), ground=_text(ground))


def _text(rows: pd.DataFrame) -> str:
    """First row that has a value; else nothing, the reason stands in the table itself."""
    for row in rows.to_dict("records"):
        value = row["value"]
        if isinstance(value, float) and math.isfinite(value):
            return _number(value) + _uncertainty(row)
        if isinstance(row["text"], str) and row["text"]:
            return row["text"]
    return ""


def _uncertainty(row: dict[Any, Any]) -> str:
    low, high, sd = row["pi90_lo"], row["pi90_hi"], row["uncertainty"]
    if _is_number(low) and _is_number(high):
        return f" [{_number(low)}, {_number(high)}]"
    return f" ± {_number(sd)}" if _is_number(sd) else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _number(value: Any) -> str:
    if not isinstance(value, int | float):
        return str(value)
    if not math.isfinite(value):
        return ""
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"
