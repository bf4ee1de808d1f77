"""The point cloud: measured surface cells, cleaned, with normals, as LAZ."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_workflow.engine.surface import Surface
from uav_workflow.engine.views import Float32, Float64

GROUND, OTHER = 2, 1
"""ASPRS classes written: ground, and processed but not classified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudSettings:
    """How the cloud is thinned and cleaned.

    Attributes
    ----------
    max_points : int
        The surface is thinned evenly to at most this many points.
    neighbours, deviations : int, float
        A point is an outlier when its mean distance to so many neighbours lies so many standard deviations above
        the cloud's mean (Rusu et al., 2008).
    ground_m : float
        Height above terrain up to which a point is classified as ground, metres.
    """

    max_points: int = 2_000_000
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
    colours: NDArray[np.uint8] | None = None,
    settings: CloudSettings | None = None,
) -> CloudFacts:
    """Write the measured cells of a surface as LAZ 1.4 in the surface's CRS.

    Parameters
    ----------
    terrain : (rows, columns) float32
        Ground heights on the surface's grid, metres.
    colours : (rows, columns, 3) uint8, optional
        RGB on the same grid.

    Notes
    -----
    ``user_data`` holds the number of stereo estimates that agree, as ODM's clouds do; normals stand in the extra
    dimensions NormalX, NormalY, NormalZ, pointing up.
    """
    settings = settings or CloudSettings()
    rows, columns = _thinned(surface, settings.max_points)
    points = _points(surface, rows, columns)
    before = len(points)
    if before:
        kept, normals = _cleaned(points, settings)
        points, rows, columns = points[kept], rows[kept], columns[kept]
    else:
        normals = np.empty((0, 3), np.float32)
    with np.errstate(invalid="ignore"):
        ground = points[:, 2] - terrain[rows, columns] <= settings.ground_m
    _write(
        path,
        surface,
        points,
        normals=normals,
        classes=np.where(ground, GROUND, OTHER).astype(np.uint8),
        views=surface.views[rows, columns],
        colours=None if colours is None else colours[rows, columns],
    )
    return CloudFacts(
        points=len(points),
        outliers=before - len(points),
        ground_share=float(ground.mean()) if len(points) else 0.0,
    )


def _thinned(surface: Surface, limit: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    measured = int(np.count_nonzero(np.isfinite(surface.dsm)))
    step = max(1, int(np.ceil(np.sqrt(measured / limit))))
    rows, columns = np.nonzero(np.isfinite(surface.dsm[::step, ::step]))
    return rows * step, columns * step


def _points(surface: Surface, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Float64:
    """World points (n, 3), CRS minus offset."""
    relief = surface.relief
    x = relief.x0 + (columns + 0.5) * relief.cell
    y = relief.y0 - (rows + 0.5) * relief.cell
    return np.stack([x, y, surface.dsm[rows, columns].astype(float)], axis=1)


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


def _write(
    path: Path,
    surface: Surface,
    points: Float64,
    *,
    normals: Float32,
    classes: NDArray[np.uint8],
    views: NDArray[np.uint8],
    colours: NDArray[np.uint8] | None,
) -> None:
    import laspy
    import pyproj

    header = laspy.LasHeader(point_format=6 if colours is None else 7, version="1.4")
    header.scales = np.full(3, 0.001)
    header.offsets = np.array([*surface.offset, 0.0])
    header.add_crs(pyproj.CRS.from_user_input(surface.grid.crs))
    header.add_extra_dims([laspy.ExtraBytesParams(name=f"Normal{axis}", type=np.float32) for axis in "XYZ"])
    cloud = laspy.LasData(header)
    cloud.x = points[:, 0] + surface.offset[0]
    cloud.y = points[:, 1] + surface.offset[1]
    cloud.z = points[:, 2]
    cloud.classification = classes
    cloud.user_data = views
    for k, axis in enumerate("XYZ"):
        cloud[f"Normal{axis}"] = normals[:, k]
    if colours is not None:
        # LAS colours have 16 bits: 255 becomes 65535
        cloud.red, cloud.green, cloud.blue = (colours[:, k].astype(np.uint16) * 257 for k in range(3))
    scratch = path.with_name(f".{path.stem}.part.laz")
    try:
        cloud.write(str(scratch))
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
