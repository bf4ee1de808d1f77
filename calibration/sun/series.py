"""The sun sensor over a flight: one band's irradiance at every picture, cleaned of noise and gaps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.sensors.model import RadiometricModel
from calibration.sun.daylight import COVERED
from calibration.sun.heading import bias_of, headings_of, way_along_lines
from calibration.sun.irradiance import LightFrom, SunSensorReading, horizontal_irradiance, sun_of
from calibration.sun.levelling import AS_READ, Levelling, fit_levelling
from calibration.sun.sunshine import sunshine_records
from uav_workflow.domain.flight import BandImage

FloatArray = NDArray[np.float64]

_FEWEST = 10
"""Readings below which nothing is smoothed."""
_SPIKE = 1.5
STEADY_CV = 0.05
"""Variation below which the sky was steady."""
_EXPLAINED, _QUIET = 0.5, 0.02
"""The heading is to blame where it takes away half of the variation; below the second nothing else is."""
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
    as_read : float64 (n,)
        The same before anything was smoothed or drawn onto a line.
    variation : float
        Change of the light itself: standard deviation of irradiance over sin(elevation), running median of five, about
        its straight line, relative, what goes with the heading taken out; NaN when readings are too few.
    noise : float
        Spread of single readings about that running median, relative; NaN when too few.
    jump : float
        Largest relative change from one survey reading to the next; NaN when there are none.
    jump_at : str
        Its picture.
    heading_bias : float
        Relative difference between lines forward and backward; NaN where lines run one way or readings are too few.
    tilt_deg : float
        95th percentile.
    treatment : str
        ``as read`` or ``steady sky``.
    used : int
        Readings that counted; the others were missing or too tilted.
    missing : float
        Share of the survey pictures whose reading did not count.
    direct_to_diffuse, clearness : float
        Medians over the survey; NaN where not known.
    levelling : Levelling
        Of Parrot's sunshine sensor.
    """

    irradiance: FloatArray
    as_read: FloatArray
    variation: float
    noise: float
    jump: float
    jump_at: str
    heading_bias: float
    tilt_deg: float
    treatment: str
    used: int
    missing: float
    direct_to_diffuse: float
    clearness: float
    attitude_corrected: bool
    levelling: Levelling = AS_READ


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRule:
    """How readings become a series.

    Attributes
    ----------
    smooth : bool
        Take noise out as the sky allows.
    line : bool or None
        Whether the light ran along a straight line; None: as the readings' own variation says.
    light_from : {"sun", "both", "sky"}
        See `horizontal_irradiance`.
    """

    smooth: bool = True
    line: bool | None = None
    light_from: LightFrom = "sun"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Light:
    """What readings are taken for, over the sine of the sun's height (None: as they are), and what they say of the
    light; see `SunSeries`.
    """

    normal: FloatArray | None = None
    variation: float = math.nan
    noise: float = math.nan
    bias: float = math.nan
    treatment: str = "as read"

    @classmethod
    def of(
        cls, normal: FloatArray, chosen: NDArray[np.bool_], order: FloatArray, ways: FloatArray, rule: SeriesRule
    ) -> _Light:
        """Judged by the chosen readings, smoothed as the sky allows."""
        line = _line(order, normal, chosen)
        bias, level = _heading(normal / line - 1, chosen, ways)
        (variation, noise), (without, _) = (_spread(normal / by, line, chosen, order) for by in (1.0, level))
        if without < _EXPLAINED * variation:
            variation = without
        elif variation > _QUIET:
            bias = math.nan  # light that changed by itself differs between lines by chance
        treatment, taken = "as read", None if not rule.smooth else _without_spikes(normal, order)
        steady = variation < STEADY_CV if rule.line is None else rule.line
        if rule.smooth and steady:
            treatment, taken = "steady sky", line
        return cls(normal=taken, variation=variation, noise=noise, bias=bias, treatment=treatment)


