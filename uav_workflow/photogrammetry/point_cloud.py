"""The node's point cloud."""

from __future__ import annotations

import shutil
from pathlib import Path

from uav_workflow.domain.product import Json, Made
from uav_workflow.errors import NotMade, RasterError
from uav_workflow.photogrammetry.layout import CLOUDS, asset

_CHUNK = 1_000_000


def make_point_cloud(assets: Path, out: Path) -> Made:
    """Write cloud.laz, points unchanged; a cloud that came as LAS is compressed.

    Raises
    ------
    NotMade
        The node returned no point cloud.
    RasterError
        It can't be read.
    """
    import laspy

    path = asset(assets, *CLOUDS)
    if path is None:
        raise NotMade("the node returned no point cloud; the end of its task_output.txt says why")
    target = out / "cloud.laz"
    try:
        with laspy.open(path) as reader:
            header = reader.header
            if path.suffix == ".laz":
                shutil.copyfile(path, target)
            else:
                with laspy.open(target, "w", header=header, do_compress=True) as writer:
                    for points in reader.chunk_iterator(_CHUNK):
                        writer.write_points(points)
    except (laspy.errors.LaspyException, OSError, ValueError) as exc:
        raise RasterError(f"{path}: can't be read as LAS or LAZ ({exc}); the node's product is broken") from exc
    area = float((header.maxs[0] - header.mins[0]) * (header.maxs[1] - header.mins[1]))
    facts: dict[str, Json] = {
        "points": int(header.point_count),
        "points_per_m2_of_box": int(header.point_count) / area if area > 0 else None,
        "bounds": [float(value) for value in (*header.mins, *header.maxs)],
        "las_version": str(header.version),
        "point_format": int(header.point_format.id),
    }
    return Made(facts=facts)
