"""Maps of vegetation: reflectance, indices, canopy height, cover."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.captures import CalibratedCaptures
from tasks.photogrammetry import ASSETS, NodeTask
from tasks.product import ProductTask
from tasks.scope import Scope
from tasks.surfaces import Dsm, Dtm, Orthomosaic
from uav_workflow.recipe import Recipe
from uav_workflow.store import Draft

if TYPE_CHECKING:
    from uav_workflow.vegetation.cover import CoverSettings


class Reflectance(ProductTask):
    """Reflectance mosaic with its uncertainty; relative for RGB without ground targets."""

    kind = "reflectance"
    version = 4
    sections = ("reflectance",)
    roles = ("targets",)

    @classmethod
    def upstream(cls, scope: Scope) -> tuple[type[ProductTask], ...]:
        """Read the mosaic, what the node says of poses and heights, and the captures as they were calibrated."""
        own = () if CalibratedCaptures.reason_not_made(scope) else (CalibratedCaptures,)
        return (Orthomosaic, NodeTask, *own)

    def make(self, draft: Draft) -> None:
        """Write reflectance.tif and reflectance_sd.tif."""
        from calibration.mosaic.product import make_reflectance
        from calibration.mosaic.sources import MosaicInputs
        from uav_workflow.photogrammetry.assets import placed_photos, surface_heights

        flight, captures = self.read_flight(), self.products().get(CalibratedCaptures.kind)
        assets = self.product(NodeTask.kind).file(ASSETS)
        inputs = MosaicInputs(
            orthomosaic=self.product(Orthomosaic.kind).file("orthomosaic.tif"),
            captures=captures.path if captures else None,
            reconstruction=placed_photos(assets),
            surface=surface_heights(assets),
            photos={image.name: image.path for c in flight.captures for image in c.images if image.band.name == "RGB"},
        )
        wish = self.scope.recipe.reflectance
        targets = flight.targets if wish.empirical_line == "auto" else ()
        above = wish.view_correction == "auto"
        draft.note(make_reflectance(inputs, flight.sensor, draft.path, targets=targets, from_above=above))


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
    version = 5
    sections = ("cover",)

    @classmethod
    def upstream(cls, scope: Scope) -> tuple[type[ProductTask], ...]:
        """Read reflectance."""
        return (Reflectance,)

    def make(self, draft: Draft) -> None:
        """Write cover.tif and cover_opinions.tif."""
        from uav_workflow.vegetation.cover import make_cover

        source = self.product(Reflectance.kind).file("reflectance.tif")
        draft.note(make_cover(source, draft.path, settings=cover_settings(self.scope.recipe)))


def cover_settings(recipe: Recipe) -> CoverSettings:
    """What the recipe says of cover."""
    from uav_workflow.vegetation.cover import CoverSettings
    from uav_workflow.vegetation.cover_index import Borrowed
    from uav_workflow.vegetation.cover_training import TrainingShapes
    from uav_workflow.vegetation.end_members import EndMembers

    said = recipe.cover
    given = said.end_members
    return CoverSettings(
        method=said.method,
        reading=said.pixels,
        ends=given if isinstance(given, str) else EndMembers(**given.model_dump()),
        borrowed=None
        if said.threshold is None
        else Borrowed(threshold=said.threshold, origin=str(said.threshold_from)),
        training=None if said.training is None else TrainingShapes(path=said.training),
    )


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
