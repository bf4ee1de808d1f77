"""Incremental mapping: from verified matches to a free block of poses, tracks and points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uav_workflow.engine.block import Block
from uav_workflow.engine.features import quiet_pycolmap
from uav_workflow.errors import EngineError

FloatArray = NDArray[np.float64]


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
    return _to_block(models[best], database), others


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


def _to_block(model: Any, database: Path) -> Block:
    camera_ids = sorted(model.cameras)
    row_of = {camera_id: row for row, camera_id in enumerate(camera_ids)}
    intrinsics = np.zeros((len(camera_ids), 8))
    for camera_id, row in row_of.items():
        intrinsics[row, :5] = model.cameras[camera_id].params
    images = [model.images[i] for i in sorted(model.reg_image_ids())]
    poses = [np.asarray(image.cam_from_world().matrix()) for image in images]
    point_ids = sorted(model.points3D)
    point_row = {point_id: row for row, point_id in enumerate(point_ids)}
    parts = [
        _observations(image, point_row, sizes) for image, sizes in zip(images, _sizes(database, images), strict=True)
    ]
    table = np.concatenate(parts)
    return Block(
        names=[image.name for image in images],
        camera_of=np.array([row_of[image.camera_id] for image in images], np.int64),
        intrinsics=intrinsics,
        rotations=np.array([pose[:, :3] for pose in poses]),
        centres=np.array([-pose[:, :3].T @ pose[:, 3] for pose in poses]),
        points=np.array([model.points3D[i].xyz for i in point_ids], float),
        obs_image=np.repeat(np.arange(len(images)), [len(part) for part in parts]),
        obs_point=table[:, 0].astype(np.int64),
        obs_xy=np.ascontiguousarray(table[:, 1:3]),
        obs_sigma=table[:, 3] / np.median(table[:, 3]),
    )


def _observations(image: Any, point_row: dict[int, int], sizes: FloatArray) -> FloatArray:
    """Point, x, y and size of the key points of one photo that belong to a track, (o, 4)."""
    rows = [
        (point_row[point.point3D_id], *point.xy, sizes[index])
        for index, point in enumerate(image.points2D)
        if point.has_point3D()
    ]
    return np.array(rows, float).reshape(-1, 4)


def _sizes(database: Path, images: Sequence[Any]) -> Iterator[FloatArray]:
    """Scale of the key points of each image, pixels: a large blob is located less precisely than a small one."""
    with quiet_pycolmap().Database.open(database) as opened:
        for image in images:
            shape = np.asarray(opened.read_keypoints(image.image_id), float)
            yield np.sqrt(np.abs(shape[:, 2] * shape[:, 5] - shape[:, 3] * shape[:, 4]))
