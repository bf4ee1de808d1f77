"""Bundle adjustment with priors: positions, focal length, principal point, distortion and control points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError
from scipy.optimize import least_squares

from uav_workflow.engine.adjustment.block import Block, CameraArrays, ControlMarks
from uav_workflow.engine.adjustment.collinearity import cross_matrix, project, rotation_of
from uav_workflow.engine.adjustment.normal_equations import (
    System,
    move_points,
    reduce_points,
    residual_cost,
)
from uav_workflow.engine.adjustment.tracks import TrackArrays, Tracks

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

INTRINSICS = ("f", "cx", "cy", "k1", "k2", "k3", "p1", "p2")

ROBUST_POSITION = 2.0
"""Residual of a position, in its standard deviations, from which its pull no longer grows."""
LEAST_DAMPING = 1e-9
"""Share by which diagonals are always raised: a point whose rays are nearly parallel then still has an inverse."""


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
    scatter_px : float
        Scatter of the observations of a usual track: Student's t of this width weighs every track.
    pixel_sigma : float
        Standard deviation with which an observation of a usual track pulls against the other priors, pixels. Rolling
        shutter, refraction and features that move make the errors of one photo alike, so this is at least the scatter.
    control : ControlMarks
        Surveyed points.
    """

    positions: FloatArray
    sigma: FloatArray
    down: FloatArray
    down_sigma: float
    intrinsics: FloatArray
    intrinsics_sigma: FloatArray
    scatter_px: float = 1.0
    pixel_sigma: float = 4.0
    control: ControlMarks = field(default_factory=ControlMarks.none)


