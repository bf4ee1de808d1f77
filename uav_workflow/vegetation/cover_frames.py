"""Cover of plots in single photos that look straight down: an orthomosaic blends, a photo does not."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from calibration.pictures.rgb import linearise
from uav_workflow.domain.grid import Block
from uav_workflow.domain.reconstruction import Camera, Reconstruction, Shot
from uav_workflow.errors import UavWorkflowError
from uav_workflow.rasters.reader import Raster
from uav_workflow.vegetation.cover_index import FittedIndexCover

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

FloatArray = NDArray[np.float64]

NEAR_NADIR_DEG = 12.0
"""Angle from nadir up to which a photo counts as looking straight down on a plot."""
LEAST_LIT = 0.75
"""Share of a plot's pixels that a photo must show in the light."""


class FrameError(UavWorkflowError, OSError):
    """A photo of the flight can't be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSource:
    """Photos of a flight, where they were taken from, and how cover is read in them.

    Attributes
    ----------
    fit : FittedIndexCover
        As fitted on the mosaic.
    mosaic, surface : Path
        reflectance.tif and dsm.tif on the flight's grid.
    photos : mapping
        RGB photos by name.
    captures : Path or None
        Folder of calibrated captures of a rig; they are read in place of photos.
    """

    fit: FittedIndexCover
    reconstruction: Reconstruction
    mosaic: Path
    surface: Path
    photos: Mapping[str, Path] = field(default_factory=dict)
    captures: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameCover:
    """Green cover of one plot in its photos.

    Attributes
    ----------
    values : tuple of float
        One a photo, by the photos' names.
    n_pixels : int
        Pixels of the mosaic's size that the plot has.
    """

    plot_id: str
    values: tuple[float, ...]
    n_pixels: int

    @property
    def median(self) -> float:
        """Median over the photos; NaN without one."""
        return float(np.median(self.values)) if self.values else math.nan

    @property
    def spread(self) -> float:
        """Standard deviation over the photos; NaN below two."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else math.nan


@dataclass(frozen=True, slots=True)
class _Ground:
    """Pixel centres of the mosaic in a plot: place minus offset, and brightness there."""

    points: FloatArray
    brightness: float
    middle: FloatArray


@dataclass(frozen=True, slots=True)
class _Picture:
    """One band's file (or a photo's channel) with its pose."""

    path: Path
    channel: int | None
    camera: Camera
    shot: Shot


def frame_cover(plots: Sequence[tuple[str, BaseGeometry]], source: FrameSource) -> list[FrameCover]:
    """Green cover of every plot in every near-nadir photo that shows it whole.

    Photos differ in exposure: each is brought to the brightness of the mosaic on the plot. Pixels are those of the
    mosaic's size, sought in the photo through its pose, its lens and the surface; photos are read as they are stored,
    whatever their EXIF orientation says, because poses speak of the stored picture.

    Parameters
    ----------
    plots : sequence of (id, polygon)
        In the CRS of the mosaic.

    Raises
    ------
    FrameError
        A photo can't be read.
    """
    with Raster(source.mosaic) as mosaic, Raster(source.surface) as surface:
        ground = [_ground(shape, mosaic, surface, source) for _, shape in plots]
    found: list[list[float]] = [[] for _ in plots]
    for frame in _frames(source):
        near = [k for k, place in enumerate(ground) if place is not None and _steep(frame, place)]
        if not near:
            continue
        planes = [_read(picture) for picture in frame]
        for k in near:
            value = _cover(frame, planes, ground[k], source.fit)
            if value is not None:
                found[k].append(value)
    return [
        FrameCover(plot_id=plot_id, values=tuple(values), n_pixels=0 if place is None else len(place.points))
        for (plot_id, _), values, place in zip(plots, found, ground, strict=True)
    ]


