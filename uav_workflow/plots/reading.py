"""Rows of the plot table, one map after the other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import rasterio

from uav_workflow.domain.ground import Plot
from uav_workflow.domain.product import Json
from uav_workflow.plots.alignment import AlignmentSettings
from uav_workflow.plots.cloud_metrics import CloudMetrics, CloudSource, cloud_metrics
from uav_workflow.plots.cover_doubts import CoverDoubt
from uav_workflow.plots.extraction import ZonalStatistics, zonal
from uav_workflow.plots.margins import Margins, Surroundings, surroundings
from uav_workflow.plots.schema import LOW_VALID, NO_AREA, NO_DATA, NO_FRAME, OUTSIDE, PlotFlag, method_version
from uav_workflow.rasters.reader import Raster
from uav_workflow.vegetation.canopy_height import DETECTION
from uav_workflow.vegetation.cover_frames import FrameSource, frame_cover

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

MUCH_SHADOW = 0.25

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
REFLECTANCE = "reflectance"
"""Kind whose bands have their variables named after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotSettings:
    """How plots are read.

    Attributes
    ----------
    minimum_valid : float
        Least share of a plot that must be measured.
    margins : Margins
        Cut off inside the edge, and ring around it.
    alignment : AlignmentSettings
        Marks on the corners.
    """

    minimum_valid: float = 0.75
    margins: Margins = field(default_factory=Margins)
    alignment: AlignmentSettings = field(default_factory=AlignmentSettings)

    def to_json(self) -> dict[str, Json]:
        """As they stand among a product's facts."""
        return {
            "minimum_valid": self.minimum_valid,
            "inner_margin_sides": self.margins.inner,
            "ring_sides": self.margins.ring,
        }


