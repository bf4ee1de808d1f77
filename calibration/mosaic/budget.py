"""The uncertainty of reflectance, part by part: which errors a whole flight shares, which a photo, a place, a pixel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.mosaic.empirical_line import EmpiricalLine
from calibration.mosaic.ground_look import GroundLook
from calibration.mosaic.repeatability import Repeatability
from uav_workflow.domain.product import Json

FloatArray = NDArray[np.float64]
Layer = NDArray[np.float32]

_OF_FLIGHT = ("panel", "region", "drift_assumed", "sun_sensor_bias", "level")
"""Parts of calibration.json that all photos of a band share."""
_STEADY = "steady sky"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """How the pixels of a block were seen, (rows, columns) each.

    Attributes
    ----------
    source : int64
        Numbers of source_index.tif, 0 where unknown.
    direction : float32 (2, rows, columns)
        From the pixel to its source: metres east and north a metre up.
    look : GroundLook
        Of the patches round the pixels.
    """

    source: NDArray[np.int64]
    direction: Layer
    look: GroundLook


@dataclass(frozen=True, slots=True, kw_only=True)
class BandBudget:
    """Relative standard uncertainties of one band before any empirical line, and the line.

    Attributes
    ----------
    flight : mapping
        Part to value, the same for every pixel: panel, region, drift_assumed, sun_sensor_bias, sun_sensor, level.
    photo : mapping
        Part to float64 (sources + 1,), by the number in source_index.tif; number 0, no source known, has the root
        mean square of the others.
    view : Repeatability or None
        Of single views of a patch; None where no photos could be compared.
    noise : float64 (sources + 1,)
        Variance of a pixel over its reflectance: shot noise grows with light. NaN where nobody measured it.
    line : EmpiricalLine or None
        Takes the place of all that the flight shares: it is fitted to the ground itself.
    """

    band: str
    flight: Mapping[str, float]
    photo: Mapping[str, FloatArray]
    view: Repeatability | None
    noise: FloatArray
    line: EmpiricalLine | None = None

    def shared(self, value: Layer, sight: Sight) -> Layer:
        """Standard uncertainty of the errors that neighbouring pixels have together, in reflectance.

        Parameters
        ----------
        value : float32 (rows, columns)
            The mosaic before the line.
        sight : Sight
            How these pixels were seen.
        """
        own = self._photo2()[sight.source]
        if self.view is not None:
            own = own + self.view.variance(sight.look, sight.direction)
        if self.line is None:
            common = np.float32(sum(part**2 for part in self.flight.values()))
            return np.asarray(np.abs(value) * np.sqrt(common + own), np.float32)
        single = np.square(np.float32(self.line.slope) * value) * own
        return np.asarray(
            np.sqrt(self.line.variance(value) + np.float32(self.line.residual_sd**2) + single), np.float32
        )

    def from_above(self, value: Layer, sight: Sight) -> Layer:
        """The mosaic's value (rows, columns) as it would be seen from above; the same where no slant is corrected."""
        if self.view is None or not self.view.slant.corrected:
            return value
        return np.asarray(
            value * np.exp(-self.view.slant.log_brightness(sight.look.greenness, sight.direction)), np.float32
        )

    def _photo2(self) -> Layer:
        """Variance of a photo's level, relative, by source."""
        total = np.zeros(len(self.noise))
        for part in self.photo.values():
            total = total + part**2
        return total.astype(np.float32)

    def pixel(self, value: Layer, source: NDArray[np.int64]) -> Layer:
        """Standard uncertainty of the noise, independent from pixel to pixel, in reflectance; NaN where unknown."""
        slope = np.float32(1.0 if self.line is None else self.line.slope)
        return slope * np.sqrt(self.noise.astype(np.float32)[source] * np.maximum(value, np.float32(0)))

    def to_json(self) -> dict[str, Json]:
        """Plain dictionary for JSON: parts of photos as their root mean square and their largest."""
        photo: dict[str, Json] = {
            name: {"rms": round(_rms(part[1:]), 5), "largest": round(float(part[1:].max()), 5)}
            for name, part in self.photo.items()
            if len(part) > 1
        }
        return {
            "band": self.band,
            "flight": {name: round(value, 5) for name, value in self.flight.items()} if self.line is None else {},
            "photo": photo,
            "view": self.view.to_json() if self.view is not None else None,
            "line": self.line.to_json() if self.line is not None else None,
            "noise_known": bool(np.isfinite(self.noise).any()),
        }


