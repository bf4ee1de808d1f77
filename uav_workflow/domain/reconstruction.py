"""Cameras and poses that photogrammetry found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.product import Json

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """Pinhole with Brown distortion, in pixels of the stored image.

    Pixel centres lie on half integers: the centre of the first pixel is (0.5, 0.5).

    Attributes
    ----------
    fx, fy, cx, cy : float
        Focal lengths and principal point, pixels.
    k1, k2, k3, p1, p2 : float
        Brown-Conrady coefficients in OpenCV's convention (Brown, 1971).
    """

    camera_id: str
    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    k1: float = 0.0
    k2: float = 0.0
    k3: float = 0.0
    p1: float = 0.0
    p2: float = 0.0

    @property
    def matrix(self) -> FloatArray:
        """3 x 3 calibration matrix."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]], float)

    @property
    def distortion(self) -> FloatArray:
        """(k1, k2, p1, p2, k3), OpenCV's order."""
        return np.array([self.k1, self.k2, self.p1, self.p2, self.k3], float)

    def project(self, points: FloatArray) -> FloatArray:
        """Pixels (n, 2) of camera-frame points (n, 3); x right, y down, z forward. z <= 0 gives NaN."""
        z = np.where(points[:, 2] > 0, points[:, 2], np.nan)
        x, y = points[:, 0] / z, points[:, 1] / z
        r2 = x * x + y * y
        radial = 1 + r2 * (self.k1 + r2 * (self.k2 + r2 * self.k3))
        xd = x * radial + 2 * self.p1 * x * y + self.p2 * (r2 + 2 * x * x)
        yd = y * radial + self.p1 * (r2 + 2 * y * y) + 2 * self.p2 * x * y
        return np.stack([self.fx * xd + self.cx, self.fy * yd + self.cy], axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """Pose of one image.

    Attributes
    ----------
    image : str
        File name as uploaded.
    rotation : (3, 3) float array
        World (x east, y north, z up) to camera (x right, y down, z forward).
    centre : (3,) float array
        Camera centre in the reconstruction's CRS minus its offset, metres.
    """

    image: str
    camera_id: str
    rotation: FloatArray
    centre: FloatArray
    time_utc: datetime | None = None

    def to_camera(self, points: FloatArray) -> FloatArray:
        """World points (n, 3), minus offset, in the camera frame."""
        return (points - self.centre) @ self.rotation.T


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconstruction:
    """Cameras and shots in one projected CRS.

    Attributes
    ----------
    crs : str
        ``EPSG:nnnnn`` (UTM WGS84), heights as the positions gave them.
    offset : (x, y)
        Subtracted from easting and northing to keep numbers small, metres.
    points : (n, 3) float array
        Sparse points minus offset; may be empty.
    facts : mapping
        reprojection_px, inliers_per_pair, focal_prior_px, focal_guard_used …
    """

    crs: str
    offset: tuple[float, float]
    cameras: Mapping[str, Camera]
    shots: Sequence[Shot]
    points: FloatArray
    missing: Sequence[str] = ()
    facts: Mapping[str, Json] = field(default_factory=dict)

    def shot(self, image: str) -> Shot:
        """Shot of one image; KeyError when it was not placed."""
        for shot in self.shots:
            if shot.image == image:
                return shot
        raise KeyError(image)
