"""Cameras as they are, and as the factory said they are."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.reconstruction import Camera

FloatArray = NDArray[np.float64]

FOCAL_ERROR = 0.02
"""Largest relative error of a tagged focal length."""
CENTRE_ERROR_PX = 7.0
RIG_ANGLE_ERROR_DEG = 0.2
VIGNETTING_ERROR = 0.01
"""Largest error of the tagged vignetting, as a share of the brightness in the corner."""
BASELINE_M = 0.03
SECOND_BODY_M = 0.14


@dataclass(frozen=True, slots=True, kw_only=True)
class Vignetting:
    """Fall-off of the light from the centre of the picture to its corners."""

    centre: tuple[float, float]
    coefficients: tuple[float, ...]
    """Brightness is P(r) = 1 + c0 r + ... + c5 r^6 at r pixels from the centre; MicaSense's users multiply by 1 / P."""

    def brightness(self, width: int, height: int) -> NDArray[np.float32]:
        """Share of the light that arrives at every pixel."""
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        r = np.hypot(x - self.centre[0], y - self.centre[1])
        falling = np.polynomial.polynomial.polyval(r, np.array((1.0, *self.coefficients), np.float32))
        return np.asarray(falling, np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class BandCamera:
    """One camera of a sensor: the truth beside what the tags will say.

    Attributes
    ----------
    rotation : (3, 3) float64
        From the reference camera's frame to this one.
    offset : (3,) float64
        Place in the reference camera's frame, metres.
    true_rotation_deg, tagged_rotation_deg : (rx, ry, rz)
        This frame to the reference frame as Rx Ry Rz, the maker's convention.
    """

    index: int
    camera: Camera
    tagged: Camera
    vignetting: Vignetting
    tagged_vignetting: Vignetting
    rotation: FloatArray
    offset: FloatArray
    true_rotation_deg: tuple[float, float, float]
    tagged_rotation_deg: tuple[float, float, float]


def euler(angles_deg: tuple[float, float, float]) -> FloatArray:
    """Rx @ Ry @ Rz."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(np.radians(angles_deg)), np.sin(np.radians(angles_deg))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(about_x @ about_y @ about_z)


def rig(
    bands: int,
    reference: int,
    size: tuple[int, int],
    focal_px: float,
    *,
    corner_light: float,
    rng: np.random.Generator,
    focal_error: float | None = None,
) -> list[BandCamera]:
    """Draw the cameras of a rig; one band makes a plain camera.

    Parameters
    ----------
    size : (width, height)
        Pixels.
    focal_px : float
        Nominal; every body differs by up to 1 %.
    corner_light : float
        Share of the light that arrives in the corners.
    focal_error : float, optional
        Tagged over true focal length, minus 1, of all bands; drawn within `FOCAL_ERROR` when absent.
    """
    # a lens design is off by the same share in all its bands, a body by a little of its own
    common = rng.uniform(-0.75, 0.75) * FOCAL_ERROR
    own = 0.25 * FOCAL_ERROR
    if focal_error is not None:
        common, own = focal_error, 0.0
    places = _rig_places(bands, reference)
    return [
        _camera(
            index,
            size,
            is_reference=index == reference,
            focal_px=focal_px,
            common=common,
            own_error=own,
            corner_light=corner_light,
            place=places[index],
            rng=rng,
        )
        for index in range(bands)
    ]


def plain(
    size: tuple[int, int],
    focal_px: float,
    *,
    corner_light: float,
    rng: np.random.Generator,
    focal_error: float | None = None,
) -> BandCamera:
    """Draw the camera of an RGB drone: its tags give the nominal lens and say nothing of the principal point.

    Parameters are those of `rig`; ``focal_px`` is what the tags say.
    """
    body = rig(1, 0, size, focal_px, corner_light=corner_light, rng=rng)[0]
    scale = min(1.0, size[0] / 1280)
    shift = rng.uniform(-CENTRE_ERROR_PX, CENTRE_ERROR_PX, 2) * scale
    focal = focal_px * (1 + rng.uniform(-0.9, 0.9) * FOCAL_ERROR)
    if focal_error is not None:
        focal = focal_px / (1 + focal_error)
    true = replace(
        body.camera,
        fx=focal,
        fy=focal,
        cx=size[0] / 2 + float(shift[0]),
        cy=size[1] / 2 + float(shift[1]),
        k2=0.02,
        k3=0.0,
    )
    true = replace(true, k1=float(rng.uniform(-0.04, -0.01)))
    tagged = replace(true, fx=focal_px, fy=focal_px, cx=size[0] / 2, cy=size[1] / 2, k1=0, k2=0, k3=0, p1=0, p2=0)
    return replace(body, camera=true, tagged=tagged)


def _rig_places(bands: int, reference: int) -> FloatArray:
    """Lenses on a cross with 3 cm arms around the reference camera; five more on another cross beside it."""
    arms = [(1, 0), (0, 1), (-1, 0), (0, -1)]
    places = np.zeros((bands, 3))
    first = [index for index in range(bands) if index != reference][: len(arms)]
    for index, (x, y) in zip(first, arms, strict=False):
        places[index, :2] = BASELINE_M * x, BASELINE_M * y
    for index, (x, y) in zip(range(len(arms) + 1, bands), [(0, 0), *arms], strict=False):
        places[index, :2] = SECOND_BODY_M + BASELINE_M * x, BASELINE_M * y
    return places


def _camera(
    index: int,
    size: tuple[int, int],
    *,
    is_reference: bool,
    focal_px: float,
    common: float,
    own_error: float,
    corner_light: float,
    place: FloatArray,
    rng: np.random.Generator,
) -> BandCamera:
    width, height = size
    focal = focal_px * (1 + rng.uniform(-0.01, 0.01))
    shift = rng.uniform(-12, 12, 2) * width / 1280
    radial = (-0.09 * rng.uniform(0.7, 1.2), 0.11 * rng.uniform(0.6, 1.2), -0.03 * rng.uniform(0.5, 1.2))
    tangential = rng.uniform(-6e-4, 6e-4, 2)
    camera = Camera(
        camera_id=f"camera_{index + 1}",
        width=width,
        height=height,
        fx=focal,
        fy=focal,
        cx=width / 2 + float(shift[0]),
        cy=height / 2 + float(shift[1]),
        k1=radial[0],
        k2=radial[1],
        k3=radial[2],
        p1=float(tangential[0]),
        p2=float(tangential[1]),
    )
    tagged_focal = focal * (1 + common + rng.uniform(-1, 1) * own_error)
    miss = rng.uniform(-CENTRE_ERROR_PX, CENTRE_ERROR_PX, 2) * min(1.0, width / 1280)
    tagged = replace(
        camera, fx=tagged_focal, fy=tagged_focal, cx=camera.cx + float(miss[0]), cy=camera.cy + float(miss[1])
    )
    own = 0.0 if is_reference else 1.0
    true_angles = own * rng.uniform(-0.6, 0.6, 3)
    tagged_angles = true_angles + own * rng.uniform(-RIG_ANGLE_ERROR_DEG, RIG_ANGLE_ERROR_DEG, 3)
    true_light, tagged_light = _vignettings(size, corner_light, rng)
    return BandCamera(
        index=index,
        camera=camera,
        tagged=tagged,
        vignetting=true_light,
        tagged_vignetting=tagged_light,
        rotation=euler(_triple(true_angles)).T,
        offset=place,
        true_rotation_deg=_triple(true_angles),
        tagged_rotation_deg=_triple(tagged_angles),
    )


def _triple(values: FloatArray) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


def _vignettings(size: tuple[int, int], corner_light: float, rng: np.random.Generator) -> tuple[Vignetting, Vignetting]:
    """A true fall-off between cos^4 and cos^2 in shape, and the factory's within 1 % of brightness."""
    width, height = size
    corner = math.hypot(width, height) / 2
    loss = (1 - corner_light) * rng.uniform(0.85, 1.1)
    share = np.array([0.0, 0.75, 0.0, 0.35, 0.0, -0.10]) * loss
    wrong = np.zeros(6)
    wrong[1] = rng.uniform(-0.9, 0.9) * VIGNETTING_ERROR * corner_light
    centre = (width / 2 + rng.uniform(-15, 15) * width / 1280, height / 2 + rng.uniform(-15, 15) * width / 1280)
    powers = corner ** np.arange(1, 7)
    return (
        Vignetting(centre=centre, coefficients=tuple(float(c) for c in -share / powers)),
        Vignetting(centre=centre, coefficients=tuple(float(c) for c in (-share + wrong) / powers)),
    )


def corner_error(camera: BandCamera) -> float:
    """Largest difference of the tagged from the true brightness, relative."""
    size = camera.camera.width, camera.camera.height
    true, tagged = camera.vignetting.brightness(*size), camera.tagged_vignetting.brightness(*size)
    return float(np.abs(tagged / true - 1).max())
