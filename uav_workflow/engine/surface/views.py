"""A placed photo as arrays: what the compiled loops need to project into it."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_workflow.compiled import compiled
from uav_workflow.domain.reconstruction import Reconstruction
from uav_workflow.errors import EngineError

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One placed photo.

    Attributes
    ----------
    image : str
        File name.
    lens : (11,) float64
        fx, fy, cx, cy, k1, k2, k3, p1, p2, width, height; pixels, first pixel's centre at (0.5, 0.5).
    rotation : (3, 3) float64
        World to camera.
    centre : (3,) float64
        Camera centre, reconstruction CRS minus offset, metres.
    packed : (23,) float64
        lens, rotation by rows, centre: what the compiled loops take.
    """

    image: str
    lens: Float64
    rotation: Float64
    centre: Float64
    packed: Float64

    @property
    def focal(self) -> float:
        """Geometric mean of the two focal lengths, pixels."""
        return float(np.sqrt(self.lens[0] * self.lens[1]))

    @property
    def axis(self) -> Float64:
        """Viewing direction in the world, unit vector."""
        axis: Float64 = self.rotation[2]
        return axis

    def pixels(self, points: Float64) -> tuple[Float64, NDArray[np.bool_]]:
        """Pixels (n, 2) of world points (n, 3), and which of them lie inside the photo."""
        found = np.empty((len(points), 2))
        inside = np.empty(len(points), np.bool_)
        _project_points(points, self.packed, found, inside)
        return found, inside


def views_of(reconstruction: Reconstruction, images: Container[str]) -> list[View]:
    """Views of the placed photos among ``images``, in the order of the shots."""
    found = []
    for shot in reconstruction.shots:
        if shot.image not in images:
            continue
        c = reconstruction.cameras[shot.camera_id]
        lens = np.array([c.fx, c.fy, c.cx, c.cy, c.k1, c.k2, c.k3, c.p1, c.p2, c.width, c.height], float)
        rotation, centre = np.ascontiguousarray(shot.rotation, float), np.ascontiguousarray(shot.centre, float)
        packed = np.concatenate([lens, rotation.ravel(), centre])
        found.append(View(image=shot.image, lens=lens, rotation=rotation, centre=centre, packed=packed))
    return found


def ground_sample_distance(reconstruction: Reconstruction, views: list[View]) -> float:
    """Median over the photos of (median depth of the tie points they see) / focal length, metres a pixel.

    Raises
    ------
    EngineError
        No photo sees a tie point, so the height above ground is unknown.
    """
    points = np.ascontiguousarray(reconstruction.points, float)
    found = []
    for view in views:
        _, inside = view.pixels(points) if len(points) else (None, np.zeros(0, bool))
        if inside.any():
            depth = (points[inside] - view.centre) @ view.axis
            found.append(float(np.median(depth)) / view.focal)
    if not found:
        raise EngineError("no placed photo sees a tie point: the height above ground is unknown, nothing can be mapped")
    return float(np.median(found))


@compiled
def lens_pixel(lens: Float64, x: float, y: float) -> tuple[float, float]:
    """Pixel of the normalised ray (x, y, 1): Brown (1971)."""
    r2 = x * x + y * y
    radial = 1.0 + r2 * (lens[4] + r2 * (lens[5] + r2 * lens[6]))
    xd = x * radial + 2.0 * lens[7] * x * y + lens[8] * (r2 + 2.0 * x * x)
    yd = y * radial + lens[7] * (r2 + 2.0 * y * y) + 2.0 * lens[8] * x * y
    return lens[0] * xd + lens[2], lens[1] * yd + lens[3]


@compiled
def within_lens(lens: Float64, x: float, y: float) -> bool:
    """Whether the ray is near the frame at all: far outside, the distortion polynomial folds back into it."""
    reach_x = 0.5 * lens[9] / lens[0] * 1.3 + 0.05
    reach_y = 0.5 * lens[10] / lens[1] * 1.3 + 0.05
    return bool(abs(x) <= reach_x and abs(y) <= reach_y)


@compiled
def project(packed: Float64, x: float, y: float, z: float) -> tuple[float, float, float]:
    """(u, v, depth) of a world point; depth <= 0 when it is behind the camera or far outside the frame."""
    x, y, z = x - packed[20], y - packed[21], z - packed[22]
    depth = packed[17] * x + packed[18] * y + packed[19] * z
    if depth <= 1e-6:
        return -1.0, -1.0, -1.0
    xn = (packed[11] * x + packed[12] * y + packed[13] * z) / depth
    yn = (packed[14] * x + packed[15] * y + packed[16] * z) / depth
    if not within_lens(packed, xn, yn):
        return -1.0, -1.0, -1.0
    u, v = lens_pixel(packed, xn, yn)
    return u, v, depth


@compiled
def _project_points(points: Float64, packed: Float64, found: Float64, inside: NDArray[np.bool_]) -> None:
    for i in range(points.shape[0]):
        u, v, depth = project(packed, points[i, 0], points[i, 1], points[i, 2])
        found[i, 0] = u
        found[i, 1] = v
        inside[i] = depth > 0 and 0.0 <= u < packed[9] and 0.0 <= v < packed[10]
