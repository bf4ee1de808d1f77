"""The point cloud: measured surface cells, cleaned, with normals, as LAZ."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uav_workflow.engine.scratch import Strip, release, strips
from uav_workflow.engine.surface.model import Surface
from uav_workflow.engine.surface.views import Float32, Float64

GROUND = 2
CLASSES = np.array([GROUND, 3, 4, 5], np.uint8)
"""ASPRS classes written: ground, low, medium and high vegetation."""
HEIGHTS = (0.5, 2.0)
"""Heights above the terrain that part the classes of vegetation, metres."""
HALO = 4
"""Points around a strip that take part in judging its own."""
STRIP_CELLS = 1_000_000
"""Points of a strip at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudSettings:
    """How the cloud is thinned and cleaned.

    Attributes
    ----------
    max_points : int
        The surface is thinned evenly to at most this many points.
    neighbours, deviations : int, float
        A point is an outlier when its mean distance to so many neighbours lies so many standard deviations above
        the mean of its strip (Rusu et al., 2008).
    ground_m : float
        Height above terrain up to which a point is classified as ground, metres.
    """

    max_points: int = 4_000_000
    neighbours: int = 12
    deviations: float = 3.0
    ground_m: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudFacts:
    """Points written, points dropped as outliers, share classified as ground."""

    points: int
    outliers: int
    ground_share: float


def write_cloud(
    surface: Surface,
    terrain: Float32,
    path: Path,
    *,
    colours: Callable[[slice], NDArray[np.uint8]] | None = None,
    settings: CloudSettings | None = None,
) -> CloudFacts:
    """Write the measured cells of a surface as LAZ 1.4 in the surface's CRS, strip by strip.

    Parameters
    ----------
    terrain : (rows, columns) float32
        Ground heights on the surface's grid, metres.
    colours : callable, optional
        Gives (n, columns, 3) uint8, red, green, blue of the cells of some rows.

    Notes
    -----
    ``user_data`` holds the number of stereo estimates that agree, as ODM's clouds do; normals stand in the extra
    dimensions NormalX, NormalY, NormalZ, pointing up. Classes are ASPRS's by height above the terrain: 2 ground,
    3 - 5 low, medium and high vegetation; what else stands on the ground is not told from plants.
    """
    settings = settings or CloudSettings()
    step = max(1, int(np.ceil(np.sqrt(surface.measured_cells() / settings.max_points))))
    points = outliers = ground = 0
    with _cloud(path, surface, coloured=colours is not None) as cloud:
        for strip in strips(surface.dsm.shape, halo=HALO * step, multiple=step, cells=STRIP_CELLS * step):
            rows, columns, part, normals, dropped = _measured(surface, strip, step, settings)
            stand = np.nan_to_num(part[:, 2] - terrain[rows, columns])
            classes = CLASSES[np.searchsorted((settings.ground_m, *HEIGHTS), stand)]
            picture = None if colours is None else colours(strip.rows)[rows - strip.first, columns]
            cloud.write_points(
                _records(cloud.header, surface, part, normals, classes, surface.views[rows, columns], picture)
            )
            points, outliers = points + len(part), outliers + dropped
            ground += int(np.count_nonzero(classes == GROUND))
            release(surface.dsm, surface.views, terrain)
    return CloudFacts(points=points, outliers=outliers, ground_share=ground / max(1, points))


def _measured(
    surface: Surface, strip: Strip, step: int, settings: CloudSettings
) -> tuple[NDArray[np.intp], NDArray[np.intp], Float64, Float32, int]:
    """Rows and columns, points (n, 3) in CRS minus offset, and normals of a strip; and how many outliers it had."""
    rows, columns = np.nonzero(np.isfinite(surface.dsm[strip.top : strip.bottom : step, ::step]))
    rows, columns = rows * step + strip.top, columns * step
    relief = surface.relief
    x = relief.x0 + (columns + 0.5) * relief.cell
    y = relief.y0 - (rows + 0.5) * relief.cell
    points = np.stack([x, y, surface.dsm[rows, columns].astype(float)], axis=1)
    own = (rows >= strip.first) & (rows < strip.last)
    if not own.any():
        return rows[own], columns[own], points[own], np.empty((0, 3), np.float32), 0
    kept, normals = _cleaned(points, settings)
    inner = own[kept]
    index = kept[inner]
    return rows[index], columns[index], points[index], normals[inner], int(np.count_nonzero(own)) - len(index)


def _cleaned(points: Float64, settings: CloudSettings) -> tuple[NDArray[np.intp], Float32]:
    """Indices of the points that stay, and their unit normals."""
    import open3d  # 1.7 s and hundreds of megabytes: only when a cloud is made

    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points))
    cloud, kept = cloud.remove_statistical_outlier(settings.neighbours, settings.deviations)
    cloud.estimate_normals(open3d.geometry.KDTreeSearchParamKNN(settings.neighbours))
    normals = np.asarray(cloud.normals, np.float32)
    # a fitted plane has two sides: the surface is seen from above
    normals = np.where(normals[:, 2:] < 0, -normals, normals)
    return np.asarray(kept, np.intp), normals


@contextmanager
def _cloud(path: Path, surface: Surface, *, coloured: bool) -> Iterator[Any]:
    """A LAZ file to which points are written; it appears under its name when all is there."""
    import laspy
    import pyproj

    header = laspy.LasHeader(point_format=7 if coloured else 6, version="1.4")
    header.scales = np.full(3, 0.001)
    header.offsets = np.array([*surface.offset, 0.0])
    header.add_crs(pyproj.CRS.from_user_input(surface.grid.crs))
    header.add_extra_dims([laspy.ExtraBytesParams(name=f"Normal{axis}", type=np.float32) for axis in "XYZ"])
    scratch = path.with_name(f".{path.stem}.part.laz")
    try:
        with laspy.open(str(scratch), mode="w", header=header) as writer:
            yield writer
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def _records(  # noqa: PLR0917 - one argument a field of the record
    header: Any,
    surface: Surface,
    points: Float64,
    normals: Float32,
    classes: NDArray[np.uint8],
    views: NDArray[np.uint8],
    colours: NDArray[np.uint8] | None,
) -> Any:
    import laspy

    records = laspy.ScaleAwarePointRecord.zeros(len(points), header=header)
    records.x = points[:, 0] + surface.offset[0]
    records.y = points[:, 1] + surface.offset[1]
    records.z = points[:, 2]
    records.classification = classes
    records.user_data = views
    for k, axis in enumerate("XYZ"):
        records[f"Normal{axis}"] = normals[:, k]
    if colours is not None:
        # LAS colours have 16 bits: 255 becomes 65535
        records.red, records.green, records.blue = (colours[:, k].astype(np.uint16) * 257 for k in range(3))
    return records
