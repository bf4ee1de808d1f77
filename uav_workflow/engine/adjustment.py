"""Bundle adjustment with priors: positions, focal length, principal point and distortion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import least_squares

from uav_workflow.engine.collinearity import ROBUST_PX, cross_matrix, derivatives, project, rotation_of
from uav_workflow.engine.mapping import Block

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

INTRINSICS = ("f", "cx", "cy", "k1", "k2", "k3", "p1", "p2")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustmentPriors:
    """What pulls the block towards what was known before.

    Attributes
    ----------
    positions, sigma : (n, 3) float arrays
        Camera positions and standard deviations, metres; NaN positions pull at nothing.
    down : (n, 3) float array
        Unit vector expected to point straight down, in each camera's frame.
    down_sigma : float
        Its standard deviation, radians.
    intrinsics, intrinsics_sigma : (m, 8) float arrays
        Expected f, cx, cy, k1, k2, k3, p1, p2 of each camera; a sigma of 0 holds a value fixed.
    pixel_sigma : float
        Standard deviation of one observation, pixels. Rolling shutter, refraction and features that move make the
        errors of one photo alike, so this is larger than the scatter of the residuals.
    """

    positions: FloatArray
    sigma: FloatArray
    down: FloatArray
    down_sigma: float
    intrinsics: FloatArray
    intrinsics_sigma: FloatArray
    pixel_sigma: float = 4.0


@dataclass(slots=True, kw_only=True)
class AdjustmentResult:
    """An adjusted block and how well it fits.

    Attributes
    ----------
    residuals : (o, 2) float array
        Observed minus projected, pixels.
    intrinsics_sigma : (m, 8) float array
        Formal standard deviations after adjustment; 0 where held fixed.
    """

    block: Block
    residuals: FloatArray
    intrinsics_sigma: FloatArray
    iterations: int
    converged: bool = field(default=True)

    @property
    def rms_px(self) -> float:
        """Root mean square distance between observed and projected points, pixels."""
        return float(np.sqrt((self.residuals**2).sum(axis=1).mean()))


def adjust(
    block: Block,
    priors: AdjustmentPriors,
    *,
    max_iterations: int = 40,
    tolerance: float = 1e-6,
    on_iteration: Callable[[int], None] | None = None,
) -> AdjustmentResult:
    """Levenberg-Marquardt adjustment of poses, points and intrinsics (Triggs et al., 2000).

    Points are eliminated by the Schur complement; observations are weighted by Cauchy's function of their
    residual and positions by the pseudo-Huber function, so that wrong matches lose their pull and drifting positions
    pull no harder than good ones.
    """
    free = (priors.intrinsics_sigma > 0).ravel()
    damping = 1e-4
    block = _settled(block, priors)
    cost = _cost(block, priors)
    converged = False
    iteration = 0
    for iteration in range(1, max_iterations + 1):
        system = _normal_equations(block, priors, free)
        while True:
            candidate = _settled(_step(block, system, damping), priors)
            new_cost = _cost(candidate, priors)
            if new_cost < cost:
                break
            damping *= 10
            if damping > 1e6:
                return _result(block, priors, free, iteration, converged=True)
        gain = (cost - new_cost) / cost
        block, cost, damping = candidate, new_cost, max(damping / 10, 1e-9)
        if on_iteration is not None:
            on_iteration(iteration)
        if gain < tolerance:
            converged = True
            break
    return _result(block, priors, free, iteration, converged=converged)


def _result(
    block: Block, priors: AdjustmentPriors, free: BoolArray, iterations: int, *, converged: bool
) -> AdjustmentResult:
    system = _normal_equations(block, priors, free)
    reduced, _, _ = _reduce(system, 0.0)
    offset = 6 * len(block.names)
    covariance = cho_solve(cho_factor(reduced), np.eye(len(reduced))[:, offset:])[offset:]
    sigma = np.zeros(free.size)
    sigma[free] = np.sqrt(np.maximum(np.diag(covariance), 0))
    projected, _ = project(block)
    return AdjustmentResult(
        block=block,
        residuals=block.obs_xy - projected,
        intrinsics_sigma=sigma.reshape(priors.intrinsics_sigma.shape),
        iterations=iterations,
        converged=converged,
    )


def _cauchy(squared: FloatArray) -> FloatArray:
    return ROBUST_PX**2 * np.log1p(squared / ROBUST_PX**2)


def _pseudo_huber(squared: FloatArray) -> FloatArray:
    return 2 * ROBUST_POSITION**2 * (np.sqrt(1 + squared / ROBUST_POSITION**2) - 1)


def _pseudo_huber_weight(squared: FloatArray) -> FloatArray:
    return np.asarray(1 / np.sqrt(1 + squared / ROBUST_POSITION**2))


ROBUST_POSITION = 2.0
"""Residual of a position, in its standard deviations, from which its pull no longer grows."""


def _cost(block: Block, priors: AdjustmentPriors) -> float:
    projected, depth = project(block)
    squared = ((block.obs_xy - projected) ** 2).sum(axis=1)
    squared = np.where(depth > 0, squared, 1e6)
    total = _cauchy(squared).sum() / priors.pixel_sigma**2
    off = _position_residuals(block, priors)
    total += _pseudo_huber(off**2).sum()
    total += _pseudo_huber(_down_residuals(block, priors) ** 2).sum()
    pull = _intrinsic_residuals(block, priors)
    return float(total + (pull**2).sum())


def _settled(block: Block, priors: AdjustmentPriors) -> Block:
    """The block where positions and plumb lines want it as a whole.

    Observations do not feel a similarity of the whole block, and a linear step tilts it badly: so that is done apart.
    """
    pivot = block.centres.mean(axis=0)
    arms = block.centres - pivot

    def similarity(values: FloatArray) -> tuple[float, FloatArray]:
        return float(np.exp(values[3])), rotation_of(values[None, :3])[0]

    def residuals(values: FloatArray) -> FloatArray:
        scale, rotation = similarity(values)
        moved = replace(
            block,
            centres=scale * arms @ rotation.T + pivot + values[4:],
            rotations=block.rotations @ rotation.T,
        )
        return np.concatenate([_position_residuals(moved, priors).ravel(), _down_residuals(moved, priors).ravel()])

    found = least_squares(residuals, np.zeros(7), loss="soft_l1", f_scale=ROBUST_POSITION, x_scale="jac", max_nfev=30)
    scale, rotation = similarity(found.x)
    return block.transformed(scale, rotation, pivot + found.x[4:] - scale * rotation @ pivot)


def _position_residuals(block: Block, priors: AdjustmentPriors) -> FloatArray:
    return np.nan_to_num((priors.positions - block.centres) / priors.sigma)


def _down_residuals(block: Block, priors: AdjustmentPriors) -> FloatArray:
    return (priors.down + block.rotations[:, :, 2]) / priors.down_sigma


def _intrinsic_residuals(block: Block, priors: AdjustmentPriors) -> FloatArray:
    sigma = np.where(priors.intrinsics_sigma > 0, priors.intrinsics_sigma, np.inf)
    return (priors.intrinsics - block.intrinsics) / sigma


@dataclass(slots=True, kw_only=True)
class _System:
    """Normal equations with the points apart: cameras first (6 a pose, then the free intrinsics)."""

    cameras: FloatArray
    cameras_right: FloatArray
    points: FloatArray
    points_right: FloatArray
    mixed: sparse.csr_matrix
    free: BoolArray


def _normal_equations(block: Block, priors: AdjustmentPriors, free: BoolArray) -> _System:
    residuals, by_pose, by_intrinsics, by_point = derivatives(block)
    weight = 1 / (1 + (residuals**2).sum(axis=1) / ROBUST_PX**2) / priors.pixel_sigma**2
    root = np.sqrt(weight)[:, None, None]
    poses, cameras = len(block.names), len(block.intrinsics)
    size = 6 * poses + 8 * cameras
    camera = block.camera_of[block.obs_image]
    columns = np.concatenate(
        [6 * block.obs_image[:, None] + np.arange(6), 6 * poses + 8 * camera[:, None] + np.arange(8)], axis=1
    )
    jacobian = np.concatenate([by_pose, by_intrinsics], axis=2) * root
    shape = (2 * len(residuals), size)
    a = sparse.csr_matrix(
        (jacobian.ravel(), np.repeat(columns[:, None, :], 2, axis=1).ravel(), np.arange(0, jacobian.size + 1, 14)),
        shape,
    )
    point_jacobian = by_point * root
    point_columns = np.repeat((3 * block.obs_point[:, None] + np.arange(3))[:, None, :], 2, axis=1)
    b = sparse.csr_matrix(
        (point_jacobian.ravel(), point_columns.ravel(), np.arange(0, point_jacobian.size + 1, 3)),
        (2 * len(residuals), 3 * len(block.points)),
    )
    right = (residuals * root[:, :, 0]).ravel()
    keep = np.concatenate([np.ones(6 * poses, bool), free])
    full = np.asarray((a.T @ a).todense())
    full_right = np.asarray(a.T @ right)
    _add_priors(block, priors, full, full_right)
    blocks = np.zeros((len(block.points), 3, 3))
    products = np.einsum("oki,okj->oij", point_jacobian, point_jacobian)
    for i in range(3):
        for j in range(3):
            blocks[:, i, j] = np.bincount(block.obs_point, products[:, i, j], len(block.points))
    return _System(
        cameras=full[np.ix_(keep, keep)],
        cameras_right=full_right[keep],
        points=blocks,
        points_right=np.asarray(b.T @ right).reshape(-1, 3),
        mixed=(a.T @ b).tocsr()[keep],
        free=free,
    )


def _add_priors(block: Block, priors: AdjustmentPriors, full: FloatArray, right: FloatArray) -> None:
    diagonal = np.zeros(len(full))
    off = _position_residuals(block, priors)
    weight = np.where(np.isfinite(priors.positions), _pseudo_huber_weight(off**2), 0)
    poses = len(block.names)
    places = (6 * np.arange(poses)[:, None] + np.arange(3, 6)).ravel()
    diagonal[places] = (weight / priors.sigma**2).ravel()
    right[places] += (weight * off / priors.sigma).ravel()
    tilt = _down_residuals(block, priors)
    tilt_weight = _pseudo_huber_weight(tilt**2) / priors.down_sigma**2
    lever = -cross_matrix(-block.rotations[:, :, 2])
    for i in range(poses):
        part = slice(6 * i, 6 * i + 3)
        weighted = lever[i].T * tilt_weight[i]
        full[part, part] += weighted @ lever[i]
        right[part] += priors.down_sigma * weighted @ tilt[i]
    sigma = np.where(priors.intrinsics_sigma > 0, priors.intrinsics_sigma, np.inf)
    diagonal[6 * poses :] = (1 / sigma**2).ravel()
    right[6 * poses :] += (_intrinsic_residuals(block, priors) / sigma).ravel()
    full[np.diag_indices(len(full))] += diagonal


def _reduce(system: _System, damping: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Reduced camera system: matrix and right side, with the inverted point blocks."""
    points = system.points * (1 + damping * np.eye(3)) + 1e-12 * np.eye(3)
    inverse = np.linalg.inv(points)
    count = len(inverse)
    block_inverse = sparse.bsr_matrix(
        (inverse, np.arange(count), np.arange(count + 1)), shape=(3 * count, 3 * count)
    ).tocsr()
    mixed_inverse = system.mixed @ block_inverse
    reduced = system.cameras - np.asarray((mixed_inverse @ system.mixed.T).todense())
    reduced[np.diag_indices(len(reduced))] += damping * np.diag(system.cameras)
    right = system.cameras_right - mixed_inverse @ system.points_right.ravel()
    return reduced, np.asarray(right), np.asarray(inverse)


def _step(block: Block, system: _System, damping: float) -> Block:
    reduced, right, inverse = _reduce(system, damping)
    scale = 1 / np.sqrt(np.diag(reduced))
    step = scale * cho_solve(cho_factor(reduced * scale[:, None] * scale), scale * right)
    remaining = system.points_right - np.asarray(system.mixed.T @ step).reshape(-1, 3)
    points = block.points + np.einsum("pij,pj->pi", inverse, remaining)
    poses = len(block.names)
    pose_step = step[: 6 * poses].reshape(-1, 6)
    intrinsics = block.intrinsics.ravel().copy()
    intrinsics[system.free] += step[6 * poses :]
    return replace(
        block,
        rotations=rotation_of(pose_step[:, :3]) @ block.rotations,
        centres=block.centres + pose_step[:, 3:],
        points=points,
        intrinsics=intrinsics.reshape(block.intrinsics.shape),
    )
