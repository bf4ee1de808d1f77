"""Light over a flight: clear, overcast, or clouds passing the sun."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

CLEAR_NOON = np.array([1.68, 1.62, 1.42, 0.98, 1.30])
"""Level irradiance under a clear sky with the sun overhead, W m-2 nm-1, at high altitude, in `materials.BANDS`."""
DIFFUSE_CLEAR = np.array([0.22, 0.15, 0.11, 0.08, 0.10])
"""Share of it that comes from the sky: more in the blue (Rayleigh)."""


class Sky(StrEnum):
    """Kinds of sky."""

    CLEAR = "clear"
    OVERCAST = "overcast"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Light:
    """Irradiance on level open ground, W m-2 nm-1 a band: straight from the sun, and from the sky."""

    direct: FloatArray
    diffuse: FloatArray

    @property
    def level(self) -> FloatArray:
        """Both together."""
        return self.direct + self.diffuse

    @property
    def direct_share(self) -> FloatArray:
        """Share of the level irradiance that is direct."""
        return self.direct / self.level


class SkyModel:
    """Light as a function of time; the same seed passes the same clouds."""

    def __init__(self, sky: Sky, seed: int) -> None:
        rng = np.random.default_rng((seed, 41))
        self._sky = sky
        # three waves of 8 s - 90 s make cloud edges of a moving field
        self._period = rng.uniform((40, 17, 8), (90, 30, 14))
        self._phase = rng.uniform(0, 2 * np.pi, 3)
        self._weight = np.array([1.0, 0.7, 0.4])

    def at(self, seconds: float, sun_elevation_deg: float) -> Light:
        """Light at a time of the flight."""
        sine = math.sin(math.radians(max(sun_elevation_deg, 1.0)))
        # air mass 1 / sin: the beam weakens a little faster than the cosine
        level = CLEAR_NOON * sine**1.12
        direct, diffuse = level * (1 - DIFFUSE_CLEAR), level * DIFFUSE_CLEAR
        wave = float(self._weight @ np.sin(2 * np.pi * seconds / self._period + self._phase))
        if self._sky is Sky.OVERCAST:
            thick = 0.30 * (1 + 0.10 * wave)
            return Light(direct * 0.02, level * thick)
        if self._sky is Sky.BROKEN:
            open_share = 1 / (1 + math.exp(-4.5 * (wave + 0.3)))
            return Light(direct * (0.12 + 0.88 * open_share), diffuse * (1.9 - 0.6 * open_share))
        return Light(direct, diffuse * (1 + 0.01 * wave))
