"""Canopy metrics of the points of a cloud on every plot, beside those of the height raster."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.ground import Plot
from uav_workflow.errors import RasterError
from uav_workflow.plots.extraction import in_crs
from uav_workflow.rasters.reader import Raster

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

Floats = NDArray[np.float64]

CELLS_M = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
"""Cells of which the finest with `POINTS_A_CELL` points on average is taken; 1 cm is that of Cunliffe's protocol."""
POINTS_A_CELL = 4.0
PERCENTILES = (50, 75, 90, 95)
_CHUNK = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudSource:
    """A cloud, and the surface and canopy height whose difference is the ground under it.

    The ground is that of the height raster, whatever terrain that stands on: raster and cloud speak of one height.
    """

    cloud: Path
    surface: Path
    canopy_height: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudMetrics:
    """One plot. NaN without points.

    Attributes
    ----------
    points : int
    cell_m : float
        Side of the cells.
    valid_fraction : float
        Share of the plot's cells that hold a point.
    percentiles : mapping of percent to m
        Of the points' heights.
    cellmax_mean : float
        Mean of the cells' highest points, m: the height behind the published allometries.
    rugosity : float
        Standard deviation of the cells' highest points, m.
    volume : float
        Mean of the cells' mean heights times the plot's area, m3.
    """

    plot_id: str
    points: int
    cell_m: float
    valid_fraction: float
    percentiles: dict[int, float]
    cellmax_mean: float
    rugosity: float
    volume: float


def cloud_metrics(plots: Sequence[Plot], source: CloudSource) -> list[CloudMetrics]:
    """Metrics of every plot, in order; the cloud is read in chunks, points of plots alone are kept.

    Raises
    ------
    RasterError
        A file can't be read, or surface and canopy height do not share a grid.
    """
    with Raster(source.surface) as surface:
        crs = surface.grid.crs
    geometries = in_crs(plots, crs)
    inside = _points_on(geometries, source.cloud)
    area = sum(geometry.area for geometry, points in zip(geometries, inside, strict=True) if len(points))
    cell = _cell(sum(map(len, inside)) / area if area > 0 else 0.0)
    ground = _Ground(source)
    return [
        _metrics(plot.plot_id, geometry, points, ground.height(points), cell)
        for plot, geometry, points in zip(plots, geometries, inside, strict=True)
    ]


def _cell(points_a_m2: float) -> float:
    return next((cell for cell in CELLS_M if points_a_m2 * cell**2 >= POINTS_A_CELL), CELLS_M[-1])


def _points_on(geometries: Sequence[BaseGeometry], cloud: Path) -> list[Floats]:
    """Points (n, 3) of each geometry."""
    import shapely

    found: list[list[Floats]] = [[] for _ in geometries]
    for points in _chunks(cloud):
        for place, geometry in zip(found, geometries, strict=True):
            if geometry.is_empty:
                continue
            x_min, y_min, x_max, y_max = geometry.bounds
            near = points[
                (points[:, 0] >= x_min) & (points[:, 0] <= x_max) & (points[:, 1] >= y_min) & (points[:, 1] <= y_max)
            ]
            place.append(near[shapely.contains_xy(geometry, near[:, 0], near[:, 1])])
    return [np.concatenate(parts) if parts else np.empty((0, 3)) for parts in found]


def _chunks(cloud: Path) -> Iterator[Floats]:
    import laspy

    try:
        with laspy.open(cloud) as reader:
            for part in reader.chunk_iterator(_CHUNK):
                yield np.stack([part.x, part.y, part.z], axis=1).astype(np.float64)
    except (laspy.errors.LaspyException, OSError, ValueError) as exc:
        raise RasterError(f"{cloud}: can't be read as a point cloud ({exc})") from exc


class _Ground:
    """Terrain under points: surface minus canopy height of the pixel they lie in."""

    def __init__(self, source: CloudSource) -> None:
        self._source = source
        with Raster(source.surface) as surface, Raster(source.canopy_height) as canopy:
            if surface.grid != canopy.grid:
                raise RasterError(f"{source.canopy_height}: does not lie on the grid of {source.surface.name}")
            self._grid = surface.grid

    def height(self, points: Floats) -> Floats:
        """Heights of points above ground, NaN where there is none."""
        from uav_workflow.domain.grid import Block

        if not len(points):
            return np.empty(0)
        grid = self._grid
        col = np.floor((points[:, 0] - grid.x_min) / grid.pixel_m).astype(np.int64)
        row = np.floor((grid.y_max - points[:, 1]) / grid.pixel_m).astype(np.int64)
        known = (row >= 0) & (row < grid.height) & (col >= 0) & (col < grid.width)
        found = np.full(len(points), np.nan)
        if not known.any():
            return found
        top, left = int(row[known].min()), int(col[known].min())
        block = Block(top, left, int(row[known].max()) - top + 1, int(col[known].max()) - left + 1)
        with Raster(self._source.surface) as surface, Raster(self._source.canopy_height) as canopy:
            ground = surface.read(block)[0].astype(np.float64) - canopy.read(block)[0]
        found[known] = points[known, 2] - ground[row[known] - top, col[known] - left]
        return found


def _metrics(plot_id: str, geometry: BaseGeometry, points: Floats, height: Floats, cell: float) -> CloudMetrics:
    good = np.isfinite(height)
    tall = height[good]
    cells = np.floor(points[good, :2] / cell).astype(np.int64)
    names, index = np.unique(cells, axis=0, return_inverse=True) if tall.size else (cells, np.empty(0, np.int64))
    highest, total, count = np.full(len(names), -math.inf), np.zeros(len(names)), np.zeros(len(names))
    np.maximum.at(highest, index.ravel(), tall)
    np.add.at(total, index.ravel(), tall)
    np.add.at(count, index.ravel(), 1.0)
    empty = tall.size == 0
    return CloudMetrics(
        plot_id=plot_id,
        points=int(tall.size),
        cell_m=cell,
        # cells on the plot's edge count whole: at most all of it is seen
        valid_fraction=min(1.0, len(names) * cell**2 / geometry.area) if geometry.area > 0 else 0.0,
        percentiles={p: math.nan if empty else float(np.percentile(tall, p)) for p in PERCENTILES},
        cellmax_mean=math.nan if empty else float(highest.mean()),
        rugosity=math.nan if empty else float(highest.std()),
        volume=math.nan if empty else float((total / count).mean() * geometry.area),
    )
