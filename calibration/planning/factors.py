"""Panel and sun sensor together: the irradiance that turns each picture's radiance into reflectance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from calibration.gates import RULES
from calibration.panels.gates import factor_gate, has_failed, panel_gates, visit_gates
from calibration.panels.search import PanelReading
from calibration.planning.settings import CalibrationSettings
from calibration.planning.visits import PanelVisits, Tie
from calibration.sensors.model import RadiometricModel
from calibration.sun.gates import sensor_gates
from calibration.sun.levelling import AS_READ, Levelling
from calibration.sun.series import Moments, SeriesRule, SunSeries, sun_series
from calibration.sun.sky import Sky
from uav_workflow.domain.flight import BandImage
from uav_workflow.domain.product import Json
from uav_workflow.domain.quality import Gate
from uav_workflow.errors import CalibrationError

FloatArray = NDArray[np.float64]
BOTH, PANEL, SUN_SENSOR, RELATIVE = "panel and sun sensor", "panel", "sun sensor", "none"
_UNSEEN_DRIFT = {BOTH: 0.034, PANEL: 0.05}
"""Relative drift assumed when the panel was visited once: the largest of five bands in a real flight of 34 minutes
with a sun sensor, and the level at which a drift is warned of without one."""
_SENSOR_BIAS = 0.21
"""Relative bias of irradiance from the sun sensor alone: panel over sun sensor was 0.79 - 1.21 on a RedEdge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BandIllumination:
    """Light of one band over a flight.

    Attributes
    ----------
    basis : str
        ``panel and sun sensor``, ``panel``, ``sun sensor`` or ``none``.
    irradiance : mapping
        Image, of the survey or of a panel, to horizontal irradiance; empty when basis is ``none``.
    visits : tuple of (seconds, factor)
        Visits to the panel: factor panel / sun sensor, or panel irradiance over sin(elevation) without a sensor.
    uncertainty : mapping
        Relative standard uncertainties (panel, region, drift, sun_sensor), and ``combined``, their root sum of squares;
        empty for relative values.
    adjustment : mapping or None
        What the overlaps of the pictures changed, where they were asked.
    relative : bool
        True when nothing ties the band to SI reflectance.
    at_panel : str
        What the panel was held against: ``line`` or ``reading`` of the sun sensor; empty without one.
    levelling : Levelling
        Of a sunshine sensor.
    """

    band: str
    basis: str
    irradiance: dict[str, float] = field(default_factory=dict)
    visits: tuple[tuple[float, float], ...] = ()
    uncertainty: dict[str, float] = field(default_factory=dict)
    relative: bool = False
    gates: tuple[Gate, ...] = ()
    sun_sensor: str = "none"
    at_panel: str = ""
    levelling: Levelling = AS_READ
    adjustment: Mapping[str, Json] | None = None

    def to_json(self) -> dict[str, Json]:
        """Plain dictionary for JSON; the irradiance of the pictures goes with the pictures."""
        return {
            "band": self.band,
            "basis": self.basis,
            "sun_sensor": self.sun_sensor,
            "sun_sensor_at_panel": self.at_panel or None,
            "sun_sensor_levelling": self.levelling.to_json() if self.levelling.lists else None,
            "visits": [
                {"seconds": seconds if math.isfinite(seconds) else None, "factor": factor}
                for seconds, factor in self.visits
            ],
            "relative_uncertainty": {name: round(value, 5) for name, value in self.uncertainty.items()},
            "block_adjustment": dict(self.adjustment) if self.adjustment is not None else None,
        }


