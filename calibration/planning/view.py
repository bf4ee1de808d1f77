"""Direction of view: what it does to brightness (Walthall), and every pixel's angles from the capture's attitude."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.pictures.response import FloatArray
from calibration.sensors.model import RadiometricModel
from calibration.sun.irradiance import attitude_rad, sun_of
from uav_workflow.domain.flight import BandImage
from uav_workflow.domain.product import Json

Points = NDArray[np.float64]

_WORTHWHILE = 0.95
"""Share of the disagreement up to which the model leaves it before it is used."""
_LATTICE = 16
"""Pixels between which the factor of a picture is interpolated: it changes by a per cent over a hundred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewGeometry:
    """Angles of the views of one picture.

    Attributes
    ----------
    to_north_east_down : float64 (3, 3)
        Rotation from forward, right, down of the camera.
    focal_px : float
    centre : (column, row)
        Principal point, pixel (0, 0) having its centre at 0.
    upside_down : bool
        The stored picture is turned by half a turn against the camera (EXIF orientation 3).
    sun_azimuth : float
        Radians clockwise from north.
    """

    to_north_east_down: NDArray[np.float64]
    focal_px: float
    centre: tuple[float, float]
    upside_down: bool
    sun_azimuth: float

    @classmethod
    def of(cls, image: BandImage, model: RadiometricModel) -> ViewGeometry | None:
        """Geometry from the capture's attitude, or None where attitude, focal length or sun are unknown.

        The camera's own attitude, else that of a sun sensor on the same airframe. A camera at zero attitude looks down
        with the top of its picture forward; yaw, pitch and roll turn it in aerospace order. Lens distortion is left
        out: it moves a view by a fraction of a degree.
        """
        sun = sun_of(image)
        angles = _attitude(image, model)
        if sun is None or angles is None or image.focal_px is None or image.orientation not in {1, 3}:
            return None
        x, y = image.principal_point_px or (image.width / 2, image.height / 2)
        return cls(
            to_north_east_down=_rotation(*angles),
            focal_px=image.focal_px,
            centre=(x - 0.5, y - 0.5),
            upside_down=image.orientation == 3,
            sun_azimuth=math.radians(sun.azimuth_deg),
        )

    def terms(self, points: Points) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Walthall's terms at pixels (n, 2): squared view zenith, and view zenith times cosine of relative azimuth.

        Radians; the relative azimuth is 0 where the camera stands on the sun's side of the ground seen (shadows
        hidden).
        """
        sign = -1.0 if self.upside_down else 1.0
        right, back = sign * (points - self.centre).T / self.focal_px
        rays = np.stack([-back, right, np.ones_like(right)]).T @ self.to_north_east_down.T
        level = np.hypot(rays[:, 0], rays[:, 1])
        zenith = np.arctan2(level, rays[:, 2])
        # the camera lies against the ray, seen from the ground
        azimuth = np.arctan2(-rays[:, 1], -rays[:, 0])
        return zenith**2, zenith * np.cos(azimuth - self.sun_azimuth)


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewModel:
    """Brightness by direction of view, one band: rho(view) = rho(nadir) (1 + a zenith^2 + b zenith cos(azimuth)).

    Walthall, Norman, Welles, Campbell and Blad (1985), Applied Optics 24, 383, divided by its value at nadir; angles in
    radians.

    Attributes
    ----------
    a_sd, b_sd : float
        Standard errors.
    before, after : float
        Median of |ratio - 1| of overlapping pictures without and with the model, at places the fit did not see.
    """

    a: float
    b: float
    a_sd: float
    b_sd: float
    before: float
    after: float

    @property
    def helps(self) -> bool:
        """Whether pictures agree better with it, and not by chance."""
        return self.after < _WORTHWHILE * self.before

    def factor(self, geometry: ViewGeometry, points: Points) -> NDArray[np.float64]:
        """Brightness at pixels (n, 2) over that at nadir."""
        squared, sided = geometry.terms(points)
        return np.maximum(1 + self.a * squared + self.b * sided, 0.2)

    def map(self, geometry: ViewGeometry, height: int, width: int) -> FloatArray:
        """Brightness of a whole picture over that at nadir; float32 (height, width)."""
        import cv2

        rows, columns = (math.ceil(size / _LATTICE) + 1 for size in (height, width))
        v, u = np.meshgrid(np.arange(rows) * _LATTICE, np.arange(columns) * _LATTICE, indexing="ij")
        coarse = self.factor(geometry, np.column_stack([u.ravel(), v.ravel()]).astype(float)).reshape(rows, columns)
        x, y = np.arange(width, dtype=np.float32) / _LATTICE, np.arange(height, dtype=np.float32) / _LATTICE
        columns_at, rows_at = np.meshgrid(x, y)
        return np.asarray(cv2.remap(coarse.astype(np.float32), columns_at, rows_at, cv2.INTER_LINEAR), np.float32)

    def to_json(self) -> dict[str, Json]:
        """Plain dictionary for JSON."""
        return {
            "model": "walthall",
            "a": self.a,
            "b": self.b,
            "a_sd": self.a_sd,
            "b_sd": self.b_sd,
            "held_out_residual_before": self.before,
            "held_out_residual_after": self.after,
            "applied": self.helps,
        }


@dataclass(frozen=True, slots=True)
class ViewCorrection:
    """Models by band, and the geometry of every picture."""

    models: Mapping[str, ViewModel]
    geometry: Mapping[str, ViewGeometry]

    def map(self, image: BandImage) -> FloatArray | None:
        """What a picture is divided by; None where nothing is corrected."""
        model, geometry = self.models.get(image.band.name), self.geometry.get(image.name)
        if model is None or geometry is None or not model.helps:
            return None
        return model.map(geometry, image.height, image.width)

    def factor(self, image: BandImage, points: Points) -> NDArray[np.float64]:
        """The same at pixels (n, 2); ones where nothing is corrected."""
        model, geometry = self.models.get(image.band.name), self.geometry.get(image.name)
        if model is None or geometry is None or not model.helps:
            return np.ones(len(points))
        return model.factor(geometry, points)


def _attitude(image: BandImage, model: RadiometricModel) -> tuple[float, float, float] | None:
    """Yaw, pitch and roll against a camera that looks straight down; radians."""
    if image.attitude is not None:
        own = image.attitude
        return math.radians(own.yaw_deg), math.radians(own.pitch_deg + 90.0), math.radians(own.roll_deg)
    return attitude_rad(model.irradiance.attitude, image.tags)


def _rotation(yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    """Rz(yaw) Ry(pitch) Rx(roll): forward, right, down to north, east, down."""
    cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (math.cos, math.sin))
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )
