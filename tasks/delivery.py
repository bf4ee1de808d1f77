"""What people and satellites receive: the report and the hand-over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.captures import CalibratedCaptures
from tasks.photogrammetry import NodeTask
from tasks.plots import Biomass, Match, PlotPredictors, Plots
from tasks.product import ProductTask
from tasks.scope import Scope
from tasks.surfaces import Dsm, Dtm, Orthomosaic, PointCloud, Reconstruction
from tasks.vegetation import CanopyHeight, Cover, Indices, Reflectance
from uav_workflow.domain.product import Product
from uav_workflow.store import Draft

if TYPE_CHECKING:
    from uav_workflow.domain.flight import Band, Flight
    from uav_workflow.handover.bridge import Bridge
    from uav_workflow.handover.land_cover import LandCoverMap
    from uav_workflow.handover.maps import GridSettings
    from uav_workflow.handover.variables import FlightMaps

MAPS_AND_TABLES: tuple[type[ProductTask], ...] = (
    Reconstruction,
    Orthomosaic,
    Dsm,
    Dtm,
    PointCloud,
    Reflectance,
    Indices,
    CanopyHeight,
    Cover,
    PlotPredictors,
    Biomass,
    Plots,
    Match,
)
"""Everything people and satellites are given, in the order of the data flow."""


class Report(ProductTask):
    """One self-contained page: gates, maps, plots, statistics, methods, findings, what was not made and why."""

    kind = "report"
    version = 3
    sections = ("acceptance",)
    roles = ("flight", "plots", "observations")

    @classmethod
    def upstream(cls, scope: Scope) -> tuple[type[ProductTask], ...]:
        """Read everything this flight can have, and what calibration and the node said."""
        everything: tuple[type[ProductTask], ...] = (CalibratedCaptures, NodeTask, *MAPS_AND_TABLES)
        return tuple(task for task in everything if task.reason_not_made(scope) is None)

    def make(self, draft: Draft) -> None:
        """Write report.html."""
        from uav_workflow.findings import Finding
        from uav_workflow.quality.report import make_report

        reasons = {task.kind: task.reason_not_made(self.scope) for task in MAPS_AND_TABLES}
        draft.note(
            make_report(
                self.read_flight(),
                findings=[Finding.from_json(row) for row in self.scope.record.findings],
                products=self.products(),
                not_made={kind: reason for kind, reason in reasons.items() if reason is not None},
                accept=self.scope.recipe.acceptance,
                out=draft.path,
            )
        )


class Handover(ProductTask):
    """Cover and biomass on satellite grids, samples, plots, and a catalog that describes them."""

    kind = "handover"
    version = 6
    sections = ("handover",)
    roles = ("flight", "campaign")

    @classmethod
    def upstream(cls, scope: Scope) -> tuple[type[ProductTask], ...]:
        """Read terrain and cover, biomass and plots where there are any, and the mosaic to set beside scenes."""
        beside = (Reflectance,) if scope.recipe.handover.scenes else ()
        return tuple(task for task in (Dtm, Cover, *beside, Biomass, Plots) if task.reason_not_made(scope) is None)

    def make(self, draft: Draft) -> None:
        """Write catalog.json and what it names."""
        from datetime import datetime

        from uav_workflow.handover.package import make_handover
        from uav_workflow.handover.when import Visit

        ready = {kind: product for kind, product in self.products().items() if product.not_made is None}
        record = self.scope.record
        captured = datetime.fromisoformat(record.captured) if record.captured and "T" in record.captured else None
        day = date.fromisoformat(record.captured[:10]) if record.captured else None
        flight, plots = self.read_flight(), ready.get(Plots.kind)
        visit = Visit.of(record.flight_id, record.site, captured, day)
        draft.note(
            make_handover(
                visit,
                replace(_maps(ready), land_cover=self._land_cover()),
                draft.path,
                plots=plots.file("plots.parquet") if plots else None,
                grids=self._grids(),
                bridges=self._bridges(flight, ready.get(Reflectance.kind), visit.day),
                campaign=flight.campaign,
                lineage={kind: dict(product.manifest) for kind, product in ready.items()},
            )
        )

    def _grids(self) -> GridSettings:
        from uav_workflow.handover.maps import GridSettings

        recipe = self.scope.recipe.handover
        templates = {template.name: template.raster for template in recipe.templates}
        return GridSettings(cells_m=recipe.grids_m, named=recipe.grids, templates=templates, psf_fwhm=recipe.psf_fwhm)

    def _land_cover(self) -> LandCoverMap | None:
        from uav_workflow.handover.land_cover import LandCoverMap

        named = self.scope.recipe.handover.land_cover
        return LandCoverMap(name=named.name, path=named.raster, classes=named.classes) if named else None

    def _bridges(self, flight: Flight, mosaic: Product | None, day: date) -> list[Bridge]:
        """Set the flight's bands beside every scene of the recipe."""
        from uav_workflow.handover.bridge import DroneBands, Scene, bridge

        recipe = self.scope.recipe.handover
        if mosaic is None:
            return []
        drone = DroneBands(
            path=mosaic.file("reflectance.tif"),
            day=day,
            quantity=str(mosaic.facts.get("quantity", "relative")),
            bands=_mosaic_bands(mosaic, flight),
        )
        scenes = [
            Scene(
                name=scene.name,
                path=scene.raster,
                day=scene.date,
                scale=scene.scale,
                offset=scene.offset,
                pairs=scene.bands,
                centres_nm=scene.centres_nm,
                fwhm_nm=scene.fwhm_nm,
            )
            for scene in recipe.scenes
        ]
        return [bridge(drone, scene, recipe.psf_fwhm) for scene in scenes]


def _mosaic_bands(mosaic: Product, flight: Flight) -> dict[str, Band]:
    """The mosaic's bands as its facts have them, widths from the photos."""
    from uav_workflow.handover.bridge import mosaic_bands

    names, centres = mosaic.facts.get("bands"), mosaic.facts.get("centre_nm")
    if not isinstance(names, list) or not isinstance(centres, list):
        return {}
    known = [float(centre) if isinstance(centre, int | float) else None for centre in centres]
    return mosaic_bands([str(name) for name in names], known, [image.band for image in flight.captures[0].images])


def _maps(ready: Mapping[str, Product]) -> FlightMaps:
    """Files of the products there are, and what the biomass model knows of whole sites."""
    import math

    from uav_workflow.handover.variables import FlightMaps

    def file(kind: str, name: str) -> Path | None:
        path = ready[kind].file(name) if kind in ready else None
        return path if path is not None and path.is_file() else None

    model = ready[Biomass.kind].facts.get("model") if Biomass.kind in ready else None
    share = model.get("site_share_of_variance") if isinstance(model, dict) else None
    return FlightMaps(
        cover=file(Cover.kind, "cover.tif"),
        cover_sd=file(Cover.kind, "cover_opinions.tif"),
        biomass=file(Biomass.kind, "biomass.tif"),
        biomass_site_share=float(share) if isinstance(share, int | float) else math.nan,
        terrain=file(Dtm.kind, "dtm.tif"),
    )