@dataclass(frozen=True, slots=True)
class PlotReader:
    """The plots of a flight, ready to be read from one map after the other."""

    plots: Sequence[Plot]
    about: Mapping[str, Mapping[str, object]]
    shadow: Mapping[str, float]
    doubts: Mapping[str, CoverDoubt]
    reflectance_sd: Mapping[tuple[str, str], float]
    digests: Mapping[str, str]
    settings: PlotSettings

    def rows(self, kind: str, path: Path) -> Iterator[dict[str, object]]:
        """Rows of one map."""
        with Raster(path) as raster:
            pixel_m = raster.grid.pixel_m
        with rasterio.open(path) as dataset:
            tags = dataset.tags()
        shared = {
            "method": str(tags.get("method") or _METHODS.get(kind, kind)),
            "gsd_m": pixel_m,
            "source_file": path.name,
            "source_sha256": self.digests.get(path.name),
        }
        limit = float(tags.get(DETECTION, -math.inf))
        zones = zonal(self.plots, path)
        for zone, beside in zip(zones, surroundings(self.plots, path, self.settings.margins), strict=True):
            for row in self._band_rows(kind, zone, beside, limit):
                yield {**row, **shared}

    def _band_rows(
        self, kind: str, zone: ZonalStatistics, beside: Surroundings, limit: float
    ) -> Iterator[dict[str, object]]:
        """Rows of one band on one plot."""
        about, shadow = self.about[zone.plot_id], self.shadow.get(zone.plot_id)
        least = self.settings.minimum_valid
        reason = _reason(zone, least) if about["area_m2"] else NO_AREA
        flag = int(str(about["qc_flag"])) | _flags(zone, reason, shadow)
        if zone.mean < limit:
            flag |= int(PlotFlag.BELOW_DETECTION)
        doubt = self.doubts.get(zone.plot_id) if zone.band == "fvc_green" and reason is None else None
        if doubt is not None and doubt.disagrees:
            flag |= int(PlotFlag.COVER_DISAGREES)
        sd = None if doubt is None else doubt.sd
        if zone.band == "fvc_total" and reason is None and zone.plot_id in self.doubts:
            sd = self.doubts[zone.plot_id].total_sd
        if kind == REFLECTANCE and reason is None:
            sd = self.reflectance_sd.get((zone.plot_id, zone.band))
        inner = beside.inner if reason is None and _reason(beside.inner, least) is None else None
        for variable, statistic, unit in _statistics(kind, zone.band):
            yield {
                **about,
                "source": "drone",
                "variable": variable,
                "value": getattr(zone, statistic) if reason is None else None,
                "value_inner": getattr(inner, statistic) if inner is not None else None,
                "ring_mean": beside.ring.mean,
                "ring_sd": beside.ring.sd,
                "unit": unit,
                "uncertainty": sd,
                "uncertainty_type": None if sd is None else "sd",
                "method_version": method_version(),
                "n_pixels": zone.n_pixels,
                "valid_fraction": zone.valid_fraction,
                "edge_share": zone.edge_share,
                "shadow_fraction": shadow,
                "qc_flag": flag,
                "reason": reason,
            }

    def cloud_rows(self, source: CloudSource) -> Iterator[dict[str, object]]:
        """Rows of the point cloud."""
        for one in cloud_metrics(self.plots, source):
            about = self.about[one.plot_id]
            reason = NO_AREA if not about["area_m2"] else NO_DATA if one.points == 0 else None
            if reason is None and one.valid_fraction < self.settings.minimum_valid - 1e-9:
                reason = LOW_VALID
            flag = int(str(about["qc_flag"])) | int(PlotFlag.LOW_VALID) * (reason in (NO_DATA, LOW_VALID))
            for variable, value, unit in _cloud_variables(one):
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
                    "shadow_fraction": self.shadow.get(one.plot_id),
                    "gsd_m": one.cell_m,
                    "qc_flag": flag,
                    "reason": reason,
                    "source_file": source.cloud.name,
                    "source_sha256": self.digests.get(source.cloud.name),
                }

    def frame_rows(self, source: FrameSource, outlines: Sequence[BaseGeometry]) -> Iterator[dict[str, object]]:
        """Rows of green cover in photos that look straight down."""
        shapes = [(plot.plot_id, shape) for plot, shape in zip(self.plots, outlines, strict=True)]
        for one in frame_cover(shapes, source):
            about, doubt = self.about[one.plot_id], self.doubts.get(one.plot_id)
            # photos share the fit's errors: their spread alone would promise too much
            parts = [one.spread, math.nan if doubt is None or doubt.sd is None else doubt.sd]
            known = [part for part in parts if math.isfinite(part)] if one.values else []
            yield {
                **about,
                "source": "drone",
                "variable": "fvc_green_frames",
                "value": one.median if one.values else None,
                "unit": "1",
                "uncertainty": math.hypot(*known) if known else None,
                "uncertainty_type": "sd" if known else None,
                "method": f"{source.fit.name}:median_of_{len(one.values)}_photos",
                "method_version": method_version(),
                "n_pixels": one.n_pixels,
                "shadow_fraction": self.shadow.get(one.plot_id),
                "reason": None if one.values else NO_FRAME if about["area_m2"] else NO_AREA,
                "source_file": "reconstruction.json",
                "source_sha256": self.digests.get("reconstruction.json"),
            }


def _cloud_variables(one: CloudMetrics) -> Iterator[tuple[str, float, str]]:
    """Variable, value and unit of each metric."""
    yield from ((f"height_cloud_p{percent}", height, "m") for percent, height in one.percentiles.items())
    yield ("height_cellmax_mean", one.cellmax_mean, "m")
    yield ("canopy_rugosity", one.rugosity, "m")
    yield ("canopy_volume", one.volume, "m3")


_METHODS = {"canopy_height": "dsm_minus_dtm", "indices": "spyndex"}


def _statistics(kind: str, band: str) -> tuple[tuple[str, str, str], ...]:
    name = f"{REFLECTANCE}_{band}" if kind == REFLECTANCE else band
    return STATISTICS.get((kind, band), ((f"{name.lower()}_mean", "mean", "1"),))


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
