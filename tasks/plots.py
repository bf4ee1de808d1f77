"""Numbers on plots: predictors, biomass, the plot table, and its match with the ground."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tasks.captures import CalibratedCaptures
from tasks.product import ProductTask
from tasks.scope import Scope
from tasks.surfaces import Dsm, Dtm, PointCloud, Reconstruction
from tasks.vegetation import CanopyHeight, Cover, Indices, Reflectance
from uav_workflow.domain.product import Product
from uav_workflow.store import Draft

if TYPE_CHECKING:
    from uav_workflow.plots.alignment import AlignmentSettings
    from uav_workflow.recipe.vegetation import Plots as PlotsRecipe
    from uav_workflow.vegetation.cover_frames import FrameSource

_MAPS = (Cover.kind, CanopyHeight.kind, Indices.kind)

_NO_PLOTS = "the folder has no plots (plots.geojson, plots.gpkg or plots.csv)"


class PlotPredictors(ProductTask):
    """Statistics of every map on every plot, joined with the observations."""

    kind = "plot_predictors"
    version = 7
    sections = ("plots",)
    roles = ("flight", "plots", "observations")

    @classmethod
    def upstream(cls, scope: Scope) -> tuple[type[ProductTask], ...]:
        """Read the maps, cloud, surface and terrain, how well the block lies, and what photos are read with."""
        own = () if CalibratedCaptures.reason_not_made(scope) else (CalibratedCaptures,)
        return (Cover, CanopyHeight, Indices, PointCloud, Dsm, Dtm, Reconstruction, Reflectance, *own)

    @classmethod
    def reason_not_made(cls, scope: Scope) -> str | None:
        """Plots are needed."""
        return None if scope.record.plots else _NO_PLOTS

    def make(self, draft: Draft) -> None:
        """Write plot_predictors.parquet."""
        from uav_workflow.plots.cloud_metrics import CloudSource
        from uav_workflow.plots.margins import Margins
        from uav_workflow.plots.predictors import Maps, make_plot_predictors
        from uav_workflow.plots.reading import PlotSettings

        made = {kind: product for kind, product in self.products().items() if product.not_made is None}
        files = {kind: made[kind].file(f"{kind}.tif") for kind in (*_MAPS, Dsm.kind, Dtm.kind) if kind in made}
        mosaic = made.get(Reflectance.kind)
        if mosaic is not None and mosaic.facts.get("quantity") == "reflectance":
            files[Reflectance.kind] = mosaic.file("reflectance.tif")
        dsm, dtm = (files.pop(task.kind, None) for task in (Dsm, Dtm))
        cloud = made[PointCloud.kind].file("cloud.laz") if PointCloud.kind in made else None
        canopy = files.get(CanopyHeight.kind)
        recipe = self.scope.recipe.plots
        draft.note(
            make_plot_predictors(
                self.read_flight(),
                Maps(
                    rasters=files,
                    cloud=CloudSource(cloud=cloud, surface=dsm, canopy_height=canopy)
                    if cloud and dsm and canopy
                    else None,
                    terrain=dtm,
                    frames=self._frames(made),
                    mosaic=mosaic.file("reflectance.tif") if mosaic else None,
                    error_m=_check_rmse(made.get(Reconstruction.kind)),
                    digests={name: digest for product in made.values() for name, digest in product.digests.items()},
                ),
                draft.path,
                settings=PlotSettings(
                    minimum_valid=recipe.minimum_valid,
                    margins=Margins(inner=recipe.inner_margin, ring=recipe.ring),
                    alignment=alignment_settings(recipe),
                ),
            )
        )

    def _frames(self, made: Mapping[str, Product]) -> FrameSource | None:
        """Photos in which cover is read as it was on the mosaic; None where poses, heights or an index are missing."""
        from uav_workflow.engine.products.reconstruction_io import read_reconstruction
        from uav_workflow.vegetation.cover_frames import FrameSource
        from uav_workflow.vegetation.cover_record import FIT_JSON, read_fit

        if not {Cover.kind, Dsm.kind, Reflectance.kind, Reconstruction.kind} <= made.keys():
            return None
        fit = made[Cover.kind].path / FIT_JSON
        if not fit.is_file():
            return None
        captures = made.get(CalibratedCaptures.kind)
        images = [image for capture in self.read_flight().captures for image in capture.images]
        return FrameSource(
            fit=read_fit(fit),
            reconstruction=read_reconstruction(made[Reconstruction.kind].file("reconstruction.json")),
            mosaic=made[Reflectance.kind].file("reflectance.tif"),
            surface=made[Dsm.kind].file("dsm.tif"),
            photos={image.name: image.path for image in images if image.band.name == "RGB"},
            captures=captures.path if captures else None,
        )


def alignment_settings(recipe: PlotsRecipe) -> AlignmentSettings:
    """What the recipe says of marks on corners."""
    from uav_workflow.plots.alignment import AlignmentSettings
    from uav_workflow.plots.mark_fit import CornerMark

    marks = recipe.corner_marks
    return AlignmentSettings(
        mode=recipe.coregistration,
        mark=None if marks is None else CornerMark(shape=marks.shape, colour=marks.colour, size_m=marks.size_m),
    )


def _check_rmse(reconstruction: Product | None) -> float | None:
    """Horizontal RMSE of the check points, metres; None where there are none."""
    points = reconstruction.facts.get("check_points") if reconstruction else None
    rmse = points.get("rmse_h_m") if isinstance(points, dict) and points.get("n") else None
    return float(rmse) if isinstance(rmse, int | float) else None


class Biomass(ProductTask):
    """Above-ground biomass: a model of this flight's harvests, a saved model, or a published allometry."""

    kind = "biomass"
    version = 4
    sections = ("biomass", "plots")
    roles = ("flight",)

    @classmethod
    def upstream(cls, scope: Scope) -> tuple[type[ProductTask], ...]:
        """Read the maps a model may use, and the plots to learn from."""
        maps = (CanopyHeight, Cover, Indices)
        return maps if PlotPredictors.reason_not_made(scope) else (*maps, PlotPredictors)

    @classmethod
    def reason_not_made(cls, scope: Scope) -> str | None:
        """Harvests, a saved model or a named allometry are needed."""
        needed = scope.recipe.biomass.minimum_harvests
        if scope.record.harvests >= needed or scope.recipe.biomass.model or cls.allometry(scope):
            return None
        return (
            f"{scope.record.harvests} harvested plots of at least {needed} needed to fit a model, "
            "and neither recipe nor flight.yaml names an allometry"
        )

    @staticmethod
    def allometry(scope: Scope) -> str | None:
        """Name of the published allometry to fall back on."""
        return scope.recipe.biomass.allometry or scope.record.allometry

    def make(self, draft: Draft) -> None:
        """Write biomass.tif, and the model with its card."""
        from uav_workflow.vegetation.biomass import BiomassSettings, make_biomass

        self.product(CanopyHeight.kind)
        made = {kind: product for kind, product in self.products().items() if product.not_made is None}
        predictors = made.pop(PlotPredictors.kind, None)
        recipe = self.scope.recipe.biomass
        draft.note(
            make_biomass(
                predictors.file("plot_predictors.parquet") if predictors else None,
                {kind: product.file(f"{kind}.tif") for kind, product in made.items()},
                draft.path,
                settings=BiomassSettings(
                    model=recipe.model,
                    allometry=self.allometry(self.scope),
                    rungs=tuple(recipe.models) if recipe.models is not None else None,
                    minimum_harvests=recipe.minimum_harvests,
                    minimum_valid=self.scope.recipe.plots.minimum_valid,
                ),
            )
        )