def sun_series(
    images: Sequence[BandImage],
    moments: Moments,
    model: RadiometricModel,
    *,
    survey: NDArray[np.bool_],
    rule: SeriesRule | None = None,
) -> SunSeries | None:
    """Sun sensor at every picture of one band, or None when fewer than half the pictures have a reading.

    Parameters
    ----------
    images : sequence of BandImage
        Survey and panel pictures of one band.
    survey : bool (n,)
        Which of them are survey pictures: a sensor held beside a panel may be shaded and does not shape the line.
    """
    rule = rule or SeriesRule()
    levelling = _levelling(images, moments, model, rule.light_from)
    readings = [horizontal_irradiance(model, image, sun_of(image), rule.light_from, levelling) for image in images]
    raw = np.array([_usable(reading, model.irradiance.max_tilt_deg) for reading in readings])
    known = np.isfinite(raw)
    if known.sum() < max(1, len(images) / 2):
        return None
    order = _order(moments.seconds)
    filled = _filled(raw, order)
    of_survey = [reading for reading, own in zip(readings, survey, strict=True) if reading is not None and own]
    normal, chosen = filled / moments.scale, known & survey
    light = _Light()
    if chosen.sum() >= _FEWEST:
        ways = way_along_lines(headings_of(images, model, order)) if _shone(of_survey) else np.zeros(len(order))
        light = _Light.of(normal, chosen, order, ways, rule)
    jump, jump_at = _jump(normal, chosen, order, images)
    return SunSeries(
        irradiance=filled if light.normal is None else light.normal * moments.scale,
        as_read=filled,
        variation=light.variation,
        noise=light.noise,
        jump=jump,
        jump_at=jump_at,
        heading_bias=light.bias,
        tilt_deg=_statistic([r.tilt_deg for r in readings if r is not None], 95),
        treatment=light.treatment,
        used=int(known.sum()),
        missing=float(1 - known[survey].mean()) if survey.any() else math.nan,
        direct_to_diffuse=_statistic([r.direct_to_diffuse for r in of_survey], 50),
        clearness=_statistic([r.clearness for r in of_survey], 50),
        attitude_corrected=all(reading.attitude_corrected for reading in readings if reading),
        levelling=levelling,
    )


def _levelling(
    images: Sequence[BandImage], moments: Moments, model: RadiometricModel, light_from: LightFrom
) -> Levelling:
    """How Parrot's sensor is levelled over a flight; light that came from everywhere needs no levelling."""
    if model.irradiance.kind != "sunshine" or light_from == "sky":
        return AS_READ
    in_time = [images[place] for place in np.argsort(_order(moments.seconds), kind="stable")]
    listed = ((sunshine_records(image), sun_of(image)) for image in in_time)
    return fit_levelling([(records, sun) for records, sun in listed if records is not None])


def _shone(readings: Sequence[SunSensorReading]) -> bool:
    """Whether there was a sun that a tilted sensor could turn to or from; True where nothing tells."""
    ratio = _statistic([reading.direct_to_diffuse for reading in readings], 50)
    clear = _statistic([reading.clearness for reading in readings], 50)
    return not (ratio < 1.0 if math.isfinite(ratio) else clear < COVERED)


def _statistic(values: Sequence[float], percentile: float) -> float:
    """Percentile of the finite values; NaN when there are none."""
    finite = [value for value in values if math.isfinite(value)]
    return float(np.percentile(finite, percentile)) if finite else math.nan


def _heading(departure: FloatArray, chosen: NDArray[np.bool_], ways: FloatArray) -> tuple[float, FloatArray]:
    """Bias between the ways, and the level that each reading has by its way (1 where the ways are unknown)."""
    bias = bias_of(np.where(chosen, departure, math.nan), ways)
    return abs(bias), 1 + (ways * bias / 2 if math.isfinite(bias) else np.zeros_like(ways))


def _spread(normal: FloatArray, line: FloatArray, chosen: NDArray[np.bool_], order: FloatArray) -> tuple[float, float]:
    """Variation of the light and noise of single readings; see `SunSeries`."""
    lasting = _running_median(normal[chosen], order[chosen], 5)
    # a robust spread would overlook clouds that cover less than half of the flight
    variation = float(np.std(lasting / line[chosen] - 1))
    return variation, float(_MAD * np.median(np.abs(normal[chosen] / lasting - 1)))


def _jump(
    normal: FloatArray, chosen: NDArray[np.bool_], order: FloatArray, images: Sequence[BandImage]
) -> tuple[float, str]:
    """Largest relative change between survey readings that follow each other, and the later picture."""
    places = np.flatnonzero(chosen)[np.argsort(order[chosen], kind="stable")]
    if len(places) < 2:
        return math.nan, ""
    steps = np.abs(np.expm1(np.abs(np.diff(np.log(normal[places])))))
    worst = int(np.argmax(steps))
    return float(steps[worst]), images[places[worst + 1]].name


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