def _ground(shape: BaseGeometry, mosaic: Raster, surface: Raster, source: FrameSource) -> _Ground | None:
    """Pixels of the mosaic whose centres lie in a plot; None where it has none with a height."""
    import shapely

    grid = mosaic.grid
    if shape.is_empty or surface.grid != grid:
        return None
    x_min, y_min, x_max, y_max = shape.bounds
    col, end_col = int((x_min - grid.x_min) / grid.pixel_m), math.ceil((x_max - grid.x_min) / grid.pixel_m)
    row, end_row = int((grid.y_max - y_max) / grid.pixel_m), math.ceil((grid.y_max - y_min) / grid.pixel_m)
    if col < 0 or row < 0 or end_col > grid.width or end_row > grid.height:
        return None
    block = Block(row, col, end_row - row, end_col - col)
    x = grid.x_min + (col + np.arange(block.width) + 0.5) * grid.pixel_m
    y = grid.y_max - (row + np.arange(block.height) + 0.5) * grid.pixel_m
    east, north = np.meshgrid(x, y)
    inside = shapely.contains_xy(shape, east, north)
    names = {band.lower(): band for band in mosaic.bands}
    planes = mosaic.read(block, tuple(names[band] for band in source.fit.bands))
    height = surface.read(block)[0]
    known = inside & np.isfinite(planes).all(axis=0)
    if not known.any() or not np.isfinite(height[known]).any():
        return None
    level = np.where(np.isfinite(height), height, np.nanmedian(height[known]))
    offset = source.reconstruction.offset
    points = np.column_stack([east[inside] - offset[0], north[inside] - offset[1], level[inside]])
    bright = float(source.fit.method.greenness.brightness(planes)[known].mean())
    return _Ground(points, bright, points.mean(axis=0))


def _frames(source: FrameSource) -> Iterator[tuple[_Picture, ...]]:
    """One tuple of pictures a capture, a band of the fit each, by name."""
    shots = {shot.image: shot for shot in source.reconstruction.shots}
    wanted = source.fit.bands
    if source.captures is None:
        channels = {"blue": 0, "green": 1, "red": 2}
        for name, path in sorted(source.photos.items()):
            shot = _shot(shots, name)
            if shot is not None and set(wanted) <= set(channels):
                camera = source.reconstruction.cameras[shot.camera_id]
                yield tuple(_Picture(path, channels[band], camera, shot) for band in wanted)
        return
    document = json.loads((source.captures / "calibration.json").read_text(encoding="utf-8"))
    captures: dict[str, dict[str, _Picture]] = {}
    for name, facts in (document.get("images") or {}).items():
        shot = _shot(shots, name)
        if shot is not None and (source.captures / name).is_file():
            camera = source.reconstruction.cameras[shot.camera_id]
            band = str(facts.get("band", "")).lower().replace(" ", "_")
            captures.setdefault(str(facts.get("capture")), {})[band] = _Picture(
                source.captures / name, None, camera, shot
            )
    for _, bands in sorted(captures.items()):
        if set(wanted) <= set(bands):
            yield tuple(bands[band] for band in wanted)


def _shot(shots: Mapping[str, Shot], name: str) -> Shot | None:
    """A node knows a photo by its base name or by its path with underscores."""
    return shots.get(name.rpartition("/")[2]) or shots.get(name.replace("/", "_"))


def _steep(frame: Sequence[_Picture], place: _Ground) -> bool:
    away = frame[0].shot.centre - place.middle
    return bool(np.hypot(away[0], away[1]) <= math.tan(math.radians(NEAR_NADIR_DEG)) * abs(away[2]))


def _read(picture: _Picture) -> NDArray[np.float32]:
    """Linear values of a picture as stored, (rows, columns)."""
    import cv2

    values = cv2.imread(str(picture.path), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise FrameError(
            f"{picture.path.name}: the photo can't be read any more; it was there when the flight was read"
        )
    if picture.channel is not None:
        return linearise(np.ascontiguousarray(values[..., picture.channel]))
    return np.asarray(values, np.float32)


def _cover(
    frame: Sequence[_Picture], planes: Sequence[NDArray[np.float32]], place: _Ground | None, fit: FittedIndexCover
) -> float | None:
    """Green cover of a plot in one capture; None where it is not wholly in it, or too dark."""
    import cv2

    if place is None:
        return None
    values = []
    for picture, plane in zip(frame, planes, strict=True):
        pixels = picture.camera.project(picture.shot.to_camera(place.points))
        size = np.array([picture.camera.width, picture.camera.height])
        if (
            plane.shape != (picture.camera.height, picture.camera.width)
            or not ((pixels > 1) & (pixels < size - 1)).all(axis=1).all()
        ):
            return None
        at = (pixels - 0.5).astype(np.float32)
        values.append(cv2.remap(plane, at[None, :, 0], at[None, :, 1], cv2.INTER_LINEAR))
    seen = np.stack(values).astype(np.float32, copy=False)
    bright = float(np.nanmean(fit.method.greenness.brightness(seen)))
    if not bright > 0:
        return None
    green = fit.whitened(bright / place.brightness).classify(seen).green
    lit = np.isfinite(green)
    return float(green[lit].mean()) if lit.mean() >= LEAST_LIT else None
