"""Similarity between two sets of points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Similarity:
    """Scale, rotation and shift: ``target = scale * rotation @ (source - origin) + target_origin``."""

    scale: float
    rotation: FloatArray
    origin: FloatArray
    target_origin: FloatArray

    def apply(self, points: FloatArray) -> FloatArray:
        """Move points (n, 3)."""
        return np.asarray(self.scale * (points - self.origin) @ self.rotation.T + self.target_origin, float)

    @property
    def inverse(self) -> Similarity:
        """From the target back to the source."""
        return Similarity(1 / self.scale, self.rotation.T, self.target_origin, self.origin)

    @property
    def tilt_percent(self) -> float:
        """How far the vertical is turned, as a slope in percent."""
        return 100 * float(np.hypot(*self.rotation[2, :2]) / self.rotation[2, 2])


def fit_similarity(source: FloatArray, target: FloatArray) -> Similarity:
    """Least-squares similarity of two sets of points (n, 3), n >= 3 (Umeyama, 1991).

    Raises
    ------
    ValueError
        Fewer than three pairs, or sets of different size.
    """
    if source.shape != target.shape or len(source) < 3:
        raise ValueError(f"a similarity needs three pairs of points or more, got {len(source)} and {len(target)}")
    origin, target_origin = source.mean(axis=0), target.mean(axis=0)
    a, b = source - origin, target - target_origin
    u, singular, vt = np.linalg.svd(b.T @ a / len(a))
    flip = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ np.diag(flip) @ vt
    scale = float((singular * flip).sum() / (a**2).sum() * len(a))
    return Similarity(scale, rotation, origin, target_origin)
