"""Placing a free block on the ground: similarity to the camera positions, robust against drift and gross errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Similarity:
    """x -> scale * rotation @ x + shift."""

    scale: float
    rotation: FloatArray
    shift: FloatArray

    def __call__(self, points: FloatArray) -> FloatArray:
        """Transformed points, (n, 3)."""
        return self.scale * points @ self.rotation.T + self.shift


def fit_similarity(source: FloatArray, target: FloatArray, weights: FloatArray | None = None) -> Similarity:
    """Weighted least-squares similarity from (n, 3) to (n, 3) points (Umeyama, 1991)."""
    w = np.ones(len(source)) if weights is None else weights
    w = w / w.sum()
    mean_s, mean_t = w @ source, w @ target
    s, t = source - mean_s, target - mean_t
    u, d, vt = np.linalg.svd((t * w[:, None]).T @ s)
    sign = np.diag([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = u @ sign @ vt
    scale = float((d * np.diag(sign)).sum() / (w @ (s**2).sum(axis=1)))
    return Similarity(scale=scale, rotation=rotation, shift=mean_t - scale * rotation @ mean_s)


def align_to_positions(
    centres: FloatArray, down: FloatArray, positions: FloatArray, sigma: FloatArray, tilt_sigma: float
) -> Similarity:
    """Similarity that brings a free block onto its GPS positions.

    Each camera contributes its centre and a virtual point below it along its expected view direction, so that the
    roll about a single flight line is determined too. Weights follow Cauchy's function of the residual over
    its standard deviation (iteratively re-weighted), so single bad positions or altitudes do not tilt the block.

    Parameters
    ----------
    centres : (n, 3) float array
        Camera centres of the free block.
    down : (n, 3) float array
        In the free block, the direction expected to be straight down at each camera.
    positions, sigma : (n, 3) float arrays
        Measured positions with standard deviations, metres; NaN altitude is replaced by the median.
    tilt_sigma : float
        Standard deviation of `down`, radians.
    """
    target = positions.copy()
    altitude = np.nanmedian(target[:, 2]) if np.isfinite(target[:, 2]).any() else 0.0
    target[:, 2] = np.where(np.isfinite(target[:, 2]), target[:, 2], altitude)
    scale = _robust_scale(centres, target)
    extent = max(float(np.hypot(*np.ptp(target[:, :2], axis=0))), 1.0)
    depth = extent / 2
    feet_source = centres + down * depth / scale
    feet_target = target + np.array([0.0, 0.0, -depth])
    sigma_point = np.sqrt((sigma**2).mean(axis=1))
    sigma_foot = np.hypot(sigma_point, depth * tilt_sigma)
    source = np.vstack([centres, feet_source])
    both = np.vstack([target, feet_target])
    sigmas = np.concatenate([sigma_point, sigma_foot])
    weights = 1 / sigmas**2
    fit = fit_similarity(source, both, weights)
    for _ in range(20):
        misfit = np.linalg.norm(fit(source) - both, axis=1) / sigmas
        fit = fit_similarity(source, both, weights / (1 + (misfit / 2) ** 2))
    return fit


def _robust_scale(source: FloatArray, target: FloatArray) -> float:
    """Median ratio of horizontal-dominated distances between all pairs of points."""
    i, j = np.triu_indices(len(source), 1)
    wide = np.linalg.norm(target[i] - target[j], axis=1)
    free = np.linalg.norm(source[i] - source[j], axis=1)
    usable = (free > 0) & (wide > np.median(wide) / 2)
    return float(np.median(wide[usable] / free[usable]))
