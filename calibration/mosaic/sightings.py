"""The same patches of ground in several calibrated photos."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.pictures.rgb import linearise
from uav_workflow.domain.grid import Block, Grid
from uav_workflow.domain.reconstruction import Camera, Reconstruction, Shot
from uav_workflow.errors import CalibrationError
from uav_workflow.rasters.reader import Raster

FloatArray = NDArray[np.float64]
Indexes = NDArray[np.int64]
PatchReader = Callable[[float, float], tuple[float, ...]]
"""Roughness, greenness and logarithm of a mosaic at an easting and northing; NaN where unknown."""

PATCH_M = 0.5
"""Side of the ground patches that are compared."""
_CELLS = 10
"""Points of the surface along the side of a patch."""
_CELL_M = PATCH_M / _CELLS
_PLACES = 900
_PHOTOS = 40
"""Photos of a band that are opened at most, following each other: a longer flight tells no more about its photos."""
_POLISHED = 10
_VIEWS = 4
"""Steepest views of a place that are compared: the mosaic takes its pixels from these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One placed photo of a band: calibrated; or 8-bit RGB as it was taken, of which the green light is looked at."""

    path: Path
    camera: Camera
    shot: Shot


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Places on the ground.

    Attributes
    ----------
    points : float64 (n, cells, 3)
        Of the surface, over a patch round each place; minus the reconstruction's offset.
    roughness, greenness : float64 (n,)
        See `ground_look.GroundLook`; 0 where the greenness can't be told.
    log_value : float64 (n,)
        Logarithm of the mosaic's mean there.
    """

    points: FloatArray
    roughness: FloatArray
    greenness: FloatArray
    log_value: FloatArray

    @property
    def middles(self) -> FloatArray:
        """Middles of the patches, (n, 3)."""
        return np.asarray(self.points.mean(axis=1), np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Two views of a place each.

    Attributes
    ----------
    difference : float64 (n,)
        Of the logarithms of the patch's means.
    apart : float64 (n, 2)
        Difference of the directions of view.
    roughness : float64 (n,)
        Of the place.
    """

    difference: FloatArray
    apart: FloatArray
    roughness: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Sightings:
    """Patches in photos, (n,) each.

    Attributes
    ----------
    log_value : float64
        Logarithm of the patch's mean.
    direction : float64 (n, 2)
        From place to camera: metres east and north a metre up, so its length is the tangent of the angle from nadir.
    roughness, greenness : float64
        Of the place.
    """

    place: Indexes
    photo: Indexes
    log_value: FloatArray
    direction: FloatArray
    roughness: FloatArray
    greenness: FloatArray

    @property
    def tangent2(self) -> FloatArray:
        """Squared tangents of the angles from nadir."""
        return np.asarray((self.direction**2).sum(axis=1), np.float64)

    def chosen(self, rows: Indexes) -> Sightings:
        """Some of them."""
        return Sightings(**{name: getattr(self, name)[rows] for name in Sightings.__slots__})

    def steepest(self, views: int = _VIEWS) -> Sightings:
        """The views of every place that look down most steeply, place by place."""
        order = np.lexsort((self.tangent2, self.place))
        place = self.place[order]
        first = np.concatenate([[0], np.flatnonzero(np.diff(place)) + 1]) if len(place) else np.zeros(0, int)
        rank = np.arange(len(place)) - np.repeat(first, np.diff(np.append(first, len(place))))
        return self.chosen(order[rank < views])

    def levelled(self) -> Sightings:
        """Without the level of each photo, by median polish (Tukey, 1977): photos of unknown exposure."""
        rest = self.log_value.copy()
        levels = np.zeros(int(self.photo.max(initial=-1)) + 1)
        for _ in range(_POLISHED):
            rest -= _medians(self.place, rest)[self.place]
            step = _medians(self.photo, rest)
            rest -= step[self.photo]
            levels += step
        return replace(self, log_value=self.log_value - levels[self.photo])

    def pairs(self) -> Pairs:
        """All pairs among the steepest views of every place."""
        rows = self.steepest()
        ends = [(np.zeros(0, int), np.zeros(0, int))]
        for step in range(1, _VIEWS):
            first = np.flatnonzero(rows.place[step:] == rows.place[:-step])
            ends.append((first, first + step))
        one, two = (np.concatenate(column) for column in zip(*ends, strict=True))
        return Pairs(
            difference=rows.log_value[two] - rows.log_value[one],
            apart=rows.direction[two] - rows.direction[one],
            roughness=rows.roughness[one],
        )


def _medians(index: Indexes, value: FloatArray) -> FloatArray:
    """Median of the values of every index."""
    order = np.argsort(index, kind="stable")
    parts = np.split(value[order], np.cumsum(np.bincount(index))[:-1])
    return np.array([np.median(part) if len(part) else 0.0 for part in parts])


def look(views: Sequence[View], places: Places, cap: float) -> Sightings:
    """Patch round every place in every photo; what leaves the photo or is saturated is not seen."""
    seen = [_look(view, number, places, cap) for number, view in enumerate(views)]
    rows = [one for one in seen if one is not None]
    if not rows:
        none, nothing = np.zeros(0, np.int64), np.zeros(0)
        empty = dict.fromkeys(("log_value", "roughness", "greenness"), nothing)
        return Sightings(place=none, photo=none, direction=np.zeros((0, 2)), **empty)
    names = Sightings.__slots__
    return Sightings(**{name: np.concatenate([getattr(row, name) for row in rows]) for name in names})


def _look(view: View, number: int, places: Places, cap: float) -> Sightings | None:
    """Patches of a photo as the mosaic shows them: over the surface, not as the photo frames them.

    A photo shows the sides of plants, a mosaic over their surface hardly does.
    """
    distance = view.shot.centre - places.middles
    pixel_m = float(np.median(np.abs(distance[:, 2]))) / view.camera.fx
    side = max(1, round(_CELL_M / pixel_m))
    with np.errstate(invalid="ignore"):
        pixels = view.camera.project(view.shot.to_camera(places.points.reshape(-1, 3)))
    size = np.array([view.camera.width, view.camera.height])
    pixels = pixels.reshape(len(distance), -1, 2)
    inside = np.flatnonzero(((pixels > side + 1) & (pixels < size - side - 1)).all(axis=(1, 2)))
    if not len(inside):
        return None
    means = _patches(_values(view.path), pixels[inside], side, cap)
    place, means = inside[means > 0], means[means > 0]
    return Sightings(
        place=place,
        photo=np.full(len(place), number),
        log_value=np.log(means),
        direction=distance[place, :2] / np.abs(distance[place, 2:]),
        roughness=places.roughness[place],
        greenness=places.greenness[place],
    )


def _patches(values: NDArray[np.float32], pixels: FloatArray, side: int, cap: float) -> FloatArray:
    """Means (n,) of a photo at the cells of patches (n, cells, 2); 0 where one stands at the cap."""
    import cv2

    smooth = cv2.blur(values, (side, side))
    full = cv2.dilate((values >= cap).astype(np.uint8), np.ones((side, side), np.uint8))
    columns, rows = (pixels[..., axis].astype(np.float32) - np.float32(0.5) for axis in (0, 1))
    means = cv2.remap(smooth, columns, rows, cv2.INTER_LINEAR).mean(axis=1)
    column, row = (np.floor(pixels[..., axis]).astype(int) for axis in (0, 1))
    return np.where(full[row, column].any(axis=1), 0, means).astype(np.float64)


def _values(path: Path) -> NDArray[np.float32]:
    import cv2

    values = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise CalibrationError(f"{path.name}: the picture can't be read; it was changed since it was calibrated")
    if values.ndim == 3:
        return linearise(np.ascontiguousarray(values[..., 1]))
    return np.asarray(values, np.float32)


def views_of(reconstruction: Reconstruction, pictures: Mapping[str, Path]) -> list[View]:
    """Placed pictures, at most `_PHOTOS` that follow each other; a node knows them by base name or by path."""
    shots = {shot.image: shot for shot in reconstruction.shots}
    found = []
    for name, path in sorted(pictures.items()):
        shot = shots.get(name.rpartition("/")[2]) or shots.get(name.replace("/", "_"))
        if shot is not None:
            found.append(View(path=path, camera=reconstruction.cameras[shot.camera_id], shot=shot))
    start = max(0, (len(found) - _PHOTOS) // 2)
    return found[start : start + _PHOTOS]


def places_on(
    surface: Path,
    views: Sequence[View],
    offset: tuple[float, float],
    patch_at: PatchReader,
) -> Places:
    """Places on the surface under the photos, on a square lattice.

    Parameters
    ----------
    patch_at : callable
        Roughness, greenness and logarithm of the mosaic at an easting and northing; where any is NaN the place is left
        out.
    """
    centres = np.array([view.shot.centre[:2] for view in views]) + offset
    low, high = centres.min(axis=0), centres.max(axis=0)
    spacing = max(PATCH_M / 2, math.sqrt(float(np.prod(np.maximum(high - low, PATCH_M))) / _PLACES))
    x, y = np.meshgrid(np.arange(low[0], high[0], spacing), np.arange(low[1], high[1], spacing))
    places, patches = [], []
    with Raster(surface) as raster:
        for east, north in zip(x.ravel().tolist(), y.ravel().tolist(), strict=True):
            points = _surface_patch(raster, east, north)
            patch = (math.nan,) if points is None else patch_at(east, north)
            if points is not None and np.isfinite(patch).all():
                places.append(points - (*offset, 0.0))
                patches.append(patch)
    rough, green, value = np.array(patches, float).reshape(-1, 3).T
    all_points = np.array(places, float).reshape(len(places), -1, 3)
    return Places(points=all_points, roughness=rough, greenness=green, log_value=value)


def _surface_patch(raster: Raster, x: float, y: float) -> FloatArray | None:
    """Points (cells, 3) of the surface on a square of `PATCH_M`, `_CELLS` a side; None where half of it is unknown."""
    block = patch_of(raster.grid, x, y)
    if block is None:
        return None
    heights = raster.read(block)[0]
    known = np.isfinite(heights)
    if 2 * known.sum() < known.size:
        return None
    heights = np.where(known, heights, heights[known].mean())
    window, steps = raster.grid.window(block), ((np.arange(_CELLS) + 0.5) / _CELLS - 0.5) * PATCH_M
    east, north = np.meshgrid(x + steps, y + steps)
    column = np.clip((east - window.x_min) / window.pixel_m, 0, block.width - 1).astype(int)
    row = np.clip((window.y_max - north) / window.pixel_m, 0, block.height - 1).astype(int)
    return np.column_stack([east.ravel(), north.ravel(), heights[row, column].ravel()]).astype(np.float64)


def patch_of(grid: Grid, x: float, y: float) -> Block | None:
    """Block of `PATCH_M` round a place; None where it leaves the grid."""
    half = max(1, round(PATCH_M / 2 / grid.pixel_m))
    col, row = int((x - grid.x_min) / grid.pixel_m) - half, int((grid.y_max - y) / grid.pixel_m) - half
    side = 2 * half + 1
    if col < 0 or row < 0 or col + side > grid.width or row + side > grid.height:
        return None
    return Block(row, col, side, side)