def illuminate(
    images: Sequence[BandImage],
    panel_images: Sequence[BandImage],
    readings: Sequence[PanelReading],
    model: RadiometricModel,
    settings: CalibrationSettings,
    *,
    sky: Sky,
) -> BandIllumination:
    """Irradiance of one band at every picture.

    The factor ``f = E_panel / E_sensor``, or without a sensor the panel's irradiance over the sine of the sun's
    elevation, runs linearly in time between visits to the panel and stays constant outside.

    Parameters
    ----------
    images : sequence of BandImage
        Survey pictures of one band; at least one.
    panel_images : sequence of BandImage
        Pictures of the same band from panel captures, those of the readings among them; they don't shape the line of
        the sun sensor, which may be shaded there.
    readings : sequence of PanelReading
        Of this band.
    sky : Sky
        Says how the readings of the sun sensor are levelled and joined.

    Raises
    ------
    CalibrationError
        A panel was seen whose reflectance nobody knows, or is saturated every time.
    """
    band, limits = images[0].band.name, settings.limits
    usable = _usable(band, readings, settings)
    together = [*images, *panel_images]
    moments = Moments.of(together)
    sensor = _sensor_of(together, len(images), moments, model, settings=settings, sky=sky)
    gates = [*panel_gates(band, readings, limits), *sensor_gates(band, sensor, limits)]
    if not usable and sensor is None:
        return BandIllumination(band=band, basis=RELATIVE, relative=True, gates=tuple(gates))
    basis, tied = SUN_SENSOR, Tie.to_nothing(sensor.irradiance if sensor is not None else moments.scale)
    if usable:
        basis, seen = BOTH if sensor is not None else PANEL, PanelVisits(usable, together, len(images), moments)
        tied = seen.tie_to(sensor, in_si=model.quantity == "si") if sensor is not None else seen.tie(moments.scale)
        factors = [value for _, value in tied.visits]
        gates += visit_gates(band, factors, tied.above, limits, sensor=sensor is not None)
        if sensor is not None and model.quantity == "si":
            gates.append(factor_gate(band, factors, limits))
    relative = _stays_relative(basis, model)
    return BandIllumination(
        band=band,
        basis=basis,
        irradiance={image.name: float(value) for image, value in zip(together, tied.factor * tied.base, strict=True)},
        visits=tied.visits,
        uncertainty={} if relative else _uncertainty(basis, usable, tied.visits, sensor),
        relative=relative,
        gates=tuple(gates),
        sun_sensor=sensor.treatment if sensor is not None else "none",
        at_panel=tied.held_against,
        levelling=sensor.levelling if sensor is not None else AS_READ,
    )


def _sensor_of(
    images: Sequence[BandImage],
    pictures: int,
    moments: Moments,
    model: RadiometricModel,
    *,
    settings: CalibrationSettings,
    sky: Sky,
) -> SunSeries | None:
    """Sun sensor at every image; the first ``pictures`` are the survey's, whose readings shape the series."""
    if not settings.use_sun_sensor or model.irradiance.kind == "none":
        return None
    rule = SeriesRule(smooth=settings.smooth_sun_sensor, line=sky.line, light_from=sky.light_from)
    return sun_series(images, moments, model, survey=np.arange(len(images)) < pictures, rule=rule)


def _stays_relative(basis: str, model: RadiometricModel) -> bool:
    """A sensor whose unit is its own tells nothing absolute without a panel."""
    return basis == RELATIVE or (basis == SUN_SENSOR and model.quantity == "relative")


def _usable(band: str, readings: Sequence[PanelReading], settings: CalibrationSettings) -> list[PanelReading]:
    """Readings whose panel is known, not saturated, and even where another is; none is an error when a panel was seen.

    A reading that fails its own gates (a shadow's edge, too few pixels) counts only where there is no better one.
    """
    if not readings:
        return []
    unknown = [reading for reading in readings if reading.albedo is None]
    if len(unknown) == len(readings):
        reading = unknown[0]
        raise CalibrationError(
            f"{reading.image}: calibration panel {reading.serial or 'without serial'} is seen, but nobody knows its "
            f"reflectance in band {band}; write the values from the panel's card into a table with the columns serial, "
            "centre_nm, albedo and name it as panel table, or calibrate without panels"
        )
    limit = settings.limits.get("panel-saturated", RULES["panel-saturated"].bounds)[1]
    usable = [reading for reading in readings if reading.albedo is not None and reading.saturated <= limit]
    if not usable:
        worst = min(reading.saturated for reading in readings)
        raise CalibrationError(
            f"{readings[0].image}: the calibration panel is saturated in band {band} ({worst:.1%} of its pixels at "
            "best), its radiance can't be read; calibrate without panels, and photograph the panel with less exposure "
            "next time"
        )
    good = [reading for reading in usable if not has_failed(reading, settings.limits)]
    return good or usable


def _uncertainty(
    basis: str, readings: Sequence[PanelReading], visits: Sequence[tuple[float, float]], sensor: SunSeries | None
) -> dict[str, float]:
    parts: dict[str, float] = {}
    if basis == SUN_SENSOR:
        parts["sun_sensor_bias"] = _SENSOR_BIAS
    else:
        errors = [reading.relative_error for reading in readings]
        parts["panel"] = max(reading.albedo.relative_sd for reading in readings if reading.albedo)
        parts["region"] = float(np.sqrt(np.mean(np.square(errors)) / len(errors)))
        if len(visits) > 1:
            factors = [factor for _, factor in visits]
            parts["drift"] = float(np.ptp(factors) / np.mean(factors) / math.sqrt(12))
        else:
            parts["drift_assumed"] = _UNSEEN_DRIFT[basis]
    if sensor is not None and math.isfinite(sensor.noise):
        parts["sun_sensor"] = sensor.noise / (math.sqrt(sensor.used) if sensor.treatment == "steady sky" else 1.0)
    return parts | {"combined": math.sqrt(sum(value**2 for value in parts.values()))}
