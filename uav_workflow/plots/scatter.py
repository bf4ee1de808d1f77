"""Scatter of drone against ground with the 1:1 line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from uav_workflow.domain.product import Json
from uav_workflow.plots.pairs import Pairs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = ("#1b7837", "#2166ac", "#b2182b", "#762a83", "#8c510a", "#4d4d4d", "#c51b7d", "#35978f")
_FIGURES = (("r2", "R²"), ("rmse", "RMSE"), ("bias", "bias"), ("ccc", "CCC"))


def draw_scatter(match: Pairs, statistics: Mapping[str, Json], path: Path) -> None:
    """Write a PNG: one point a plot with its 90 % interval, coloured by site, the 1:1 and Deming lines, and figures."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 4.2), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    sides = np.concatenate([match.ground, match.drone])
    low, high = float(min(sides.min(), 0.0)), float(sides.max())
    high += 0.05 * (high - low) or 1.0
    ends = np.array([low, high])
    axes.plot(ends, ends, color="0.4", linewidth=1, label="1:1")
    slope, intercept = statistics["deming_slope"], statistics["deming_intercept"]
    if isinstance(slope, float) and isinstance(intercept, float):
        axes.plot(ends, intercept + slope * ends, color="#d95f02", linewidth=1, linestyle="--", label="Deming")
    _draw_points(axes, match)
    axes.set(xlim=ends, ylim=ends, aspect="equal")
    unit = "" if match.unit == "1" else f" [{match.unit}]"
    level = "" if match.level == "own" else ", mean of quadrats"
    axes.set_xlabel(f"{match.variable}, ground{level}{unit}")
    axes.set_ylabel(f"{match.variable}, drone{unit}")
    lines = [f"n {statistics['n']}"]
    for key, label in _FIGURES:
        number = statistics[key]
        lines.append(f"{label} {number:.3g}" if isinstance(number, float) else f"{label} -")
    axes.text(0.03, 0.97, "\n".join(lines), transform=axes.transAxes, va="top", fontsize=8)
    axes.legend(loc="lower right", fontsize=7, frameon=False)
    axes.grid(color="0.92", linewidth=0.6)
    axes.set_axisbelow(True)
    figure.savefig(path)


def _draw_points(axes: Axes, match: Pairs) -> None:
    """Points by site; sites beyond the colours there are share the last one, unnamed."""
    has = np.isfinite(match.pi90_lo) & np.isfinite(match.pi90_hi)
    if has.any():
        reach = np.stack([match.drone - match.pi90_lo, match.pi90_hi - match.drone])[:, has]
        ground, drone = match.ground[has], match.drone[has]
        axes.errorbar(ground, drone, yerr=np.maximum(reach, 0), fmt="none", ecolor="0.75", elinewidth=0.7, zorder=2)
    labels = np.array(match.site_ids)
    names = sorted(set(match.site_ids))
    for index, name in enumerate(names):
        members = labels == name
        axes.scatter(
            match.ground[members],
            match.drone[members],
            s=18,
            color=_COLOURS[min(index, len(_COLOURS) - 1)],
            edgecolor="white",
            linewidth=0.4,
            zorder=3,
            label=name if 1 < len(names) <= len(_COLOURS) else None,
        )
