"""Epipolar rectification of two placed photos, with the coarse surface's parallax taken out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_workflow.compiled import compiled
from uav_workflow.engine.surface.heightmap import HeightMap, height_at
from uav_workflow.engine.surface.pairs import StereoPair
from uav_workflow.engine.surface.views import Float32, Float64, View, lens_pixel, within_lens

GUIDE_STEP = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Rectified:
    """Common rectified frame of a pair: x along the base, both rows aligned, one focal length.

    Attributes
    ----------
    rotation : (3, 3) float64
        World to rectified frame, the same for both photos.
    focal : float
        Pixels of the rectified images.
    x0, y0 : float
        Rectified position of the images' outer corner, pixels from the principal point.
    width, height : int
        Pixels, multiples of `GUIDE_STEP`.
    base : float
        Distance of the two camera centres, metres.
    """

    left: View
    right: View
    rotation: Float64
    focal: float
    x0: float
    y0: float
    width: int
    height: int
    base: float

    @property
    def frame(self) -> Float64:
        """(focal, x0, y0, base), for the compiled loops."""
        return np.array([self.focal, self.x0, self.y0, self.base])

    @property
    def eye(self) -> Float64:
        """The frame, the rotation by rows, and the left camera's centre, for the compiled loops."""
        return np.concatenate([self.frame, self.rotation.ravel(), self.left.centre])

    def bands(self, pixels: int, overlap: int) -> Iterator[tuple[Rectified, slice]]:
        """Parts of full rows, of about so many pixels, each with the rows it answers for.

        Neighbours share the row between them, and see ``overlap`` rows beyond it.
        """
        rows = max(2 * overlap, pixels // self.width // GUIDE_STEP * GUIDE_STEP)
        for first in range(0, self.height, rows):
            last = min(self.height, first + rows)
            top, bottom = max(0, first - overlap), min(self.height, last + overlap)
            part = replace(self, y0=self.y0 + top, height=bottom - top)
            yield part, slice(first - top, min(last + 1, self.height) - top)


def rectify(pair: StereoPair, factor: int, margin: int) -> Rectified:
    """Frame over the ground both photos see, photos ``factor`` times smaller, ``margin`` pixels around."""
    left, right = pair.left, pair.right
    base = right.centre - left.centre
    length = float(np.linalg.norm(base))
    x_axis = base / length
    z_axis = left.axis + right.axis
    z_axis = z_axis - (z_axis @ x_axis) * x_axis
    z_axis /= np.linalg.norm(z_axis)
    rotation = np.stack([x_axis, np.cross(z_axis, x_axis), z_axis])
    focal = float(np.sqrt(left.focal * right.focal)) / factor
    rays = (pair.shared - left.centre) @ rotation.T
    x, y = focal * rays[:, 0] / rays[:, 2], focal * rays[:, 1] / rays[:, 2]
    x0, y0 = float(np.floor(x.min())) - margin, float(np.floor(y.min())) - margin
    return Rectified(
        left=left,
        right=right,
        rotation=np.ascontiguousarray(rotation),
        focal=focal,
        x0=x0,
        y0=y0,
        width=_multiple(x.max() + margin - x0),
        height=_multiple(y.max() + margin - y0),
        base=length,
    )


def _multiple(length: float) -> int:
    return max(1, int(np.ceil(length / GUIDE_STEP))) * GUIDE_STEP


def guided_parallax(rectified: Rectified, guide: HeightMap) -> Float32:
    """Disparity of the guide surface in every left rectified pixel, float32 (height, width), smooth along rows.

    It need not be exact: it is taken out of the right image before matching and added again afterwards.
    """
    coarse = np.empty((rectified.height // GUIDE_STEP, rectified.width // GUIDE_STEP), np.float32)
    start = float(np.median(guide.heights))
    _cast(coarse, rectified.eye, guide.heights, guide.frame, start)
    # a step of the guide would fold the right image over itself
    calm = cv2.GaussianBlur(coarse, (0, 0), 2.0, borderType=cv2.BORDER_REPLICATE)
    full = cv2.resize(calm, (rectified.width, rectified.height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(full, np.float32)


def resampled_pair(
    rectified: Rectified, parallax: Float32, photos: tuple[NDArray[np.uint8], NDArray[np.uint8]], factor: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]:
    """Both photos in the rectified frame, the right one with `parallax` removed, and where each has content."""
    images, masks = [], []
    for view, photo, shift in (
        (rectified.left, photos[0], np.zeros((1, 1), np.float32)),
        (rectified.right, photos[1], parallax),
    ):
        to_camera = np.ascontiguousarray(view.rotation @ rectified.rotation.T)
        maps = np.empty((2, rectified.height, rectified.width), np.float32)
        _photo_map(maps, rectified.frame, to_camera, view.lens / _scales(factor), shift)
        rows, columns = photo.shape
        masks.append((maps[0] > 1) & (maps[1] > 1) & (maps[0] < columns - 2) & (maps[1] < rows - 2))
        images.append(np.asarray(cv2.remap(photo, maps[0], maps[1], cv2.INTER_LINEAR), np.uint8))
    return images[0], images[1], masks[0], masks[1]


@compiled
def _cast(parallax: Float32, eye: Float64, heights: Float32, map_frame: Float64, start: float) -> None:
    """Intersect the ray of every GUIDE_STEP-th pixel with the guide by damped fixed-point steps.

    ``eye`` is the rectified frame (focal, x0, y0, base), its rotation by rows, and the left camera's centre.
    """
    focal, x0, y0, base = eye[0], eye[1], eye[2], eye[3]
    rotation, centre = eye[4:13].reshape(3, 3), eye[13:16]
    for i in range(parallax.shape[0]):
        for j in range(parallax.shape[1]):
            rx = (x0 + (j + 0.5) * GUIDE_STEP) / focal
            ry = (y0 + (i + 0.5) * GUIDE_STEP) / focal
            dx = rotation[0, 0] * rx + rotation[1, 0] * ry + rotation[2, 0]
            dy = rotation[0, 1] * rx + rotation[1, 1] * ry + rotation[2, 1]
            dz = rotation[0, 2] * rx + rotation[1, 2] * ry + rotation[2, 2]
            dz = min(dz, -0.1)
            z = start
            for _ in range(10):
                t = (z - centre[2]) / dz
                z += 0.7 * (height_at(heights, map_frame, centre[0] + t * dx, centre[1] + t * dy) - z)
            parallax[i, j] = focal * base / max((z - centre[2]) / dz, 0.1)


def _scales(factor: int) -> Float64:
    """What a lens in pixels is divided by when the photo is ``factor`` times smaller; distortion stays."""
    return np.array([factor] * 4 + [1] * 5 + [factor] * 2, float)


@compiled
def _photo_map(maps: Float32, frame: Float64, to_camera: Float64, lens: Float64, shift: Float32) -> None:
    """Where each rectified pixel lies in the (reduced) photo, in OpenCV's pixel convention."""
    focal, x0, y0 = frame[0], frame[1], frame[2]
    rows, columns = maps.shape[1], maps.shape[2]
    shifted = shift.shape[0] == rows
    for i in range(rows):
        ry = (y0 + i + 0.5) / focal
        for j in range(columns):
            rx = x0 + j + 0.5
            if shifted:
                rx -= shift[i, j]
            rx /= focal
            z = to_camera[2, 0] * rx + to_camera[2, 1] * ry + to_camera[2, 2]
            maps[0, i, j] = -1e4
            maps[1, i, j] = -1e4
            if z <= 1e-6:
                continue
            x = (to_camera[0, 0] * rx + to_camera[0, 1] * ry + to_camera[0, 2]) / z
            y = (to_camera[1, 0] * rx + to_camera[1, 1] * ry + to_camera[1, 2]) / z
            if within_lens(lens, x, y):
                u, v = lens_pixel(lens, x, y)
                maps[0, i, j] = u - 0.5
                maps[1, i, j] = v - 0.5
