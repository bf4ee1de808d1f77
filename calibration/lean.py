"""A sun sensor that leans: what it read wrongly beside the panel, told by the gains of lines flown both ways."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.daylight import beam_share
from calibration.heading import headings_of, line_axis, way_along_lines
from calibration.irradiance import horizontal_irradiance, sun_of
from calibration.model import RadiometricModel
from calibration.sun_series import Moments
from uav_workflow.domain.flight import BandImage
from uav_workflow.domain.product import Json

FloatArray = NDArray[np.float64]

_CERTAIN = 3.0
"""Standard errors from which a lean is believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorLean:
    """How a leaning sun sensor reads the sun, and what that does to the panel's factor.

    Attributes
    ----------
    along : float
        Relative error of the sun's part of a reading when heading along the lines; the opposite on the way back.
    along_sd : float
        Its standard error.
    at_panels : float64 (m,)
        Log error of the sensor's reading at each picture of a panel, by its heading and the sun's share.
    """

    along: float
    along_sd: float
    at_panels: FloatArray

    def to_json(self) -> dict[str, Json]:
        """Plain dictionary for JSON."""
        at_panels: list[Json] = [round(float(value), 5) for value in self.at_panels]
        return {"along_lines": self.along, "along_lines_sd": self.along_sd, "at_panels": at_panels}


def find_lean(
    images: Sequence[BandImage], at_panel: Sequence[BandImage], log_gains: FloatArray, model: RadiometricModel
) -> SensorLean | None:
    """Lean of the sun sensor from the gains that the overlaps of single pictures ask for; None when there is none.

    A sensor that is tilted without knowing levels the sun by a wrong angle: its error turns with the heading, and goes
    with the sun's share of the light. Over a survey flown both ways it cancels; beside the panel, at one heading, it
    does not, and would stay in the factor of panel over sensor. Only what lies along the lines can be told.

    Parameters
    ----------
    images : sequence of BandImage
        Survey pictures of one band.
    at_panel : sequence of BandImage
        Pictures of panels whose readings make the factor.
    log_gains : float64 (n,)
        Of the survey pictures.
    """
    order = Moments.of(images).seconds
    headings = headings_of(images, model, order if np.isfinite(order).all() else np.arange(len(images), dtype=float))
    shares, beside = (np.array([_sun_share(image, model) for image in group]) for group in (images, at_panel))
    # a panel's picture has no course: only a heading that is told counts
    turned = headings_of(at_panel, model, np.zeros(len(at_panel)))
    if not (np.isfinite(shares).all() and np.isfinite(beside).all() and np.isfinite(turned).all()):
        return None
    if not way_along_lines(headings).any():
        return None
    axis = line_axis(headings)
    terms = np.column_stack([np.ones(len(images)), np.cos(headings - axis) * shares])
    fitted, *_ = np.linalg.lstsq(terms, log_gains, rcond=None)
    rest, slope = log_gains - terms @ fitted, float(fitted[1])
    error = math.sqrt(float(rest @ rest) / (len(images) - 2) * np.linalg.inv(terms.T @ terms)[1, 1])
    if abs(slope) < _CERTAIN * error:
        return None
    return SensorLean(along=-slope, along_sd=error, at_panels=-slope * np.cos(turned - axis) * beside)


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
