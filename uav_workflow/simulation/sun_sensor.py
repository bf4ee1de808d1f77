"""The light sensor on top: biased in every band, mounted a little askew, believing itself level."""

from __future__ import annotations

import math

import numpy as np

from uav_workflow.simulation.path import Station, nadir_rotation
from uav_workflow.simulation.rededge import SunSensorTags
from uav_workflow.simulation.sky import Light
from uav_workflow.sun import SunPosition

BIAS = (0.8, 1.2)
ATTITUDE_ERROR_DEG = 3.0
NOISE = 0.004


class SunSensor:
    """A five-band sensor that splits light into beam and sky by its own attitude."""

    def __init__(self, bands: int, rng: np.random.Generator) -> None:
        self._bias = rng.uniform(*BIAS, bands)
        self._askew = rng.uniform(-ATTITUDE_ERROR_DEG, ATTITUDE_ERROR_DEG, 3)

    def errors(self) -> dict[str, float]:
        """Range of the biases and the largest attitude error."""
        return {
            "sun_sensor_bias_min": float(self._bias.min()),
            "sun_sensor_bias_max": float(self._bias.max()),
            "sun_sensor_attitude_deg": float(np.abs(self._askew).max()),
        }

    def read(
        self,
        band: int,
        station: Station,
        light: Light,
        *,
        sun: tuple[tuple[float, float, float], SunPosition],
        convergence_deg: float,
        rng: np.random.Generator,
    ) -> SunSensorTags:
        """Tags of one band; ``sun`` is the true unit vector (grid) and the position the sensor works out by its clock.

        The beam's part is divided by the cosine that the believed attitude gives, not the true one: the error turns
        with the heading, as on real flights.
        """
        sun_vector, sun_tag = sun
        true = (station.yaw_deg, station.pitch_deg, station.roll_deg)
        yaw, pitch, roll = (angle + wrong for angle, wrong in zip(true, self._askew, strict=True))
        towards = np.asarray(sun_vector)
        cos_true = float(np.clip(-nadir_rotation(*true)[2] @ towards, 0.05, 1))
        cos_believed = float(np.clip(-nadir_rotation(yaw, pitch, roll)[2] @ towards, 0.05, 1))
        scale = float(self._bias[band] * (1 + rng.normal(0, NOISE)))
        beam = float(light.direct[band]) / sun_vector[2]
        direct = scale * beam * cos_true / cos_believed
        scattered = scale * float(light.diffuse[band])
        elevation = math.radians(sun_tag.elevation_deg)
        heading = math.radians((yaw + convergence_deg + 180) % 360 - 180)
        return SunSensorTags(
            spectral=scale * (beam * cos_true + float(light.diffuse[band])),
            horizontal=direct * math.sin(elevation) + scattered,
            direct=direct,
            scattered=scattered,
            yaw=heading,
            pitch=math.radians(pitch),
            roll=math.radians(roll),
            solar_elevation=elevation,
            solar_azimuth=math.radians(sun_tag.azimuth_deg),
        )
