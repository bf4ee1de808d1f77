"""Scatter of drone against ground with the 1:1 line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.product import Json


def draw_scatter(
    ground: NDArray[np.float64], drone: NDArray[np.float64], statistics: Mapping[str, Json], path: Path
) -> None:
    """Write a PNG: one point a plot, the 1:1 line, the Deming line, and the main figures."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 4.2), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    low = float(min(ground.min(), drone.min(), 0.0))
    high = float(max(ground.max(), drone.max()))
    high += 0.05 * (high - low) or 1.0
    ends = np.array([low, high])
    axes.plot(ends, ends, color="0.4", linewidth=1, label="1:1")
    slope, intercept = statistics["deming_slope"], statistics["deming_intercept"]
    if isinstance(slope, float) and isinstance(intercept, float):
        axes.plot(ends, intercept + slope * ends, color="#d95f02", linewidth=1, linestyle="--", label="Deming")
    axes.scatter(ground, drone, s=18, color="#1b7837", edgecolor="white", linewidth=0.4, zorder=3)
    axes.set(xlim=ends, ylim=ends, aspect="equal")
    unit = "" if statistics["unit"] == "1" else f" [{statistics['unit']}]"
    axes.set_xlabel(f"{statistics['variable']}, ground{unit}")
    axes.set_ylabel(f"{statistics['variable']}, drone{unit}")
    lines = [f"n {statistics['n']}"]
    for key, label in (("r2", "R²"), ("rmse", "RMSE"), ("bias", "bias"), ("ccc", "CCC")):
        number = statistics[key]
        lines.append(f"{label} {number:.3g}" if isinstance(number, float) else f"{label} -")
    axes.text(0.03, 0.97, "\n".join(lines), transform=axes.transAxes, va="top", fontsize=8)
    axes.legend(loc="lower right", fontsize=8, frameon=False)
    axes.grid(color="0.92", linewidth=0.6)
    axes.set_axisbelow(True)
    figure.savefig(path)
