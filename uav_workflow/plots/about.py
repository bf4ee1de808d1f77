"""What is known of every plot before a map is read: the columns that all its rows share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from uav_workflow.domain.flight import Flight
from uav_workflow.plots.position import Placement
from uav_workflow.plots.schema import PlotFlag
from uav_workflow.plots.times import flight_day, flight_time

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry


def about_plots(
    flight: Flight, outlines: Sequence[BaseGeometry], placed: Mapping[str, Placement], crs: str
) -> dict[str, dict[str, object]]:
    """Plot id -> shared columns, the outline in the maps' CRS among them."""
    middle, day = flight_time(flight), flight_day(flight)
    when = middle.isoformat(timespec="seconds") if middle else day.isoformat() if day else None
    about: dict[str, dict[str, object]] = {}
    for plot, outline in zip(flight.plots, outlines, strict=True):
        known = not outline.is_empty
        placement = placed[plot.plot_id]
        about[plot.plot_id] = {
            "plot_id": plot.plot_id,
            "site_id": plot.site_id or flight.site,
            "parent_plot_id": plot.parent_plot_id,
            "vegetation_class": plot.vegetation_class,
            "flight_id": flight.flight_id,
            "campaign": flight.details.campaign,
            "quadrat_shape": plot.shape,
            "area_m2": outline.area if known else None,
            "crs": crs,
            "x": outline.centroid.x if known else None,
            "y": outline.centroid.y if known else None,
            "pos_sigma_h_m": plot.sigma_h_m,
            "pos_sigma_v_m": plot.sigma_v_m,
            "fix_type": plot.fix_type,
            "offset_m": placement.offset_m,
            "match_level": placement.level,
            "flight_datetime_utc": when,
            "qc_flag": 0 if placement.level == "own" else int(PlotFlag.POSITION),
            "geometry": outline,
        }
    return about