class Plots(ProductTask):
    """The plot table: predictors and biomass, one row a plot, variable and method."""

    kind = "plots"
    version = 3
    roles = ("flight", "plots", "observations", "campaign")

    @classmethod
    def upstream(cls, scope: Scope) -> tuple[type[ProductTask], ...]:
        """Read predictors, and biomass where there is any."""
        return (PlotPredictors,) if Biomass.reason_not_made(scope) else (PlotPredictors, Biomass)

    @classmethod
    def reason_not_made(cls, scope: Scope) -> str | None:
        """Plots are needed."""
        return PlotPredictors.reason_not_made(scope)

    def make(self, draft: Draft) -> None:
        """Write plots.parquet, plots.gpkg, plots.csv and datapackage.json."""
        from uav_workflow.plots.table import make_plots

        biomass = self.products().get(Biomass.kind)
        draft.note(
            make_plots(
                self.read_flight(),
                self.product(PlotPredictors.kind).file("plot_predictors.parquet"),
                biomass.path if biomass and not biomass.not_made else None,
                draft.path,
            )
        )


class Match(ProductTask):
    """Drone against ground on the same plots."""

    kind = "match"
    version = 3

    @classmethod
    def upstream(cls, scope: Scope) -> tuple[type[ProductTask], ...]:
        """Read the plot table."""
        return (Plots,)

    @classmethod
    def reason_not_made(cls, scope: Scope) -> str | None:
        """Plots and observations are needed."""
        if reason := Plots.reason_not_made(scope):
            return reason
        return None if scope.record.observations else "the folder has no observations.csv to match with"

    def make(self, draft: Draft) -> None:
        """Write match.csv, match.json and the scatters."""
        from uav_workflow.plots.matching import make_match

        draft.note(make_match(self.product(Plots.kind).file("plots.parquet"), draft.path))
