"""The bare ground: a rolling slope with hummocks and one terrace riser, or hills."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_workflow.simulation.noise import field

FloatArray = NDArray[np.float64]

RISER_M = 1.5
"""Half the width of the terrace riser."""


@dataclass(frozen=True, slots=True)
class Terrain:
    """Height of the ground as a smooth function of place, in metres from the site's centre."""

    seed: int
    base_m: float

    def height(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Ellipsoidal height of the ground, metres, at places of any shape."""
        rng = np.random.default_rng((self.seed, 11))
        direction, phase = rng.uniform(0, 2 * np.pi, 2)
        offset = rng.uniform(3.0, 6.0) * rng.choice((-1, 1))
        plane = 0.05 * (np.cos(direction) * x + np.sin(direction) * y)
        across = (y - offset - 1.5 * np.sin(2 * np.pi * x / 21 + phase)) / RISER_M
        riser = 0.33 * RISER_M * np.tanh(across)
        away = np.tanh(across) ** 2
        rolling = 0.55 * field(x, y, 17.0, self.seed * 7 + 1)
        hummocks = 0.09 * away * field(x, y, 2.3, self.seed * 7 + 2)
        return np.asarray(self.base_m + plane + riser + rolling + hummocks)

    def gradient(self, x: FloatArray, y: FloatArray, step_m: float = 0.02) -> tuple[FloatArray, FloatArray]:
        """(dz/dx, dz/dy) by central differences."""
        dx = (self.height(x + step_m, y) - self.height(x - step_m, y)) / (2 * step_m)
        dy = (self.height(x, y + step_m) - self.height(x, y - step_m)) / (2 * step_m)
        return dx, dy


class Relief(Terrain):
    """Hills of 5 m up and down and a gentle slope, nowhere steeper than 25 degrees."""

    def height(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Ellipsoidal height of the ground, metres, at places of any shape."""
        direction = np.random.default_rng((self.seed, 12)).uniform(0, 2 * np.pi)
        plane = 0.03 * (np.cos(direction) * x + np.sin(direction) * y)
        hills = 4.2 * field(x, y, 48.0, self.seed * 7 + 41) + 0.6 * field(x, y, 19.0, self.seed * 7 + 42)
        return np.asarray(self.base_m + plane + hills)
