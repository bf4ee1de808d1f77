"""The report's section on surveyed points: what was found of them, in words, a table and a map."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from uav_workflow.domain.product import Json, Product
from uav_workflow.quality.maps import MapStyle, draw_map
from uav_workflow.quality.tables import MatchTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SUMMARY = ("", "n", "RMSE east", "RMSE north", "RMSE_H", "RMSE_V", "mean east", "mean north", "mean up", "largest up")
_KEYS = ("rmse_x_m", "rmse_y_m", "rmse_h_m", "rmse_z_m", "mean_x_m", "mean_y_m", "mean_z_m", "largest_z_m")
_POINTS = ("point", "role", "east, cm", "north, cm", "up, cm", "rays", "angle, °", "marks, px", "DSM, cm")
_ARROW_SHARE = 0.12
"""Length of the longest arrow over the width of the map."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveySection:
    """Statements, tables and the map; empty without surveyed points."""

    statements: Sequence[str] = ()
    summary: MatchTable = field(default_factory=MatchTable)
    points: MatchTable = field(default_factory=MatchTable)
    image: str = ""


@dataclass(frozen=True, slots=True)
class _Row:
    """A point of check_points.csv, metres; NaN where there is no figure."""

    name: str
    is_check: bool
    place: tuple[float, float]
    off: tuple[float, float, float]
    cells: Mapping[str, str]


def survey_section(made: Mapping[str, Product]) -> SurveySection:
    """Read what the reconstruction and the surface say of surveyed points.

    Parameters
    ----------
    made : mapping
        Kind -> product.
    """
    product = made.get("reconstruction")
    if product is None or not product.file("check_points.csv").is_file():
        return SurveySection()
    rows = [_row(cells) for cells in _read(product.file("check_points.csv"))]
    heights = _heights(made.get("dsm"))
    said = product.facts.get("survey_statements")
    statements = [str(text) for text in said] if isinstance(said, list) else []
    return SurveySection(
        statements=[*statements, *_surface_statement(made.get("dsm"))],
        summary=MatchTable(columns=_SUMMARY, rows=_summary(product)),
        points=MatchTable(columns=_POINTS, rows=[_cells(row, heights) for row in rows]),
        image=_map(made.get("orthomosaic"), rows),
    )


def survey_figure(made: Mapping[str, Product]) -> str | None:
    """``3.1 / 4.4 cm``: horizontal and vertical RMSE of check points; None without any."""
    product = made.get("reconstruction")
    facts = product.facts.get("check_points") if product else None
    if not isinstance(facts, dict) or not facts.get("n"):
        return None
    return f"{_cm(facts.get('rmse_h_m'))} / {_cm(facts.get('rmse_z_m'))} cm"


def _summary(product: Product) -> list[list[str]]:
    """One row a role, centimetres."""
    used = product.facts.get("control_points_used")
    rows = []
    for key, label in (
        ("check_points", "check points"),
        (
            "control_points",
            "control points (not used by the node)" if used is False else "control points (adjusted to)",
        ),
    ):
        facts = product.facts.get(key)
        if isinstance(facts, dict):
            rows.append([label, str(facts.get("n")), *(_cm(facts.get(name), " cm") for name in _KEYS)])
    return rows


def _surface_statement(dsm: Product | None) -> list[str]:
    if dsm is None:
        return []
    rmse, n = dsm.facts.get("rmse_z_dsm_m"), dsm.facts.get("n_z_dsm")
    if not isinstance(rmse, float):
        return []
    points = "1 check point" if n == 1 else f"{n} check points"
    return [
        f"Surface: the DSM lies {rmse * 100:.1f} cm (RMSE) off {points}; heights above ground of less than "
        f"{2 * rmse * 100:.0f} cm can't be told from none."
    ]


def _cells(row: _Row, heights: Mapping[str, float]) -> list[str]:
    surface = heights.get(row.name, math.nan)
    figures = [_cm(value) for value in (*row.off, surface)]
    angle, pixels = row.cells["angle_deg"], row.cells["reprojection_px"]
    small = [row.cells["rays"], f"{float(angle):.0f}" if angle else "", f"{float(pixels):.1f}" if pixels else ""]
    return [row.name, row.cells["role"], *figures[:3], *small, figures[3]]


def _map(orthomosaic: Product | None, rows: Sequence[_Row]) -> str:
    if orthomosaic is None or not rows:
        return ""
    style = MapStyle(title="Surveyed points: found minus surveyed", band=None)
    return draw_map(orthomosaic.file("orthomosaic.tif"), style, overlay=lambda axes: _draw_points(axes, rows))


def _draw_points(axes: Axes, rows: Sequence[_Row]) -> None:
    """Triangles for check points, crosses for control points; arrows east and north, magnified and scaled in words."""
    width = abs(axes.get_xlim()[1] - axes.get_xlim()[0])
    longest = max((math.hypot(*row.off[:2]) for row in rows if math.isfinite(row.off[0])), default=0.0)
    factor = _round_down(width * _ARROW_SHARE / longest) if longest > 0 else 1.0
    for row in rows:
        x, y = row.place
        colour = "#ffd400" if row.is_check else "#00d5ff"
        axes.plot(x, y, marker="^" if row.is_check else "+", color=colour, markeredgecolor="black", markersize=6)
        up = f" {round(row.off[2] * 100, 1) + 0.0:+.1f}" if math.isfinite(row.off[2]) else ""
        beside = -1 if row.off[0] > 0 else 1  # of the two sides the one that the arrow leaves free
        axes.annotate(
            f"{row.name}{up}",
            (x, y),
            textcoords="offset points",
            xytext=(6 * beside, 3),
            ha="right" if beside < 0 else "left",
            fontsize=6,
            bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6},
        )
        if math.isfinite(row.off[0]):
            axes.annotate(
                "",
                (x + factor * row.off[0], y + factor * row.off[1]),
                (x, y),
                arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0},
            )
    text = f"▲ check  + control  arrows x {factor:g}, figures: up, cm"
    box = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1.5}
    axes.text(0.99, 0.015, text, transform=axes.transAxes, ha="right", fontsize=6.5, bbox=box)


def _round_down(value: float) -> float:
    """Next 1, 2 or 5 times a power of ten below."""
    step = 10.0 ** math.floor(math.log10(value))
    return max(factor * step for factor in (1, 2, 5) if factor * step <= value * (1 + 1e-9))


def _row(cells: Mapping[str, str]) -> _Row:
    off = tuple(_number(cells[name]) for name in ("dx_m", "dy_m", "dz_m"))
    return _Row(
        name=cells["name"],
        is_check=cells["role"] == "check",
        place=(_number(cells["x"]), _number(cells["y"])),
        off=(off[0], off[1], off[2]),
        cells=cells,
    )


def _heights(dsm: Product | None) -> dict[str, float]:
    """DSM minus surveyed height by point, metres."""
    if dsm is None or not dsm.file("check_heights.csv").is_file():
        return {}
    return {cells["name"]: _number(cells["dz_m"]) for cells in _read(dsm.file("check_heights.csv"))}


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _number(text: str) -> float:
    return float(text) if text else math.nan


def _cm(value: Json, unit: str = "") -> str:
    if not isinstance(value, int | float) or not math.isfinite(value):
        return ""
    return f"{round(value * 100, 1) + 0.0:.1f}{unit}"  # no minus before a zero
