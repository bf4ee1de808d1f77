"""What the node handed back, brought onto the flight's one grid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tasks.captures import CalibratedCaptures
from tasks.photogrammetry import ASSETS, PHOTOS, NodeTask, image_names
from tasks.product import ProductTask
from tasks.scope import Scope
from uav_workflow.domain.ground import GroundControlPoint
from uav_workflow.store import Draft


class _FromNode(ProductTask):
    """Base of the products read from the node's assets."""

    @classmethod
    def upstream(cls, scope: Scope) -> tuple[type[ProductTask], ...]:
        """Everything comes from one node task."""
        return (NodeTask,)

    @property
    def assets(self) -> Path:
        """Folder of the node's files."""
        return self.product(NodeTask.kind).file(ASSETS)

    def surveyed(self) -> tuple[Sequence[GroundControlPoint], dict[str, str]]:
        """Surveyed points of the flight, and the names of its images on the node; nothing without gcp_list.txt."""
        if not self.scope.record.inputs.get("control_points"):
            return (), {}
        flight = self.read_flight()
        return flight.control_points, image_names(flight)


class Reconstruction(_FromNode):
    """Poses and cameras, and how far they lie from the survey."""

    kind = "reconstruction"
    version = 3
    sections = ("acceptance",)
    roles = ("control_points",)

    def make(self, draft: Draft) -> None:
        """Write reconstruction.json and shots.geojson; check_points.csv where points were surveyed."""
        from uav_workflow.photogrammetry.assets import (
            SurveyLimits,
            Thresholds,
            make_reconstruction,
            make_survey,
            verify_placement,
        )

        draft.note(make_reconstruction(self.assets, draft.path))
        accept = self.scope.recipe.acceptance
        photos = self.product(NodeTask.kind).file(PHOTOS).read_text(encoding="utf-8").splitlines()
        due = Thresholds(placed_warning=accept.minimum_placed, covered_warning=accept.minimum_covered)
        draft.findings.extend(verify_placement(self.assets, photos, due))
        points, names = self.surveyed()
        if points:
            limits = SurveyLimits(rmse_h_gsd=accept.check_rmse_h_gsd, rmse_z_gsd=accept.check_rmse_z_gsd)
            draft.note(make_survey(self.assets, points, draft.path, names=names, limits=limits))


class Orthomosaic(_FromNode):
    """Orthomosaic on the flight's grid."""

    kind = "orthomosaic"
    version = 2
    sections = ("acceptance",)

    @classmethod
    def upstream(cls, scope: Scope) -> tuple[type[ProductTask], ...]:
        """Read the node's files, and whether the captures became reflectance."""
        return (NodeTask,) if CalibratedCaptures.reason_not_made(scope) else (NodeTask, CalibratedCaptures)

    def make(self, draft: Draft) -> None:
        """Write orthomosaic.tif, source_index.tif and views.tif; measure the bands of a rig on it."""
        from uav_workflow.photogrammetry.assets import (
            check_band_shift,
            check_reflectance,
            flight_grid,
            make_orthomosaic,
        )

        draft.note(make_orthomosaic(self.assets, flight_grid(self.assets), draft.path))
        mosaic, accept = draft.path / "orthomosaic.tif", self.scope.recipe.acceptance
        if self.scope.record.sensor_kind == "multispectral":
            draft.note(check_band_shift(mosaic, accept.band_shift_px))
        calibrated = self.products().get(CalibratedCaptures.kind)
        if calibrated is not None and calibrated.facts.get("quantity") == "reflectance":
            draft.note(check_reflectance(mosaic, accept.reflectance_outside))


class Dsm(_FromNode):
    """Surface model on the flight's grid."""

    kind = "dsm"
    version = 2
    roles = ("control_points",)

    def make(self, draft: Draft) -> None:
        """Write dsm.tif, and check_heights.csv where points were surveyed."""
        from uav_workflow.photogrammetry.assets import compare_heights, flight_grid, make_surface

        draft.note(make_surface(self.assets, flight_grid(self.assets), draft.path, kind="dsm"))
        points, _ = self.surveyed()
        if points:
            draft.note(compare_heights(draft.path / "dsm.tif", points, draft.path))


class Dtm(_FromNode):
    """Terrain model on the flight's grid."""

    kind = "dtm"

    def make(self, draft: Draft) -> None:
        """Write dtm.tif."""
        from uav_workflow.photogrammetry.assets import flight_grid, make_surface

        draft.note(make_surface(self.assets, flight_grid(self.assets), draft.path, kind="dtm"))


class PointCloud(_FromNode):
    """Cleaned point cloud."""

    kind = "point_cloud"

    def make(self, draft: Draft) -> None:
        """Write cloud.laz."""
        from uav_workflow.photogrammetry.assets import make_point_cloud

        draft.note(make_point_cloud(self.assets, draft.path))
