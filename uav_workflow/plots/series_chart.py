"""A chart of plots over time: a panel a site, a thin line a plot, the mean, and the season of the mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uav_workflow.plots.curve import MEAN, Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PANELS = 12
"""Sites that are drawn; the tables have all."""
_EVENTS = (("start", "#1b7837"), ("peak", "#d95f02"), ("end", "#8c510a"))
_BRACKETS = ("start_between", "end_between")
"""Between these two flights a date was not seen, but computed: shaded."""


def draw_series(curves: Sequence[Curve], path: Path) -> None:
    """Write a PNG of one variable."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sites = list(dict.fromkeys(curve.site_id for curve in curves))[:_PANELS]
    columns = min(2, len(sites))
    rows = math.ceil(len(sites) / columns)
    figure = Figure(figsize=(5.6 * columns, 3.0 * rows + 0.4), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes in panels.flat[len(sites) :]:
        axes.set_visible(False)
    for site, axes in zip(sites, panels.flat, strict=False):
        _draw_site(axes, [curve for curve in curves if curve.site_id == site])
        axes.set_title(site or "no site", fontsize=9, loc="left")
    first = curves[0]
    unit = "" if first.unit == "1" else f" [{first.unit}]"
    figure.supylabel(f"{first.variable}{unit}", fontsize=9)
    figure.savefig(path)


def _draw_site(axes: Axes, curves: Sequence[Curve]) -> None:
    alone = not any(curve.plot_id == MEAN for curve in curves)
    for curve in curves:
        x = _dates().date2num(curve.days)
        if curve.plot_id == MEAN or alone:
            axes.plot(x, curve.values, color="#1b7837", linewidth=1.8, marker="o", markersize=4, zorder=3)
            _draw_events(axes, curve)
        else:
            axes.plot(x, curve.values, color="0.75", linewidth=0.8, marker="o", markersize=2, zorder=2)
    locator = _dates().AutoDateLocator(maxticks=7)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(_dates().ConciseDateFormatter(locator))
    axes.tick_params(labelsize=7)
    axes.grid(color="0.93", linewidth=0.6)
    axes.set_axisbelow(True)


def _draw_events(axes: Axes, curve: Curve) -> None:
    found = curve.season()
    first = date(curve.year, 1, 1)
    for name, colour in _EVENTS:
        number = float(getattr(found, name))
        if math.isfinite(number):
            x = _dates().date2num(first + timedelta(days=number - 1))
            axes.axvline(x, color=colour, linewidth=1, linestyle="--", zorder=1)
            axes.annotate(name, (x, 0.99), xycoords=("data", "axes fraction"), fontsize=7, color=colour, va="top")
    for name in _BRACKETS:
        ends = [float(number) for number in getattr(found, name)]
        if all(map(math.isfinite, ends)):
            low, high = (_dates().date2num(first + timedelta(days=number - 1)) for number in ends)
            axes.axvspan(low, high, color="0.94", zorder=0)
    if found.note and not found.method:
        axes.annotate(found.note, (0.02, 0.03), xycoords="axes fraction", fontsize=7, color="0.35")


def _dates() -> Any:
    """Return matplotlib's dates, which carry no types."""
    from matplotlib import dates

    return dates
