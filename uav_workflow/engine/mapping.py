"""Incremental mapping: from verified matches to a free block of poses, tracks and points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uav_workflow.engine.features import quiet_pycolmap
from uav_workflow.errors import EngineError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(slots=True, kw_only=True)
class Block:
    """Cameras, poses, points and the observations that tie them: what bundle adjustment works on.

    Attributes
    ----------
    names : list of str
        Images in the order of `rotations` and `centres`.
    camera_of : (n,) int array
        Row of `intrinsics` of each image.
    intrinsics : (m, 8) float array
        f, cx, cy, k1, k2, k3, p1, p2 of each camera, pixels.
    rotations : (n, 3, 3) float array
        World to camera.
    centres, points : (n, 3), (p, 3) float array
    obs_image, obs_point : (o,) int array
    obs_xy : (o, 2) float array
        Pixels, centre of the first at (0.5, 0.5).
    """

    names: list[str]
    camera_of: IntArray
    intrinsics: FloatArray
    rotations: FloatArray
    centres: FloatArray
    points: FloatArray
    obs_image: IntArray
    obs_point: IntArray
    obs_xy: FloatArray

    def transformed(self, scale: float, rotation: FloatArray, shift: FloatArray) -> Block:
        """The block after x -> scale * rotation @ x + shift."""
        return Block(
            names=self.names,
            camera_of=self.camera_of,
            intrinsics=self.intrinsics,
            rotations=self.rotations @ rotation.T,
            centres=scale * self.centres @ rotation.T + shift,
            points=scale * self.points @ rotation.T + shift,
            obs_image=self.obs_image,
            obs_point=self.obs_point,
            obs_xy=self.obs_xy,
        )

    def with_observations(self, keep: NDArray[np.bool_], min_length: int = 2) -> Block:
        """The block with the observations of `keep` only, points seen less than `min_length` times dropped."""
        length = np.bincount(self.obs_point[keep], minlength=len(self.points))
        kept = keep & (length[self.obs_point] >= min_length)
        alive = length >= min_length
        renumber = np.cumsum(alive) - 1
        return Block(
            names=self.names,
            camera_of=self.camera_of,
            intrinsics=self.intrinsics,
            rotations=self.rotations,
            centres=self.centres,
            points=self.points[alive],
            obs_image=self.obs_image[kept],
            obs_point=renumber[self.obs_point[kept]],
            obs_xy=self.obs_xy[kept],
        )


def map_incrementally(
    database: Path, folder: Path, *, threads: int, progress: Callable[[float], None]
) -> tuple[Block, list[int]]:
    """Largest connected block of the photos, in a free frame.

    The focal length stays at its first guess (adjustment.py frees it, guarded); radial distortion is refined.

    Returns
    -------
    block : Block
        Names are those of the database; every camera is in `intrinsics` once.
    others : list of int
        Photos of each block that could not be tied to this one.

    Raises
    ------
    EngineError
        No two photos could be tied together.
    """
    pycolmap = quiet_pycolmap()
    total = _image_count(pycolmap, database)
    options = _options(pycolmap, threads)
    placed = [0]

    def on_image() -> None:
        placed[0] += 1
        progress(min(1.0, placed[0] / max(1, total)))

    sparse = folder / "sparse"
    sparse.mkdir(parents=True, exist_ok=True)
    models = pycolmap.incremental_mapping(database, folder, sparse, options, next_image_callback=on_image)
    if not models:
        raise EngineError(
            "no two photos could be tied together: they do not overlap, or show too little texture "
            "(water, snow, motion blur); 70 % forward and 60 % side overlap are needed"
        )
    best = max(models, key=lambda i: (models[i].num_reg_images(), models[i].num_points3D()))
    others = sorted((int(model.num_reg_images()) for i, model in models.items() if i != best), reverse=True)
    return _to_block(models[best]), others


def _image_count(pycolmap: Any, database: Path) -> int:
    with pycolmap.Database.open(database) as opened:
        return int(opened.num_images())


def _options(pycolmap: Any, threads: int) -> Any:
    """Global adjustment rarely, focal length fixed: half the cost of the defaults, the same block."""
    options = pycolmap.IncrementalPipelineOptions(
        num_threads=threads,
        random_seed=0,
        extract_colors=False,
        min_model_size=3,
        max_num_models=10,
        ba_refine_focal_length=False,
        ba_refine_principal_point=False,
        ba_global_frames_ratio=2.0,
        ba_global_points_ratio=2.0,
        ba_local_max_refinements=1,
        ba_global_max_refinements=2,
    )
    options.mapper.abs_pose_refine_focal_length = False
    options.mapper.random_seed = 0
    options.triangulation.random_seed = 0
    return options


def _to_block(model: Any) -> Block:
    camera_ids = sorted(model.cameras)
    row_of = {camera_id: row for row, camera_id in enumerate(camera_ids)}
    intrinsics = np.zeros((len(camera_ids), 8))
    for camera_id, row in row_of.items():
        intrinsics[row, :5] = model.cameras[camera_id].params
    images = [model.images[i] for i in sorted(model.reg_image_ids())]
    image_row = {image.image_id: row for row, image in enumerate(images)}
    poses = [np.asarray(image.cam_from_world().matrix()) for image in images]
    rotations = np.array([pose[:, :3] for pose in poses])
    point_ids = sorted(model.points3D)
    point_row = {point_id: row for row, point_id in enumerate(point_ids)}
    observations: list[tuple[int, int, float, float]] = []
    for image in images:
        row = image_row[image.image_id]
        observations.extend(
            (row, point_row[point.point3D_id], *point.xy) for point in image.points2D if point.has_point3D()
        )
    table = np.array(observations, float)
    return Block(
        names=[image.name for image in images],
        camera_of=np.array([row_of[image.camera_id] for image in images], np.int64),
        intrinsics=intrinsics,
        rotations=rotations,
        centres=np.array([-pose[:, :3].T @ pose[:, 3] for pose in poses]),
        points=np.array([model.points3D[i].xyz for i in point_ids], float),
        obs_image=table[:, 0].astype(np.int64),
        obs_point=table[:, 1].astype(np.int64),
        obs_xy=np.ascontiguousarray(table[:, 2:]),
    )
