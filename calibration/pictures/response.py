"""Digital numbers to radiance: black level, vignetting, row gradient, exposure, gain and response."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from calibration.sensors.keys import RowGradient, Vignette
from calibration.sensors.model import RadiometricModel, numbers_of
from uav_workflow.domain.flight import BandImage
from uav_workflow.errors import CalibrationError

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

_MAPS_KEPT = 16
"""Vignetting maps remembered: every band of the largest rig, twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """Radiometric response of one picture, from its tags: ``L = (DN - black) * vignette * rows * scale``.

    Attributes
    ----------
    black : float
        Black level, digital numbers.
    scale : float
        Radiance of one digital number above black, at a pixel free of vignetting.
    row_gradient : (a2, a3) or None
        Read-out gradient of a global-shutter MicaSense sensor.
    vignette : float32 (height, width) or None
        Multiplier.
    invalid_pixels : tuple of (column, row)
        Defective pixels named by the factory.
    """

    black: float
    scale: float
    exposure_s: float
    row_gradient: tuple[float, float] | None
    vignette: FloatArray | None
    saturation_dn: int
    invalid_pixels: tuple[tuple[int, int], ...]

    @property
    def full_scale(self) -> float:
        """Radiance at which an unvignetted pixel saturates."""
        return (self.saturation_dn - self.black) * self.scale

    def filled(self, dn: NDArray[np.uint16]) -> FloatArray:
        """Share of the usable range, black to saturation, that each pixel fills; same shape, float32."""
        return ((dn - np.float32(self.black)) / np.float32(self.saturation_dn - self.black)).astype(np.float32)

    def apply(self, dn: NDArray[np.uint16] | FloatArray, out: FloatArray | None = None) -> tuple[FloatArray, BoolArray]:
        """Radiance float32 (height, width), into ``out`` where it is given, and the mask of invalid pixels.

        Both on the raw grid; the mask is taken from the numbers before anything is divided. Radiance below black stays
        negative, so that means over dark regions are unbiased.
        """
        invalid = dn >= self.saturation_dn
        for column, row in self.invalid_pixels:
            invalid[row, column] = True
        out = np.subtract(dn, np.float32(self.black), out=out, dtype=np.float32)
        if self.vignette is not None:
            out *= self.vignette
        out *= self._rows(dn.shape[0])
        return out, invalid

    def _rows(self, height: int) -> FloatArray | np.float32:
        """Scale times the row gradient R(y) = 1 / (1 + a2 y / t - a3 y)."""
        if self.row_gradient is None:
            return np.float32(self.scale)
        a2, a3 = self.row_gradient
        y = np.arange(height, dtype=np.float64)[:, np.newaxis]
        return (self.scale / (1 + a2 * y / self.exposure_s - a3 * y)).astype(np.float32)


def response(model: RadiometricModel, image: BandImage) -> Response:
    """Radiometric response of one picture.

    Notes
    -----
    ``linear``: L = f (DN - black) V(x, y) R(y) / (2^bits g t d): MicaSense with f = a1, g = ISO / 100 (RedEdge camera
    radiometric calibration model); DJI with f = SensorGainAdjustment, g = SensorGain (P4 Multispectral image processing
    guide 2020, eq. 3 - 6). ``sequoia``: I = f^2 (DN - B) / (A t ISO + C), an arbitrary unit common to the four bands
    (Parrot, application note SEQ-AN-01); firmware that does not state A, B, C gives f^2 (DN - black) / (t ISO),
    comparable inside one band alone.

    Raises
    ------
    CalibrationError
        A tag the formula needs is missing, or the picture is normalised already.
    """
    if image.tags.number(model.normalised) == 1:
        raise CalibrationError(
            f"{image.name}: {model.normalised} says that somebody has normalised the picture already; give the "
            "pictures of the card"
        )
    exposure_s = model.exposure_s(image)
    black, scale = _LAWS[model.response.law](model, image, exposure_s)
    return Response(
        black=black,
        scale=scale,
        exposure_s=exposure_s,
        row_gradient=_gradient_of(model.row_gradient, image),
        vignette=_vignette_of(model.vignette, image) if model.vignette else None,
        saturation_dn=model.saturation_of(image),
        invalid_pixels=_invalid_pixels(model, image),
    )


def radiance(
    model: RadiometricModel, image: BandImage, dn: NDArray[np.uint16] | FloatArray
) -> tuple[FloatArray, BoolArray]:
    """Radiance of one picture.

    Parameters
    ----------
    model : RadiometricModel
    image : BandImage
        Its tags are read; its file is not.
    dn : uint16 or float32 (height, width)
        Stored numbers on the raw grid, orientation not applied.

    Returns
    -------
    radiance : float32 (height, width)
        W m-2 sr-1 nm-1 where ``model.quantity`` is ``si``; negative below black.
    invalid : bool (height, width)
        Saturated and defective pixels.

    Raises
    ------
    CalibrationError
        A tag the formula needs is missing, or the array is not of the picture's size.
    """
    if dn.shape != (image.height, image.width):
        raise CalibrationError(f"{image.name}: pixels are {dn.shape}, the header says {(image.height, image.width)}")
    return response(model, image).apply(dn)


