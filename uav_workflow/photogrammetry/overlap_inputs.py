"""What is needed to look at one place of the ground in several photos: their poses and the height of the ground."""

from __future__ import annotations

from pathlib import Path

from uav_workflow.domain.reconstruction import Reconstruction
from uav_workflow.errors import NotMade, RasterError
from uav_workflow.photogrammetry.layout import DSM, asset
from uav_workflow.photogrammetry.poses import read_poses
from uav_workflow.rasters.reader import Raster


def placed_photos(assets: Path) -> Reconstruction | None:
    """Poses among the assets; None where the node told none that can be read."""
    try:
        return read_poses(assets)[0]
    except NotMade:
        return None


def surface_heights(assets: Path) -> Path | None:
    """The node's own surface model; None where there is none that can be read place by place."""
    path = asset(assets, DSM)
    if path is None:
        return None
    try:
        with Raster(path):
            return path
    except RasterError:
        return None
