"""What people and satellites receive: the report and the hand-over."""

from __future__ import annotations

from tasks.captures import CalibratedCaptures
from tasks.photogrammetry import NodeTask
from tasks.plots import Biomass, Match, PlotPredictors, Plots
from tasks.product import ProductTask
from tasks.scope import Scope
from tasks.surfaces import Dsm, Dtm, Orthomosaic, PointCloud, Reconstruction
from tasks.vegetation import CanopyHeight, Cover, Indices, Reflectance
from uav_workflow.store import Draft

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
    version = 2
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
    """Cover and biomass on satellite grids, plots, and a catalog that describes them."""

    kind = "handover"
    sections = ("handover",)

    @classmethod
    def upstream(cls, scope: Scope) -> tuple[type[ProductTask], ...]:
        """Read cover, and biomass and plots where there are any."""
        return tuple(task for task in (Cover, Biomass, Plots) if task.reason_not_made(scope) is None)

    def make(self, draft: Draft) -> None:
        """Write catalog.json and what it names."""
        from datetime import date, datetime

        from uav_workflow.handover.package import make_handover

        ready = {kind: product for kind, product in self.products().items() if product.not_made is None}
        files = {"cover": "cover.tif", "biomass": "biomass.tif", "plots": "plots.parquet"}
        paths = {kind: ready[kind].file(name) if kind in ready else None for kind, name in files.items()}
        record = self.scope.record
        captured = datetime.fromisoformat(record.captured) if record.captured and "T" in record.captured else None
        draft.note(
            make_handover(
                flight_id=record.flight_id,
                site=record.site,
                flight_datetime=captured,
                flight_date=date.fromisoformat(record.captured[:10]) if record.captured else None,
                cover=paths["cover"],
                biomass=paths["biomass"],
                plots=paths["plots"],
                grids=self.scope.recipe.handover.grids_m,
                lineage={kind: dict(product.manifest) for kind, product in ready.items()},
                out=draft.path,
            )
        )
