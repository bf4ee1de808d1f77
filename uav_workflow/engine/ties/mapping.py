"""Mapping: from verified matches to a free block of poses, tracks and points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uav_workflow.engine.adjustment.block import Block
from uav_workflow.engine.ties.features import quiet_pycolmap
from uav_workflow.errors import EngineError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapSettings:
    """How photos are placed.

    Attributes
    ----------
    global_from : int
        From this many photos on all are placed at once (GLOMAP: Pan et al., 2024). Placing them one after the other
        costs more a photo the more there are, 0.06 CPU seconds of 42 and 0.08 of 154 small ones, but all at once
        takes three times as long at these numbers (0.21 and 0.26) for the same block.
    """

    global_from: int = 500


THREADS = 1
"""Of the solver. Several add up in the order in which they come to an end: the same photos then gave poses that
differed in the twelfth digit, and now and then a handful of tracks more or less, and so another map at each run."""


def map_photos(
    database: Path, folder: Path, settings: MapSettings, *, progress: Callable[[float], None]
) -> tuple[Block, list[list[str]]]:
    """Largest connected block of the photos, in a free frame.

    The focal length stays at its first guess (adjustment.py frees it, guarded); radial distortion is refined.

    Returns
    -------
    block : Block
        Names are those of the database; every camera is in `intrinsics` once.
    others : list of list of str
        Photos of each block that could not be tied to this one.

    Raises
    ------
    EngineError
        No two photos could be tied together.
    """
    blocks = map_models(database, folder, settings, progress=progress)
    if not blocks:
        raise EngineError(UNTIED)
    placed = set(blocks[0].names)
    others = [sorted(set(block.names) - placed) for block in blocks[1:]]
    return blocks[0], sorted((names for names in others if names), key=len, reverse=True)


UNTIED = (
    "no two photos could be tied together: they do not overlap, or show too little texture (water, snow, motion blur); "
    "70 % forward and 60 % side overlap are needed"
)


def map_models(
    database: Path,
    folder: Path,
    settings: MapSettings,
    *,
    only: Sequence[str] = (),
    progress: Callable[[float], None],
) -> list[Block]:
    """Every connected block of the photos, the largest first, each in a free frame of its own.

    Parameters
    ----------
    only : sequence of str
        Photos to look at, by their names in the database; all when empty.
    """
    pycolmap = quiet_pycolmap()
    total = len(only) or _image_count(pycolmap, database)
    sparse = folder / "sparse"
    sparse.mkdir(parents=True, exist_ok=True)
    models: dict[int, Any] = {}
    if total >= settings.global_from:
        options = _global_options(pycolmap)
        options.image_names = list(only)
        models = pycolmap.global_mapping(database, folder, sparse, options)
    if _placed(models) < ENOUGH * total:
        options = _options(pycolmap)
        options.image_names = list(only)
        models = _incremental(database, folder, options, total, progress) or models
    order = sorted(models, key=lambda i: (models[i].num_reg_images(), models[i].num_points3D()), reverse=True)
    return [_to_block(models[i], database) for i in order]


ENOUGH = 0.9
"""Share of the photos that global mapping must place; below, they are placed one after the other."""


def _placed(models: Mapping[int, Any]) -> int:
    return max((int(model.num_reg_images()) for model in models.values()), default=0)


def _incremental(
    database: Path, folder: Path, options: Any, total: int, progress: Callable[[float], None]
) -> dict[int, Any]:
    placed = [0]

    def on_image() -> None:
        placed[0] += 1
        progress(min(1.0, placed[0] / max(1, total)))

    return dict(
        quiet_pycolmap().incremental_mapping(database, folder, folder / "sparse", options, next_image_callback=on_image)
    )


def _global_options(pycolmap: Any) -> Any:
    """Focal length fixed, as when placing one by one."""
    options = pycolmap.GlobalPipelineOptions(num_threads=THREADS, random_seed=0, min_model_size=3)
    options.mapper.num_threads = THREADS
    options.mapper.random_seed = 0
    options.mapper.rotation_averaging.random_seed = 0
    options.mapper.global_positioning.random_seed = 0
    options.mapper.bundle_adjustment.refine_focal_length = False
    return options


def _image_count(pycolmap: Any, database: Path) -> int:
    with pycolmap.Database.open(database) as opened:
        return int(opened.num_images())


def _options(pycolmap: Any) -> Any:
    """Global adjustment rarely, focal length fixed: half the cost of the defaults, the same block."""
    options = pycolmap.IncrementalPipelineOptions(
        num_threads=THREADS,
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
    images = [model.images[i] for i in sorted(model.reg_image_ids())]
    camera_ids = sorted({image.camera_id for image in images})
    row_of = {camera_id: row for row, camera_id in enumerate(camera_ids)}
    intrinsics = np.zeros((len(camera_ids), 8))
    for camera_id, row in row_of.items():
        intrinsics[row, :5] = model.cameras[camera_id].params
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
