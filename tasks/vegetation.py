"""Maps of vegetation: reflectance, indices, canopy height, cover."""

from __future__ import annotations

from tasks.captures import CalibratedCaptures
from tasks.product import ProductTask
from tasks.scope import Scope
from tasks.surfaces import Dsm, Dtm, Orthomosaic
from uav_workflow.store import Draft


class Reflectance(ProductTask):
    """Reflectance mosaic; relative for RGB."""

    kind = "reflectance"

    @classmethod
    def upstream(cls, scope: Scope) -> tuple[type[ProductTask], ...]:
        """Read the mosaic, and what calibration said of its captures."""
        return (Orthomosaic,) if CalibratedCaptures.reason_not_made(scope) else (Orthomosaic, CalibratedCaptures)

    def make(self, draft: Draft) -> None:
        """Write reflectance.tif."""
        from calibration.mosaic import make_reflectance

        calibrated = self.products().get(CalibratedCaptures.kind)
        draft.note(
            make_reflectance(
                self.product(Orthomosaic.kind).file("orthomosaic.tif"),
                self.read_flight().sensor,
                calibrated.file("calibration.json") if calibrated else None,
                draft.path,
            )
        )


class Indices(ProductTask):
    """Vegetation indices."""

    kind = "indices"
    sections = ("indices",)

    @classmethod
    def upstream(cls, scope: Scope) -> tuple[type[ProductTask], ...]:
        """Read reflectance."""
        return (Reflectance,)

    def make(self, draft: Draft) -> None:
        """Write indices.tif."""
        from uav_workflow.vegetation.indices import make_indices

        source = self.product(Reflectance.kind).file("reflectance.tif")
        draft.note(make_indices(source, draft.path, names=self.scope.recipe.indices.names))


class Cover(ProductTask):
    """Green vegetation cover and shadow."""

    kind = "cover"
    sections = ("cover",)

    @classmethod
    def upstream(cls, scope: Scope) -> tuple[type[ProductTask], ...]:
        """Read reflectance."""
        return (Reflectance,)

    def make(self, draft: Draft) -> None:
        """Write cover.tif."""
        from uav_workflow.vegetation.cover import CoverSettings, make_cover

        source = self.product(Reflectance.kind).file("reflectance.tif")
        settings = CoverSettings(method=self.scope.recipe.cover.method)
        draft.note(make_cover(source, draft.path, settings=settings))


class CanopyHeight(ProductTask):
    """Canopy height: surface above terrain."""

    kind = "canopy_height"
    version = 2
    sections = ("canopy_height",)

    @classmethod
    def upstream(cls, scope: Scope) -> tuple[type[ProductTask], ...]:
        """Read surface and terrain; a given terrain is brought into place by what cover calls open ground."""
        return (Dsm, Dtm) if scope.recipe.canopy_height.terrain is None else (Dsm, Dtm, Cover)

    def make(self, draft: Draft) -> None:
        """Write canopy_height.tif."""
        from uav_workflow.vegetation.canopy_height import make_canopy_height
        from uav_workflow.vegetation.given_terrain import coregister

        dsm = self.product(Dsm.kind)
        rmse = dsm.facts.get("rmse_z_dsm_m")
        surveyed = float(rmse) if isinstance(rmse, int | float) else None
        surface, given = dsm.file("dsm.tif"), self.scope.recipe.canopy_height.terrain
        if given is None:
            terrain, shift = self.product(Dtm.kind).file("dtm.tif"), None
        else:
            terrain, shift = given, coregister(surface, given, self.product(Cover.kind).file("cover.tif"))
        draft.note(make_canopy_height(surface, terrain, draft.path, rmse_z_m=surveyed, shift=shift))