SHARED, PIXEL = "_shared", "_pixel"
"""Ends of the names of a band's two layers in reflectance_sd.tif."""


def sd_of_mean(shared: FloatArray, pixel: FloatArray) -> float:
    """Standard uncertainty of the mean of pixels that lie together, such as a plot's.

    What they share does not average out, their noise does; unknown noise counts as none.

    Parameters
    ----------
    shared, pixel : float64, one shape
        Both layers of reflectance_sd.tif at the pixels.
    """
    noise = np.nan_to_num(np.asarray(pixel, np.float64))
    return float(np.hypot(np.mean(shared), math.sqrt(float(np.sum(noise**2))) / noise.size))


@dataclass(frozen=True, slots=True, kw_only=True)
class Photos:
    """Names of a mosaic's sources and what calibration.json says of their pictures in one band.

    Attributes
    ----------
    facts : sequence of mapping
        By source; empty where the source is not found.
    """

    facts: Sequence[Mapping[str, Any]] = field(default_factory=tuple)

    def numbers(self, key: str) -> FloatArray:
        """One fact of every source, NaN where absent."""
        found = [facts.get(key) for facts in self.facts]
        return np.array([math.nan if value is None else float(value) for value in found], np.float64)


def budget_of(
    band: str,
    calibrated: Mapping[str, Any],
    photos: Photos,
    *,
    noise_per_count: float,
    repeated: Repeatability | None,
    line: EmpiricalLine | None,
) -> BandBudget:
    """Put a band's budget together.

    Parameters
    ----------
    calibrated : mapping
        The band's entry of calibration.json; empty where its captures were not calibrated.
    noise_per_count : float
        Variance of a digital number over its height above black, at gain 1; NaN where unknown.
    """
    parts = dict(calibrated.get("relative_uncertainty") or {})
    flight = {name: float(parts[name]) for name in _OF_FLIGHT if name in parts}
    single: dict[str, float] = {}
    if "sun_sensor" in parts:
        target = flight if calibrated.get("sun_sensor") == _STEADY else single
        target["sun_sensor"] = float(parts["sun_sensor"])
    if "block" in parts:
        single["block"] = float(parts["block"])
    if repeated is not None:
        # what neighbouring photos disagree by contains what single readings of the sensor are off; block adjustment
        # bends a flight slowly, which neighbours don't tell
        single.pop("sun_sensor", None)
    count = len(photos.facts)
    photo = {name: np.full(count + 1, value) for name, value in single.items()}
    if "drift" in parts:
        photo["drift"] = _with_unknown(drift(photos.numbers("seconds"), calibrated.get("visits") or ()))
    noise = noise_per_count * photos.numbers("gain") * photos.numbers("reflectance_per_count")
    return BandBudget(
        band=band,
        flight=flight,
        photo=photo,
        view=repeated,
        noise=np.concatenate([[np.nanmean(noise) if np.isfinite(noise).any() else math.nan], noise]),
        line=line,
    )


def drift(seconds: FloatArray, visits: Sequence[Mapping[str, Any]]) -> FloatArray:
    """Relative standard uncertainty of the panel factor at moments, interpolated between visits to the panel.

    The factor is taken for a random walk whose steps between visits are all that is known of its pace: between two
    visits it is a Brownian bridge, variance d² u (1 - u) at the share u of the way, d the step; outside them it goes
    on walking. 0 at a visit, where the panel was read.
    """
    known = [(float(row["seconds"]), float(row["factor"])) for row in visits if row.get("seconds") is not None]
    if len(known) < 2:
        return np.zeros_like(seconds)
    times, factors = np.array(sorted(known)).T
    middle = factors.mean()
    steps, spans = np.diff(factors) / middle, np.maximum(np.diff(times), 1e-9)
    pace = float(np.mean(steps**2 / spans))
    at = np.where(np.isfinite(seconds), seconds, times.mean())
    leg = np.clip(np.searchsorted(times, at) - 1, 0, len(steps) - 1)
    share = np.clip((at - times[leg]) / spans[leg], 0.0, 1.0)
    outside = np.maximum(times[0] - at, 0) + np.maximum(at - times[-1], 0)
    return np.asarray(np.sqrt(steps[leg] ** 2 * share * (1 - share) + pace * outside), np.float64)


def _with_unknown(values: FloatArray) -> FloatArray:
    return np.concatenate([[_rms(values)], values])


def _rms(values: FloatArray) -> float:
    return math.sqrt(float(np.mean(np.square(values)))) if len(values) else 0.0
