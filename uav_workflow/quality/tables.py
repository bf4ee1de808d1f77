"""Tables of the report: plots as people read them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uav_workflow.domain.ground import VARIABLES
from uav_workflow.plots.schema import REASONS, raised

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What drone and ground say of one variable on one plot; why the drone says nothing."""

    drone: str = ""
    ground: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotRow:
    """One plot: its cells, what is known of where it lies, and what to heed."""

    plot_id: str
    about: str
    cells: Sequence[Cell]
    notes: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotTable:
    """Plots by variables."""

    columns: Sequence[str] = ()
    rows: Sequence[PlotRow] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchTable:
    """Rows of text below their headings."""

    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


def plot_table(table: pd.DataFrame | None) -> PlotTable:
    """Rows of plots and columns of variables, of the plot table."""
    if table is None:
        return PlotTable()
    present = [name for name in VARIABLES if (table["variable"] == name).any()]
    return PlotTable(
        columns=[_heading(name) for name in present],
        rows=[
            PlotRow(
                plot_id=str(plot_id),
                about=_about(group),
                cells=[_cell(group[group["variable"] == name]) for name in present],
                notes=list(dict.fromkeys(_notes(group))),
            )
            for plot_id, group in table.groupby("plot_id", sort=True)
        ],
    )


def _heading(variable: str) -> str:
    unit = VARIABLES[variable]
    return variable.replace("_", " ") + (f", {unit}" if unit not in {"", "1"} else "")


def _about(rows: pd.DataFrame) -> str:
    """Site, class, area."""
    first = rows.iloc[0]
    parts = [str(first[name]) for name in ("site_id", "vegetation_class") if isinstance(first[name], str)]
    if _is_number(first["area_m2"]):
        parts.append(f"{number(float(first['area_m2']))} m²")
    return ", ".join(parts)


def _notes(rows: pd.DataFrame) -> Iterator[str]:
    """Flags of the drone's rows in words, and why ground rows are not matched."""
    for flags in rows.loc[rows["source"] == "drone", "qc_flag"].unique():
        yield from raised(int(flags))
    ground = rows[rows["source"] == "ground"]
    for reason in ground["reason"].dropna().unique():
        yield REASONS.get(str(reason), str(reason))


def _cell(rows: pd.DataFrame) -> Cell:
    drone, ground = rows[rows["source"] == "drone"], rows[rows["source"] == "ground"]
    said = _text(drone)
    reasons = drone["reason"].dropna()
    why = "" if said or reasons.empty else REASONS.get(str(reasons.iloc[0]), str(reasons.iloc[0]))
    return Cell(drone=said, ground=_text(ground), why=why)


def _text(rows: pd.DataFrame) -> str:
    """First row that has a value."""
    for row in rows.to_dict("records"):
        value = row["value"]
        if isinstance(value, float) and math.isfinite(value):
            return number(value) + _uncertainty(row)
        if isinstance(row["text"], str) and row["text"]:
            return row["text"]
    return ""


def _uncertainty(row: dict[Any, Any]) -> str:
    low, high, sd = row["pi90_lo"], row["pi90_hi"], row["uncertainty"]
    if _is_number(low) and _is_number(high):
        return f" [{number(low)}, {number(high)}]"
    return f" ± {number(sd)}" if _is_number(sd) else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def number(value: Any) -> str:
    """Three figures, whole from a hundred on; empty where there is none."""
    if not isinstance(value, int | float):
        return str(value)
    if not math.isfinite(value):
        return ""
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:.0f}"
    # no minus before a zero, no exponent for what is small
    return f"{value + 0.0:.3g}" if abs(value) >= 0.001 or value == 0 else f"{value:.4f}".replace("-0.0000", "0.0000")