def _linear(model: RadiometricModel, image: BandImage, exposure_s: float) -> tuple[float, float]:
    """Black level and scale of the linear law."""
    scale = model.factor_of(image) / (2 ** model.bits_of(image) * model.gain_of(image) * exposure_s)
    return model.black_of(image), scale


def _sequoia(model: RadiometricModel, image: BandImage, exposure_s: float) -> tuple[float, float]:
    """Black level and scale of the Sequoia's law; B takes the place of the black level of the tags."""
    f_number = image.tags.number("EXIF:FNumber")
    if not f_number:
        raise CalibrationError(f"{image.name}: no EXIF:FNumber; the Sequoia's law needs it")
    iso = model.gain_of(image)
    constants = numbers_of(image.tags, model.response.constants)
    if len(constants) == 3:
        a, b, c = constants
        return b, f_number**2 / (a * exposure_s * iso + c)
    return model.black_of(image), f_number**2 / (exposure_s * iso)


_LAWS = {"linear": _linear, "sequoia": _sequoia}


def _gradient_of(rule: RowGradient | None, image: BandImage) -> tuple[float, float] | None:
    if rule is None:
        return None
    numbers = numbers_of(image.tags, rule.tags)
    a2, a3 = rule.places
    return (numbers[a2], numbers[a3]) if len(numbers) > max(rule.places) else None


def _invalid_pixels(model: RadiometricModel, image: BandImage) -> tuple[tuple[int, int], ...]:
    flat = [int(number) for number in numbers_of(image.tags, model.invalid_pixels)]
    pairs = zip(flat[::2], flat[1::2], strict=False)
    return tuple((x, y) for x, y in pairs if 0 <= x < image.width and 0 <= y < image.height)


def _vignette_of(rule: Vignette, image: BandImage) -> FloatArray | None:
    surface, exponents = numbers_of(image.tags, rule.surface), numbers_of(image.tags, rule.exponents)
    if surface:
        if len(exponents) != 2 * len(surface):
            raise CalibrationError(
                f"{image.name}: {' or '.join(rule.surface)} has {len(surface)} coefficients but {len(exponents)} "
                "exponents; the picture's tags are damaged"
            )
        powers = tuple(int(number) for number in exponents)
        return _surface(surface, powers, image.width, image.height, rule.apply)
    radial = numbers_of(image.tags, rule.radial)
    joined = (tuple(n for name in names for n in image.tags.numbers(name)) for names in rule.centre)
    centre = next((numbers for numbers in joined if len(numbers) == 2), None)
    if radial and centre:
        ascending = radial if rule.order == "ascending" else radial[::-1]
        unit = 1.0 if rule.coordinates == "pixel" else math.hypot(image.width, image.height) / 2
        return _radial(ascending, (centre[0], centre[1]), unit, (image.width, image.height), rule.apply)
    if not rule.required:
        return None
    raise CalibrationError(
        f"{image.name}: no vignetting polynomial ({' or '.join((*rule.radial, *rule.surface))}); corners would be "
        "wrong by up to a factor of two"
    )


@lru_cache(maxsize=_MAPS_KEPT)
def _radial(
    coefficients: tuple[float, ...], centre: tuple[float, float], unit: float, size: tuple[int, int], apply: str
) -> FloatArray:
    """Multiplier from 1 + c0 r + c1 r^2 + ..., r from the centre; pixel (0, 0) has its centre at 0."""
    width, height = size
    radius = np.hypot(np.arange(width)[np.newaxis, :] - centre[0], np.arange(height)[:, np.newaxis] - centre[1]) / unit
    polynomial = np.zeros_like(radius)
    for coefficient in reversed(coefficients):
        polynomial = (polynomial + coefficient) * radius
    return _multiplier(1 + polynomial, apply)


@lru_cache(maxsize=_MAPS_KEPT)
def _surface(
    coefficients: tuple[float, ...], exponents: tuple[int, ...], width: int, height: int, apply: str
) -> FloatArray:
    """Multiplier from sum of c_k (x / width)^n_k (y / height)^m_k."""
    x, y = np.arange(width) / width, np.arange(height) / height
    degree = max(exponents)
    table = np.zeros((degree + 1, degree + 1))
    for c, n, m in zip(coefficients, exponents[::2], exponents[1::2], strict=True):
        table[m, n] += c
    powers = np.arange(degree + 1)
    polynomial = (y[:, np.newaxis] ** powers) @ table @ (x[np.newaxis, :] ** powers[:, np.newaxis])
    return _multiplier(polynomial, apply)


def _multiplier(polynomial: NDArray[np.float64], apply: str) -> FloatArray:
    if not math.isfinite(polynomial.min()) or polynomial.min() <= 0:
        raise CalibrationError("the vignetting polynomial of a picture falls to zero or below; its tags are damaged")
    out = (1 / polynomial if apply == "divide" else polynomial).astype(np.float32)
    out.setflags(write=False)  # shared by every picture of the band
    return out
