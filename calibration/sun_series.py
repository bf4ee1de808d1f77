"""The sun sensor over a flight: one band's irradiance at every picture, cleaned of noise and gaps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.irradiance import SunSensorReading, horizontal_irradiance, sun_of
from calibration.model import RadiometricModel
from uav_workflow.domain.flight import BandImage

FloatArray = NDArray[np.float64]

_FEWEST = 10
"""Readings below which nothing is smoothed."""
_SPIKE = 1.5
STEADY_CV = 0.05
"""Variation below which the sky was steady."""
_MAD = 1.4826
"""Median absolute deviation of a normal distribution in standard deviations, inverse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """When the pictures of a band were taken, and how high the sun stood.

    Attributes
    ----------
    seconds : float64 (n,)
        On one clock; NaN where a picture has no time.
    sin_elevation : float64 (n,)
        Sine of the sun's elevation; NaN where unknown.
    """

    seconds: FloatArray
    sin_elevation: FloatArray

    @classmethod
    def of(cls, images: Sequence[BandImage]) -> Moments:
        """Moments of pictures; UTC where every picture has it, else the camera's own clock for the order in time."""
        in_utc = all(image.time_utc is not None for image in images)
        times = [image.time_utc if in_utc else image.time_local for image in images]
        suns = [sun_of(image) for image in images]
        return cls(
            seconds=np.array([math.nan if time is None else time.timestamp() for time in times]),
            sin_elevation=np.array([math.nan if s is None else math.sin(math.radians(s.elevation_deg)) for s in suns]),
        )

    @property
    def sun_is_known(self) -> bool:
        """Every picture has its sun above the horizon."""
        return bool((self.sin_elevation > 0).all())

    @property
    def scale(self) -> FloatArray:
        """Sine of the elevation, or ones where it is unknown for any picture."""
        return self.sin_elevation if self.sun_is_known else np.ones_like(self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class SunSeries:
    """Irradiance of the sun sensor at the pictures of one band.

    Attributes
    ----------
    irradiance : float64 (n,)
        Horizontal, the sensor's unit; no gaps.
    variation : float
        Change of the light itself: standard deviation of irradiance over sin(elevation), running median of five, about
        its straight line, relative; NaN when readings are too few.
    noise : float
        Spread of single readings about that running median, relative; NaN when too few.
    tilt_deg : float
        95th percentile.
    treatment : str
        ``as read`` or ``steady sky``.
    used : int
        Readings that counted; the others were missing or too tilted.
    """

    irradiance: FloatArray
    variation: float
    noise: float
    tilt_deg: float
    treatment: str
    used: int
    attitude_corrected: bool


def sun_series(
    images: Sequence[BandImage], moments: Moments, model: RadiometricModel, *, smooth: bool, survey: NDArray[np.bool_]
) -> SunSeries | None:
    """Sun sensor at every picture of one band, or None when fewer than half the pictures have a reading.

    Parameters
    ----------
    images : sequence of BandImage
        Survey and panel pictures of one band.
    survey : bool (n,)
        Which of them are survey pictures: a sensor held beside a panel may be shaded and does not shape the line.
    """
    readings = [horizontal_irradiance(model, image, sun_of(image)) for image in images]
    raw = np.array([_usable(reading, model.irradiance.max_tilt_deg) for reading in readings])
    known = np.isfinite(raw)
    if known.sum() < max(1, len(images) / 2):
        return None
    order = _order(moments.seconds)
    filled = _filled(raw, order)
    normal = filled / moments.scale
    variation, noise, treatment, values = math.nan, math.nan, "as read", filled
    if known[survey].sum() >= _FEWEST:
        chosen = known & survey
        line = _line(order, normal, chosen)
        lasting = _running_median(normal[chosen], order[chosen], 5)
        # a robust spread would overlook clouds that cover less than half of the flight
        variation = float(np.std(lasting / line[chosen] - 1))
        noise = float(_MAD * np.median(np.abs(normal[chosen] / lasting - 1)))
        if smooth and variation < STEADY_CV:
            treatment, values = "steady sky", line * moments.scale
        elif smooth:
            values = _without_spikes(normal, order) * moments.scale
    tilts = [reading.tilt_deg for reading in readings if reading and math.isfinite(reading.tilt_deg)]
    return SunSeries(
        irradiance=values,
        variation=variation,
        noise=noise,
        tilt_deg=float(np.percentile(tilts, 95)) if tilts else math.nan,
        treatment=treatment,
        used=int(known.sum()),
        attitude_corrected=all(reading.attitude_corrected for reading in readings if reading),
    )


def _usable(reading: SunSensorReading | None, max_tilt_deg: float) -> float:
    if reading is None or reading.tilt_deg > max_tilt_deg:
        return math.nan
    return reading.horizontal


def _order(seconds: FloatArray) -> FloatArray:
    """Seconds, or the running number of the picture where a time is missing."""
    return seconds if np.isfinite(seconds).all() else np.arange(len(seconds), dtype=float)


def _filled(values: FloatArray, order: FloatArray) -> FloatArray:
    """Gaps interpolated in time, constant at the ends."""
    known = np.isfinite(values)
    ranks = np.argsort(order[known])
    return np.where(known, values, np.interp(order, order[known][ranks], values[known][ranks]))


def _line(order: FloatArray, values: FloatArray, chosen: NDArray[np.bool_]) -> FloatArray:
    """Robust straight line through the chosen values (Theil, 1950; Sen, 1968), constant outside their span."""
    from scipy.stats import theilslopes

    stride = max(1, int(chosen.sum()) // 400)
    x, y = order[chosen][::stride], values[chosen][::stride]
    if np.ptp(x) == 0:
        return np.full_like(values, np.median(y))
    slope, intercept, *_ = theilslopes(y, x - x[0])
    line: FloatArray = intercept + slope * (np.clip(order, x.min(), x.max()) - x[0])
    return line


def _running_median(values: FloatArray, order: FloatArray, width: int) -> FloatArray:
    ranks = np.argsort(order, kind="stable")
    padded = np.pad(values[ranks], width // 2, mode="edge")
    out = np.empty_like(values)
    out[ranks] = np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1)
    return out


def _without_spikes(values: FloatArray, order: FloatArray) -> FloatArray:
    """Single readings far above both neighbours replaced: clouds brighten the ground by a third at most.

    Nothing else is smoothed under a changing sky, the edge of a cloud passes between two captures.
    """
    middle = _running_median(values, order, 3)
    return np.where(values > _SPIKE * middle, middle, values)
