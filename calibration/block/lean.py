"""A sun sensor that leans: what it read wrongly beside the panel, told by the gains of lines flown both ways."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.sensors.model import RadiometricModel
from calibration.sun.daylight import beam_share
from calibration.sun.heading import headings_of, line_axis, way_along_lines
from calibration.sun.irradiance import horizontal_irradiance, sun_of
from calibration.sun.series import Moments
from uav_workflow.domain.flight import BandImage
from uav_workflow.domain.product import Json

FloatArray = NDArray[np.float64]

_CERTAIN = 3.0
"""Standard errors from which a lean is believed."""
_LEAST_ERROR = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorLean:
    """How a leaning sun sensor reads the sun.

    Attributes
    ----------
    along : float
        Relative error of the sun's part of a reading when heading along the lines; the opposite on the way back.
    along_sd : float
        Its standard error.
    axis : float
        Heading along the lines, radians from north.
    """

    along: float
    along_sd: float
    axis: float

    def beside(self, at_panel: Sequence[BandImage], model: RadiometricModel) -> FloatArray | None:
        """Log error of the readings at pictures of a panel, by heading and the sun's share; None where one is unknown.

        Only what lies along the lines can be told: a lean across them stays.
        """
        # a panel's picture has no course: only a heading that is told counts
        turned = headings_of(at_panel, model, np.zeros(len(at_panel)))
        errors = self.along * np.cos(turned - self.axis) * _sun_shares(at_panel, model)
        return errors if np.isfinite(errors).all() else None

    def to_json(self) -> dict[str, Json]:
        """Plain dictionary for JSON."""
        return {"along_lines": self.along, "along_lines_sd": self.along_sd, "heading_deg": math.degrees(self.axis)}


def fit_lean(images: Sequence[BandImage], log_gains: FloatArray, model: RadiometricModel) -> SensorLean | None:
    """Lean of the sun sensor from the gains that the overlaps of a band's survey pictures ask for.

    A sensor that is tilted without knowing levels the sun by a wrong angle: its error turns with the heading, and goes
    with the sun's share of the light. Over a survey flown both ways it cancels; beside the panel, at one heading, it
    does not, and would stay in the factor of panel over sensor.

    Returns
    -------
    SensorLean or None
        None where lines run one way, or headings or the sun's share are unknown. Certain or not: see `certain_lean`.
    """
    order = Moments.of(images).seconds
    headings = headings_of(images, model, order if np.isfinite(order).all() else np.arange(len(images), dtype=float))
    shares = _sun_shares(images, model)
    if not np.isfinite(shares).all() or not way_along_lines(headings).any() or not np.isfinite(headings).all():
        return None
    axis = line_axis(headings)
    terms = np.column_stack([np.ones(len(images)), np.cos(headings - axis) * shares])
    fitted, *_ = np.linalg.lstsq(terms, log_gains, rcond=None)
    rest = log_gains - terms @ fitted
    error = math.sqrt(float(rest @ rest) / (len(images) - 2) * np.linalg.inv(terms.T @ terms)[1, 1])
    return SensorLean(along=-float(fitted[1]), along_sd=max(error, _LEAST_ERROR), axis=axis)


def certain_lean(bands: Sequence[SensorLean]) -> SensorLean | None:
    """Lean of the one body all bands of a sensor share, weighted by their errors; None where it may be chance."""
    if not bands:
        return None
    weights = np.array([band.along_sd for band in bands]) ** -2.0
    along = float(np.average([band.along for band in bands], weights=weights))
    # the bands' gains come from the same tie points: together they are hardly surer than the best of them
    error = min(band.along_sd for band in bands)
    if abs(along) < _CERTAIN * error:
        return None
    return SensorLean(along=along, along_sd=error, axis=bands[0].axis)


def _sun_shares(images: Sequence[BandImage], model: RadiometricModel) -> FloatArray:
    return np.array([_sun_share(image, model) for image in images])


def _sun_share(image: BandImage, model: RadiometricModel) -> float:
    """Share of the light on a level plane that is the sun's own; NaN where the sensor tells nothing of it."""
    sun = sun_of(image)
    reading = horizontal_irradiance(model, image, sun)
    if sun is None or reading is None:
        return math.nan
    ratio = reading.direct_to_diffuse
    if not math.isfinite(ratio):
        if not math.isfinite(reading.clearness):
            return math.nan
        ratio = model.irradiance.direct_to_diffuse * beam_share(reading.clearness)
    upright = ratio * math.sin(math.radians(sun.elevation_deg))
    return upright / (1 + upright)
