"""Where straight down is in every photo, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.flight import Capture

FloatArray = NDArray[np.float64]

LEAST_DOWN_SIGMA = np.radians(2.0)
"""What plumb lines of a whole flight may have in common (mount, wind) is no less than this."""
LEAST_TURN = 0.5
"""Length of the mean of the unit vectors of the headings, from which a flight looks one way: a camera that is mounted
askew then agrees with itself."""


def expected_down(captures: Sequence[Capture]) -> tuple[FloatArray, float]:
    """Straight down in each camera's frame (n, 3), from its attitude, else along the view; and its sigma in radians."""
    down = np.tile([0.0, 0.0, 1.0], (len(captures), 1))
    attitudes = [capture.attitude for capture in captures]
    for i, attitude in enumerate(attitudes):
        if attitude is not None:
            pitch, roll = np.radians(attitude.pitch_deg), np.radians(attitude.roll_deg)
            down[i] = np.cos(pitch) * np.sin(roll), np.cos(pitch) * np.cos(roll), -np.sin(pitch)
    sigma_deg = 5.0 if all(attitude is not None for attitude in attitudes) else 15.0
    return down, float(np.radians(sigma_deg))


def agreed_sigma(rotations: FloatArray, down: FloatArray, sigma: float) -> float:
    """Standard deviation of plumb lines (radians): what they scatter by within the block, where photos look both ways.

    Altitudes of a plain receiver tilt a block by percents: plumb lines that agree should not be outvoted by them.
    """
    lines = np.einsum("nij,ni->nj", rotations, down)
    if np.linalg.norm(rotations[:, 0].mean(axis=0)) > LEAST_TURN:
        return sigma
    scatter = np.sqrt(((lines - lines.mean(axis=0)) ** 2).sum(axis=1).mean() / 2)
    return float(np.clip(scatter, LEAST_DOWN_SIGMA, sigma))