@dataclass(slots=True, kw_only=True)
class AdjustmentResult:
    """An adjusted block and how well it fits.

    Attributes
    ----------
    residuals : (o, 2) float array
        Observed minus projected, pixels.
    intrinsics_sigma : (m, 8) float array
        Formal standard deviations after adjustment; 0 where held fixed.
    control_points : (c, 3) float array
        Where the block has the surveyed points.
    """

    block: Block
    residuals: FloatArray
    intrinsics_sigma: FloatArray
    control_points: FloatArray
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

    Tracks are weighted by Student's t of all their residuals together, so that wrong matches, and plants whose look
    changes with the view, lose their pull; positions by the pseudo-Huber function, so that drifting positions pull no
    harder than good ones. Surveyed points keep their full weight: who gives them has checked them.
    """
    return _Adjustment(block, priors).run(max_iterations, tolerance, on_iteration)


def without_outliers(result: AdjustmentResult, limit_px: float) -> Block:
    """The adjusted block without the observations further off than the limit."""
    return result.block.with_observations(np.linalg.norm(result.residuals, axis=1) < limit_px)


class _Adjustment:
    """One adjustment: the state is a block whose last points are the surveyed ones."""

    def __init__(self, block: Block, priors: AdjustmentPriors) -> None:
        self._priors = priors
        self._tracks = Tracks.of(block, priors.control)
        self._free = (priors.intrinsics_sigma > 0).ravel()
        self._survey = (priors.control.xyz, np.asarray(1 / priors.control.sigma**2))
        start = replace(block, points=np.concatenate([block.points, priors.control.xyz]))
        self._state = self._settled(start)

    def run(
        self, max_iterations: int, tolerance: float, on_iteration: Callable[[int], None] | None
    ) -> AdjustmentResult:
        damping, cost = 1e-4, self._cost(self._state)
        for iteration in range(1, max_iterations + 1):
            while True:
                candidate, _ = self._stepped(damping)
                new_cost = self._cost(candidate) if candidate is not None else np.inf
                if candidate is not None and new_cost < cost:
                    break
                damping *= 10
                if damping > 1e6:
                    return self._result(iteration, converged=True)
            gain = (cost - new_cost) / cost
            self._state, cost, damping = candidate, new_cost, max(damping / 10, LEAST_DAMPING)
            if on_iteration is not None:
                on_iteration(iteration)
            if gain < tolerance:
                return self._result(iteration, converged=True)
        return self._result(max_iterations, converged=False)

    def _stepped(self, damping: float) -> tuple[Block | None, FloatArray]:
        """State after one step, and the covariance of the free intrinsics; None where there is no step."""
        state, system = self._state, self._system(damping)
        try:
            pose_step, lens_step, covariance = system.solve(self._free, damping)
        except LinAlgError:
            return None, np.zeros((0, 0))
        points = np.empty_like(state.points)
        move_points(
            *self._observed(), state.points, self._survey, self._scales(damping), (pose_step, lens_step), points
        )
        steps = pose_step.reshape(-1, 6)[self._tracks.place]
        moved = replace(
            state,
            rotations=rotation_of(steps[:, :3]) @ state.rotations,
            centres=state.centres + steps[:, 3:],
            points=points,
            intrinsics=state.intrinsics + lens_step.reshape(state.intrinsics.shape),
        )
        return self._settled(moved), covariance

    def _system(self, damping: float) -> System:
        state = self._state
        system = System.empty(self._tracks, len(state.intrinsics))
        reduce_points(*self._observed(), state.points, self._survey, self._scales(damping), system.arrays)
        self._add_priors(system)
        return system

    def _observed(self) -> tuple[TrackArrays, IntArray, CameraArrays]:
        """Tracks, places and cameras as the compiled functions take them."""
        return self._tracks.arrays, self._tracks.place, self._state.cameras

    def _scales(self, damping: float) -> tuple[float, float, float, float]:
        priors = self._priors
        return priors.scatter_px, priors.pixel_sigma, priors.control.sigma_px, damping

    def _result(self, iterations: int, *, converged: bool) -> AdjustmentResult:
        _, covariance = self._stepped(LEAST_DAMPING)
        sigma = np.zeros(self._free.size)
        if len(covariance):
            sigma[self._free] = np.sqrt(np.diag(covariance))
        surveyed = self._tracks.surveyed
        block = replace(self._state, points=self._state.points[:surveyed])
        projected, _ = project(block)
        return AdjustmentResult(
            block=block,
            residuals=block.obs_xy - projected,
            intrinsics_sigma=sigma.reshape(self._priors.intrinsics_sigma.shape),
            control_points=self._state.points[surveyed:],
            iterations=iterations,
            converged=converged,
        )

    def _cost(self, state: Block) -> float:
        priors = self._priors
        total = residual_cost(
            self._tracks.arrays,
            state.cameras,
            state.points,
            priors.scatter_px,
            priors.pixel_sigma,
            priors.control.sigma_px,
        )
        total += _pseudo_huber(_position_residuals(state, priors) ** 2).sum()
        total += _pseudo_huber(_down_residuals(state, priors) ** 2).sum()
        total += (self._survey_residuals(state) ** 2).sum()
        return float(total + (_intrinsic_residuals(state, priors) ** 2).sum())

    def _survey_residuals(self, state: Block) -> FloatArray:
        control = self._priors.control
        return np.asarray((control.xyz - state.points[self._tracks.surveyed :]) / control.sigma)

    def _settled(self, state: Block) -> Block:
        """The block where positions, plumb lines and surveyed points want it as a whole.

        Observations do not feel a similarity of the whole block, and a linear step tilts it badly: so that is done
        apart.
        """
        priors, surveyed = self._priors, self._tracks.surveyed
        pivot = state.centres.mean(axis=0)
        arms = state.centres - pivot
        control = state.points[surveyed:] - pivot

        def similarity(values: FloatArray) -> tuple[float, FloatArray]:
            return float(np.exp(values[3])), rotation_of(values[None, :3])[0]

        def residuals(values: FloatArray) -> FloatArray:
            scale, rotation = similarity(values)
            moved = replace(
                state,
                centres=scale * arms @ rotation.T + pivot + values[4:],
                rotations=state.rotations @ rotation.T,
            )
            robust = [_position_residuals(moved, priors).ravel(), _down_residuals(moved, priors).ravel()]
            off = priors.control.xyz - (scale * control @ rotation.T + pivot + values[4:])
            plain = (off / priors.control.sigma).ravel()
            return np.concatenate([*(_rooted(part) for part in robust), plain])

        found = least_squares(residuals, np.zeros(7), x_scale="jac", max_nfev=30)
        scale, rotation = similarity(found.x)
        return state.transformed(scale, rotation, pivot + found.x[4:] - scale * rotation @ pivot)

    def _add_priors(self, system: System) -> None:
        state, priors = self._state, self._priors
        off = _position_residuals(state, priors)
        weight = np.where(np.isfinite(priors.positions), _pseudo_huber_weight(off**2), 0)
        tilt = _down_residuals(state, priors)
        lever = -cross_matrix(-state.rotations[:, :, 2])
        weighted = lever.transpose(0, 2, 1) * (_pseudo_huber_weight(tilt**2) / priors.down_sigma**2)[:, None, :]
        normal, right = np.zeros((len(off), 6, 6)), np.zeros((len(off), 6))
        normal[:, :3, :3] = weighted @ lever
        right[:, :3] = priors.down_sigma * np.einsum("nij,nj->ni", weighted, tilt)
        axes = np.arange(3, 6)
        normal[:, axes, axes] = weight / priors.sigma**2
        right[:, 3:] = weight * off / priors.sigma
        system.add_to_poses(self._tracks.place, normal, right)
        sigma = np.where(priors.intrinsics_sigma > 0, priors.intrinsics_sigma, np.inf)
        system.add_to_lenses((1 / sigma**2).ravel(), (_intrinsic_residuals(state, priors) / sigma).ravel())


def _pseudo_huber(squared: FloatArray) -> FloatArray:
    return 2 * ROBUST_POSITION**2 * (np.sqrt(1 + squared / ROBUST_POSITION**2) - 1)


def _pseudo_huber_weight(squared: FloatArray) -> FloatArray:
    return np.asarray(1 / np.sqrt(1 + squared / ROBUST_POSITION**2))


def _rooted(residuals: FloatArray) -> FloatArray:
    """Residuals whose squares are the pseudo-Huber cost."""
    return np.asarray(np.sign(residuals) * np.sqrt(_pseudo_huber(residuals**2)))


def _position_residuals(block: Block, priors: AdjustmentPriors) -> FloatArray:
    return np.nan_to_num((priors.positions - block.centres) / priors.sigma)


def _down_residuals(block: Block, priors: AdjustmentPriors) -> FloatArray:
    return (priors.down + block.rotations[:, :, 2]) / priors.down_sigma


def _intrinsic_residuals(block: Block, priors: AdjustmentPriors) -> FloatArray:
    sigma = np.where(priors.intrinsics_sigma > 0, priors.intrinsics_sigma, np.inf)
    return (priors.intrinsics - block.intrinsics) / sigma
