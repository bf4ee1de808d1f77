"""Statistics of every map on every plot, joined with what was measured on the ground."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import rasterio

from uav_workflow.domain.flight import Flight
from uav_workflow.domain.ground import Plot
from uav_workflow.domain.product import Made
from uav_workflow.errors import NotMade
from uav_workflow.findings import Finding, info, warning
from uav_workflow.plots.cloud_metrics import CloudSource, cloud_metrics
from uav_workflow.plots.extraction import ZonalStatistics, in_crs, zonal
from uav_workflow.plots.ground_rows import flight_day, flight_time, ground_rows
from uav_workflow.plots.schema import (
    LOW_VALID,
    NO_AREA,
    NO_DATA,
    OUTSIDE,
    PlotFlag,
    method_version,
    to_frame,
    write_parquet,
)
from uav_workflow.rasters.reader import Raster
from uav_workflow.vegetation.canopy_height import DETECTION

MUCH_SHADOW = 0.25
POSITION_SHARE = 0.2
"""Position error over plot side above which plot and map do not show the same ground."""

STATISTICS: Mapping[tuple[str, str], tuple[tuple[str, str, str], ...]] = {
    ("cover", "fvc_green"): (("fvc_green", "mean", "1"),),
    ("cover", "fvc_total"): (("fvc_total", "mean", "1"),),
    ("cover", "shadow"): (),
    ("canopy_height", "canopy_height"): (
        ("height_mean", "mean", "m"),
        ("height_median", "median", "m"),
        ("height_p95", "p95", "m"),
        ("height_sd", "sd", "m"),
    ),
}
"""(kind, band) -> (variable, statistic, unit). Any other band gives ``<band>_mean``."""


def make_plot_predictors(
    flight: Flight,
    rasters: Mapping[str, Path],
    out: Path,
    *,
    minimum_valid: float = 0.75,
    cloud: CloudSource | None = None,
) -> Made:
    """Write ``plot_predictors.parquet``: GeoParquet, one row a plot, variable and method (`schema.COLUMNS`).

    A plot outside a map, or with less than ``minimum_valid`` of its area measured, keeps its row with an empty value
    and a reason.

    Parameters
    ----------
    flight : Flight
        With plots; observations travel along as ground rows, those without a drone counterpart too.
    rasters : mapping of kind to Path
        Maps on the flight's grid, such as cover, canopy_height, indices, reflectance.
    cloud : CloudSource, optional
        Point cloud; its metrics stand beside those of the height raster.

    Raises
    ------
    NotMade
        No plots, or no maps.
    """
    if not flight.plots:
        raise NotMade("plot predictors: the folder has no plots")
    if not rasters:
        raise NotMade("plot predictors: there is no map to read on the plots")
    with Raster(next(iter(rasters.values()))) as first:
        crs = first.grid.crs
    about = dict(_about_plots(flight, crs))
    reading = _Reading(flight.plots, about, _shadow(flight.plots, rasters.get("cover")), minimum_valid)
    rows = [row for kind, path in rasters.items() for row in reading.rows(kind, path)]
    rows += [] if cloud is None else list(reading.cloud_rows(cloud))
    measured, findings = ground_rows(flight, about)
    _copy_gaps(rows, measured)
    frame = to_frame([*rows, *measured], crs)
    write_parquet(frame, out / "plot_predictors.parquet")
    return Made(
        findings=(*_plot_findings(flight.plots, rows, about, minimum_valid), *findings),
        facts={
            "plots": len(flight.plots),
            "drone_rows": len(rows),
            "ground_rows": len(measured),
            "variables": [*sorted({str(row["variable"]) for row in [*rows, *measured]})],
            "minimum_valid": minimum_valid,
            "crs": crs,
        },
    )


def _about_plots(flight: Flight, crs: str) -> Iterator[tuple[str, dict[str, object]]]:
    """Plot id -> the columns that all its rows share."""
    middle, day = flight_time(flight), flight_day(flight)
    when = middle.isoformat(timespec="seconds") if middle else day.isoformat() if day else None
    for plot, geometry in zip(flight.plots, in_crs(flight.plots, crs), strict=True):
        known = not geometry.is_empty
        side = math.sqrt(geometry.area) if known else math.nan
        unsure = plot.sigma_h_m is not None and plot.sigma_h_m > POSITION_SHARE * side
        yield (
            plot.plot_id,
            {
                "plot_id": plot.plot_id,
                "site_id": plot.site_id or flight.site,
                "parent_plot_id": plot.parent_plot_id,
                "flight_id": flight.flight_id,
                "campaign": flight.details.campaign,
                "quadrat_shape": plot.shape,
                "area_m2": geometry.area if known else None,
                "crs": crs,
                "x": geometry.centroid.x if known else None,
                "y": geometry.centroid.y if known else None,
                "pos_sigma_h_m": plot.sigma_h_m,
                "pos_sigma_v_m": plot.sigma_v_m,
                "fix_type": plot.fix_type,
                "flight_datetime_utc": when,
                "qc_flag": int(PlotFlag.POSITION) if unsure else 0,
                "geometry": geometry,
            },
        )


def _shadow(plots: Sequence[Plot], cover: Path | None) -> dict[str, float]:
    """Plot id -> share of its measured pixels in shadow."""
    return {} if cover is None else {row.plot_id: row.mean for row in zonal(plots, cover, ("shadow",))}


@dataclass(frozen=True, slots=True)
class _Reading:
    """The plots of a flight, ready to be read from one map after the other."""

    plots: Sequence[Plot]
    about: Mapping[str, Mapping[str, object]]
    shadow: Mapping[str, float]
    minimum_valid: float

    def rows(self, kind: str, path: Path) -> Iterator[dict[str, object]]:
        """Rows of one map."""
        with Raster(path) as raster:
            pixel_m = raster.grid.pixel_m
        with rasterio.open(path) as dataset:
            tags = dataset.tags()
        method = str(tags.get("method") or _METHODS.get(kind, kind))
        limit = float(tags.get(DETECTION, -math.inf))
        for zone in zonal(self.plots, path):
            about, shadow = self.about[zone.plot_id], self.shadow.get(zone.plot_id)
            reason = _reason(zone, self.minimum_valid) if about["area_m2"] else NO_AREA
            flag = int(str(about["qc_flag"])) | _flags(zone, reason, shadow)
            if zone.mean < limit:
                flag |= int(PlotFlag.BELOW_DETECTION)
            for variable, statistic, unit in _statistics(kind, zone.band):
                yield {
                    **about,
                    "source": "drone",
                    "variable": variable,
                    "value": getattr(zone, statistic) if reason is None else None,
                    "unit": unit,
                    "method": method,
                    "method_version": method_version(),
                    "n_pixels": zone.n_pixels,
                    "valid_fraction": zone.valid_fraction,
                    "shadow_fraction": shadow,
                    "gsd_m": pixel_m,
                    "qc_flag": flag,
                    "reason": reason,
                    "source_file": path.name,
                }

    def cloud_rows(self, source: CloudSource) -> Iterator[dict[str, object]]:
        """Rows of the point cloud."""
        for one in cloud_metrics(self.plots, source):
            about, shadow = self.about[one.plot_id], self.shadow.get(one.plot_id)
            reason = NO_AREA if not about["area_m2"] else NO_DATA if one.points == 0 else None
            if reason is None and one.valid_fraction < self.minimum_valid - 1e-9:
                reason = LOW_VALID
            flag = int(str(about["qc_flag"])) | int(PlotFlag.LOW_VALID) * (reason in (NO_DATA, LOW_VALID))
            for variable, value, unit in (
                *((f"height_cloud_p{percent}", height, "m") for percent, height in one.percentiles.items()),
                ("height_cellmax_mean", one.cellmax_mean, "m"),
                ("canopy_rugosity", one.rugosity, "m"),
                ("canopy_volume", one.volume, "m3"),
            ):
                yield {
                    **about,
                    "source": "drone",
                    "variable": variable,
                    "value": value if reason is None else None,
                    "unit": unit,
                    "method": f"cloud_cells_{100 * one.cell_m:g}cm",
                    "method_version": method_version(),
                    "n_pixels": one.points,
                    "valid_fraction": one.valid_fraction,
                    "shadow_fraction": shadow,
                    "gsd_m": one.cell_m,
                    "qc_flag": flag,
                    "reason": reason,
                    "source_file": source.cloud.name,
                }


_METHODS = {"canopy_height": "dsm_minus_dtm", "indices": "spyndex"}


def _statistics(kind: str, band: str) -> tuple[tuple[str, str, str], ...]:
    return STATISTICS.get((kind, band), ((f"{band.lower()}_mean", "mean", "1"),))


def _reason(zone: ZonalStatistics, minimum_valid: float) -> str | None:
    if zone.inside_fraction == 0:
        return OUTSIDE
    if zone.n_pixels == 0:
        return NO_DATA
    return LOW_VALID if zone.valid_fraction < minimum_valid - 1e-9 else None


def _flags(zone: ZonalStatistics, reason: str | None, shadow: float | None) -> int:
    flag = PlotFlag(0)
    if zone.inside_fraction < 1 - 1e-9:
        flag |= PlotFlag.OUTSIDE
    if reason in (NO_DATA, LOW_VALID):
        flag |= PlotFlag.LOW_VALID
    if shadow is not None and shadow > MUCH_SHADOW:
        flag |= PlotFlag.SHADOW
    return int(flag)


def _copy_gaps(drone: Sequence[dict[str, object]], ground: Sequence[Mapping[str, object]]) -> None:
    """Give drone rows the gap to the ground row they will be matched with."""
    gaps = {
        (row["plot_id"], row["variable"]): (row["dt_days"], row["obs_datetime_utc"])
        for row in ground
        if row["reason"] is None
    }
    for row in drone:
        row["dt_days"], row["obs_datetime_utc"] = gaps.get((row["plot_id"], row["variable"]), (None, None))


def _plot_findings(
    plots: Sequence[Plot],
    rows: Sequence[Mapping[str, object]],
    about: Mapping[str, Mapping[str, object]],
    minimum_valid: float,
) -> Iterator[Finding]:
    """Which plots have no value in a map and why, and which lie where nobody knows."""
    for reason, text in (
        (OUTSIDE, "lie outside the map"),
        (NO_AREA, "have no area in the map's CRS"),
        (NO_DATA, "hold no measured pixel"),
        (LOW_VALID, f"are measured to less than {minimum_valid:.0%}"),
    ):
        for file in sorted({str(row["source_file"]) for row in rows if row["reason"] == reason}):
            names = sorted({str(r["plot_id"]) for r in rows if r["reason"] == reason and r["source_file"] == file})
            message = f"{len(names)} of {len(plots)} plots {text}: {', '.join(names)}"
            yield warning(f"plot-{reason}", file, message, "their values are empty")
    unsure = [plot_id for plot_id, row in about.items() if int(str(row["qc_flag"])) & PlotFlag.POSITION]
    if unsure:
        message = f"position error above a fifth of the side on {len(unsure)} plots: {', '.join(sorted(unsure))}"
        yield warning("plot-position", "plots", message, "a match of single plots means little there")
    if unknown := sum(plot.sigma_h_m is None for plot in plots):
        yield info("plot-position-unknown", "plots", f"{unknown} of {len(plots)} plots state no position error")
