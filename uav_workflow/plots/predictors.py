"""Statistics of every map on every plot, joined with what was measured on the ground."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from uav_workflow.domain.flight import Flight
from uav_workflow.domain.ground import Plot
from uav_workflow.domain.product import Json, Made
from uav_workflow.errors import NotMade
from uav_workflow.plots.about import about_plots
from uav_workflow.plots.alignment import Alignment, align
from uav_workflow.plots.cloud_metrics import CloudSource
from uav_workflow.plots.cover_doubts import cover_doubts
from uav_workflow.plots.extraction import zonal
from uav_workflow.plots.ground_rows import ground_rows
from uav_workflow.plots.plot_findings import position_findings, value_findings
from uav_workflow.plots.position import Placement, placements
from uav_workflow.plots.reading import REFLECTANCE, PlotReader, PlotSettings
from uav_workflow.plots.reflectance_doubts import reflectance_doubts
from uav_workflow.plots.schema import to_frame, write_parquet
from uav_workflow.rasters.reader import Raster
from uav_workflow.vegetation.cover_frames import FrameSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Maps:
    """What is read on the plots.

    Attributes
    ----------
    rasters : mapping of kind to Path
        Maps on the flight's grid, such as cover, canopy_height, indices, reflectance.
    cloud : CloudSource, optional
        Point cloud; its metrics stand beside those of the height raster.
    terrain : Path, optional
        Terrain model: the plots' height above datum.
    frames : FrameSource, optional
        Photos; green cover in those that look straight down stands beside that of the map.
    mosaic : Path, optional
        On which marks on the plots' corners show.
    error_m : float, optional
        Horizontal RMSE of the maps at check points.
    digests : mapping of file name to SHA-256
        Of the maps, as far as they are known.
    """

    rasters: Mapping[str, Path]
    cloud: CloudSource | None = None
    terrain: Path | None = None
    frames: FrameSource | None = None
    mosaic: Path | None = None
    error_m: float | None = None
    digests: Mapping[str, str] = field(default_factory=dict)


def make_plot_predictors(flight: Flight, maps: Maps, out: Path, *, settings: PlotSettings | None = None) -> Made:
    """Write ``plot_predictors.parquet``: GeoParquet, one row a plot, variable and method (`columns.COLUMNS`).

    A plot outside a map, or with less than ``minimum_valid`` of its area measured, keeps its row with an empty value
    and a reason. Observations travel along as ground rows, those without a drone counterpart too.
    Where the settings ask for marked corners, ``coregistration.csv`` and pictures of the corners stand beside it.

    Raises
    ------
    NotMade
        No plots, or no maps.
    """
    if not flight.plots:
        raise NotMade("plot predictors: the folder has no plots")
    if not maps.rasters:
        raise NotMade("plot predictors: there is no map to read on the plots")
    chosen = settings or PlotSettings()
    with Raster(next(iter(maps.rasters.values()))) as first:
        crs = first.grid.crs
    cover = maps.rasters.get("cover")
    shown = None if cover is None else (cover, "fvc_green")
    aligned = align(flight, maps.mosaic, crs, maps.error_m, out, settings=chosen.alignment, compared=shown)
    flight = aligned.flight
    placed = placements(flight.plots, aligned.outlines, aligned.error_m)
    about = about_plots(flight, aligned.outlines, placed, crs)
    for plot_id, height in _heights(flight.plots, maps.terrain).items():
        about[plot_id]["z"] = height
    rows = _drone_rows(aligned, about, maps, chosen)
    measured, findings = ground_rows(flight, about, placed)
    _copy_gaps(rows, measured)
    write_parquet(to_frame([*rows, *measured], crs), out / "plot_predictors.parquet")
    return Made(
        findings=(
            *value_findings(flight.plots, rows, chosen.minimum_valid),
            *aligned.findings,
            *position_findings(flight.plots, placed, aligned.error_m),
            *findings,
        ),
        facts={
            "plots": len(flight.plots),
            "drone_rows": len(rows),
            "ground_rows": len(measured),
            "variables": [*sorted({str(row["variable"]) for row in [*rows, *measured]})],
            "map_error_m": aligned.error_m,
            "coregistration": aligned.facts,
            "match_levels": _levels(placed),
            "crs": crs,
            **chosen.to_json(),
        },
    )


def _drone_rows(
    aligned: Alignment, about: Mapping[str, Mapping[str, object]], maps: Maps, settings: PlotSettings
) -> list[dict[str, object]]:
    """Rows of the maps, the cloud and the photos."""
    plots = aligned.flight.plots
    cover, mosaic = maps.rasters.get("cover"), maps.rasters.get(REFLECTANCE)
    reading = PlotReader(
        plots,
        about,
        shadow=_shadow(plots, cover),
        doubts={} if cover is None else cover_doubts(plots, cover),
        reflectance_sd={} if mosaic is None else reflectance_doubts(plots, mosaic),
        digests=maps.digests,
        settings=settings,
    )
    rows = [row for kind, path in maps.rasters.items() for row in reading.rows(kind, path)]
    rows += [] if maps.cloud is None else list(reading.cloud_rows(maps.cloud))
    rows += [] if maps.frames is None else list(reading.frame_rows(maps.frames, aligned.outlines))
    return rows


def _levels(placed: Mapping[str, Placement]) -> dict[str, Json]:
    """Plots by the level they may be matched at."""
    return {level: sum(one.level == level for one in placed.values()) for level in ("own", "parent", "none")}


def _heights(plots: Sequence[Plot], terrain: Path | None) -> dict[str, float | None]:
    """Plot id -> mean of the terrain, metres; None where it has no value."""
    if terrain is None:
        return {}
    with Raster(terrain) as opened:
        band = opened.bands[0]
    zones = zonal(plots, terrain, (band,), statistics=("n_pixels", "mean"))
    return {zone.plot_id: zone.mean if zone.n_pixels > 0 else None for zone in zones}


def _shadow(plots: Sequence[Plot], cover: Path | None) -> dict[str, float]:
    """Plot id -> share of its measured pixels in shadow."""
    if cover is None:
        return {}
    zones = zonal(plots, cover, ("shadow",), statistics=("n_pixels", "mean"))
    return {zone.plot_id: zone.mean for zone in zones}


def _copy_gaps(drone: Sequence[dict[str, object]], ground: Sequence[Mapping[str, object]]) -> None:
    """Give drone rows the gap to the ground row they will be matched with."""
    gaps = {
        (row["plot_id"], row["variable"]): (row["dt_days"], row["obs_datetime_utc"])
        for row in ground
        if row["reason"] is None
    }
    for row in drone:
        row["dt_days"], row["obs_datetime_utc"] = gaps.get((row["plot_id"], row["variable"]), (None, None))
