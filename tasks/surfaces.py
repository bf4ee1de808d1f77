"""What the node handed back, brought onto the flight's one grid."""

from __future__ import annotations

from pathlib import Path

from tasks.photogrammetry import ASSETS, NodeTask
from tasks.product import ProductTask
from tasks.scope import Scope
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


class Reconstruction(_FromNode):
    """Poses and cameras."""

    kind = "reconstruction"

    def make(self, draft: Draft) -> None:
        """Write reconstruction.json and shots.geojson."""
        from uav_workflow.photogrammetry.assets import make_reconstruction

        draft.note(make_reconstruction(self.assets, draft.path))


class Orthomosaic(_FromNode):
    """Orthomosaic on the flight's grid."""

    kind = "orthomosaic"

    def make(self, draft: Draft) -> None:
        """Write orthomosaic.tif, source_index.tif and views.tif."""
        from uav_workflow.photogrammetry.assets import flight_grid, make_orthomosaic

        draft.note(make_orthomosaic(self.assets, flight_grid(self.assets), draft.path))


class Dsm(_FromNode):
    """Surface model on the flight's grid."""

    kind = "dsm"

    def make(self, draft: Draft) -> None:
        """Write dsm.tif."""
        from uav_workflow.photogrammetry.assets import flight_grid, make_surface

        draft.note(make_surface(self.assets, flight_grid(self.assets), draft.path, kind="dsm"))


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
