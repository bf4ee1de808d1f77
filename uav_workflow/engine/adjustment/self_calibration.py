"""The last adjustment of a block: onto its positions, and with the camera's own parameters freed within reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.flight import Capture
from uav_workflow.engine.adjustment.alignment import align_to_positions
from uav_workflow.engine.adjustment.block import Block, ControlMarks
from uav_workflow.engine.adjustment.bundle import AdjustmentPriors, AdjustmentResult, adjust, without_outliers
from uav_workflow.engine.adjustment.collinearity import intersect, project
from uav_workflow.engine.adjustment.ground_control import LEAST_POINTS, placed_by, without_wrong_marks
from uav_workflow.engine.adjustment.onto_control import Relaxed, onto_control
from uav_workflow.engine.adjustment.plumb_lines import agreed_sigma, expected_down
from uav_workflow.engine.inputs.priors import PositionPriors, lens_prior
from uav_workflow.errors import EngineError
from uav_workflow.findings import Finding

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationSettings:
    """How far the camera may move away from its tags.

    Attributes
    ----------
    focal_sigma : float
        Standard deviation of the first guess, share of the focal length.
    focal_sigma_anchored : float
        The same where positions of centimetres hold the block: its heights shall not follow the tag.
    focal_guard : float
        Beyond this share the photos do not determine the focal length: it goes back to the first guess.
    principal_sigma : float
        Standard deviation of the principal point, share of the longer side.
    k3_sigma : float
        Standard deviation of the third radial coefficient; 0 holds it.
    max_residual_px : float
        Observations further off are taken for wrong matches.
    observations_per_cell : int
        Tracks kept for the adjustment in each cell of an 8 x 6 mesh of every photo, longest first.
    force_gps : bool
        Keep the weight of GPS positions beside control points.
    """

    focal_sigma: float = 0.02
    focal_sigma_anchored: float = 0.05
    focal_guard: float = 0.05
    principal_sigma: float = 0.01
    k3_sigma: float = 0.01
    max_residual_px: float = 4.0
    observations_per_cell: int = 200
    force_gps: bool = False


@dataclass(slots=True, kw_only=True)
class Calibration:
    """The adjusted block and what happened to its cameras.

    Attributes
    ----------
    control : ControlMarks
        The surveyed points and marks that were adjusted to.
    """

    adjustment: AdjustmentResult
    points: FloatArray
    prior_focal: FloatArray
    guard_used: list[bool]
    tracks_used: int
    error_inflation: float
    control: ControlMarks
    findings: tuple[Finding, ...] = ()


def self_calibrate(
    block: Block,
    captures: Sequence[Capture],
    positions: PositionPriors,
    settings: CalibrationSettings,
    control: ControlMarks | None = None,
) -> Calibration:
    """Adjust a free block onto its positions and control points with self-calibration.

    Parameters
    ----------
    block : Block
        A free block; `intrinsics` hold the first guess of the focal length.
    captures : sequence of Capture
        One of each image of the block, in its order.
    positions : PositionPriors
        Likewise in the order of the block.
    control : ControlMarks
        Surveyed points and their marks in the photos of the block.

    Raises
    ------
    EngineError
        Neither positions nor control points say where the block lies.
    """
    control = control or ControlMarks.none()
    down, down_sigma = expected_down(captures)
    down_sigma = agreed_sigma(block.rotations, down, down_sigma)
    if positions.known.sum() >= LEAST_POINTS:
        placed = _placed_by_positions(block, positions, down, down_sigma)
        xyz, sigma = positions.xyz, _with_drift(positions.sigma)
    else:
        placed = _placed_by_control(block, control)
        xyz, sigma = placed.centres, np.full(placed.centres.shape, UNKNOWN_SIGMA_M)
    expected = _expected_lenses(block, captures)
    priors = AdjustmentPriors(
        positions=xyz,
        sigma=sigma,
        down=down,
        down_sigma=down_sigma,
        intrinsics=expected,
        intrinsics_sigma=_lens_sigma(expected, settings, anchored=_anchored(positions)),
        pixel_sigma=1.0,
    )
    relaxed = _relaxed(_thinned(placed, settings.observations_per_cell), priors, settings)
    if len(control.names):
        relaxed, marks, findings = onto_control(relaxed, control, force_gps=settings.force_gps)
    else:
        marks, findings = control, []
    result, guard_used = _guarded(relaxed, settings.focal_guard)
    return Calibration(
        adjustment=result,
        points=_all_points(placed, result.block, settings.max_residual_px),
        prior_focal=expected[:, 0],
        guard_used=[bool(used) for used in guard_used],
        tracks_used=len(result.block.points),
        error_inflation=relaxed.alike,
        control=marks,
        findings=tuple(findings),
    )


UNKNOWN_SIGMA_M = 100.0
"""Standard deviation of camera positions that nothing but the block itself gives."""


RTK_SIGMA_M = 0.3
"""Positions that claim less are of a receiver whose errors do not drift."""
ALIKE_ALTITUDES = 20
"""Photos in a row whose altitudes a plain receiver gets wrong by about the same: it drifts over minutes."""


def _with_drift(sigma: FloatArray) -> FloatArray:
    """Standard deviations with which positions weigh, (n, 3): drifting altitudes are fewer than they seem.

    Taken as independent they would tilt a block that its view directions hold level.
    """
    weighed = sigma.copy()
    drifting = weighed[:, 2] > RTK_SIGMA_M
    weighed[drifting, 2] *= np.sqrt(ALIKE_ALTITUDES)
    return weighed


def _placed_by_positions(block: Block, positions: PositionPriors, down: FloatArray, down_sigma: float) -> Block:
    expected_free = np.einsum("nij,ni->nj", block.rotations, down)
    place = align_to_positions(block.centres, expected_free, positions.xyz, positions.sigma, down_sigma)
    return block.transformed(place.scale, place.rotation, place.shift)


def _placed_by_control(block: Block, control: ControlMarks) -> Block:
    screened = without_wrong_marks(block, control)
    found = placed_by(screened.points, screened.marks)
    if found is None:
        raise EngineError(
            f"the photos have no GPS positions, and {len(control.names)} control points with marks in two or more "
            "placed photos can't place the block: 3 that do not lie in a line are needed; mark more points, or add "
            "positions with geo.txt"
        )
    place, _ = found
    return block.transformed(place.scale, place.rotation, place.shift)


LEAST_LIMIT_PX = 0.1
"""Observations that agree this well are never outliers."""
OUTLIERS = (6.0, 3.0, 3.0)
"""Scatters from which an observation is an outlier, while the block still moves and then. A leaf of another layer is
matched to a few tenths of a pixel, and a focal length over flat ground hangs on thousandths: with 6 to the end it was
twice as far off on simulated meadows in the sun."""


def _relaxed(block: Block, priors: AdjustmentPriors, settings: CalibrationSettings) -> Relaxed:
    """The block adjusted, its error model found and its outliers dropped."""
    result = adjust(block, priors, max_iterations=15, tolerance=1e-4)
    limit, alike = settings.max_residual_px, 1.0
    for scatters in OUTLIERS:
        scatter, alike = error_model(result, limit)
        limit = min(settings.max_residual_px, max(LEAST_LIMIT_PX, scatters * scatter))
        priors = replace(priors, scatter_px=scatter, pixel_sigma=alike * scatter)
        result = adjust(without_outliers(result, limit), priors, max_iterations=15, tolerance=1e-4)
    return Relaxed(result=result, priors=priors, limit_px=limit, alike=alike)


def _guarded(relaxed: Relaxed, guard: float) -> tuple[AdjustmentResult, BoolArray]:
    """Last adjustment; focal lengths that run away from their tags are put back and held."""
    result, priors = relaxed.result, relaxed.priors
    expected = priors.intrinsics[:, 0]
    guard_used = np.zeros(len(expected), bool)
    for _ in range(len(expected) + 1):
        result = adjust(without_outliers(result, relaxed.limit_px), priors)
        away = np.abs(result.block.intrinsics[:, 0] / expected - 1) > guard
        if not away.any():
            break
        guard_used |= away
        result.block.intrinsics[guard_used, 0] = expected[guard_used]
        held = priors.intrinsics_sigma.copy()
        held[guard_used, 0] = 0
        priors = replace(priors, intrinsics_sigma=held)
    return result, guard_used


def _expected_lenses(block: Block, captures: Sequence[Capture]) -> FloatArray:
    """What the tags say of each camera of the block, (m, 8)."""
    first = [int(np.flatnonzero(block.camera_of == row)[0]) for row in range(len(block.intrinsics))]
    return np.array([lens_prior(captures[i].primary) for i in first])


def _anchored(positions: PositionPriors) -> bool:
    """Whether the cameras are placed to centimetres, so that a tag 2 % off would show in the heights of the ground."""
    known = positions.sigma[positions.known, 2]
    return len(known) > 0 and float(np.median(known)) <= RTK_SIGMA_M


def _lens_sigma(expected: FloatArray, settings: CalibrationSettings, *, anchored: bool) -> FloatArray:
    side = 2 * expected[:, 1:3].max(axis=1)
    sigma = np.tile([0, 0, 0, 0.1, 0.1, settings.k3_sigma, 0.01, 0.01], (len(expected), 1)).astype(float)
    sigma[:, 0] = (settings.focal_sigma_anchored if anchored else settings.focal_sigma) * expected[:, 0]
    sigma[:, 1] = sigma[:, 2] = settings.principal_sigma * side
    return sigma


def _thinned(block: Block, per_cell: int) -> Block:
    """The longest tracks, spread over every photo; a track that is kept is kept whole."""
    length = np.bincount(block.obs_point, minlength=len(block.points))[block.obs_point]
    cell = np.clip((block.obs_xy / block.sizes() * (8, 6)).astype(np.int64), 0, (7, 5))
    place = block.obs_image * 48 + cell[:, 1] * 8 + cell[:, 0]
    order = np.lexsort((block.obs_point, -length, place))
    first = np.searchsorted(place[order], place[order])
    chosen = np.zeros(len(block.points), bool)
    chosen[block.obs_point[order[np.arange(len(order)) - first < per_cell]]] = True
    return block.with_observations(chosen[block.obs_point])


MOST_ALIKE = 7.0
"""Higher, the focal length follows its tag (10 drew it 0.2 % further off on two simulated meadows in the sun); lower,
it runs away on a real flight of low overlap (5 on brighton_beach, whose guard it reaches at 4)."""


def error_model(result: AdjustmentResult, limit_px: float) -> tuple[float, float]:
    """Scatter of usual residuals (pixels, each axis; from their median), and how much alike they are within a photo.

    Rolling shutter, refraction and moving leaves shift whole regions of a photo, so its observations say less than
    their number. Measured by the design effect (Kish, 1965): the variance of the mean residual in the cells of a 4 x 3
    mesh, over that of independent errors. Independent errors would be trusted by its root; as the same
    pattern comes back in photo after photo, it is taken whole. Between 1 and `MOST_ALIKE`.
    """
    block = result.block
    error = np.linalg.norm(result.residuals, axis=1)
    good = error < limit_px
    if not good.any():
        return limit_px, 1.0
    normalised = result.residuals[good] / block.obs_sigma[good, None]
    scatter = max(0.01, 1.4826 * float(np.median(np.abs(normalised))))
    variance = max(1e-4, float((normalised**2).sum(axis=1).mean()))
    cell = np.clip((block.obs_xy / block.sizes() * (4, 3)).astype(np.int64), 0, (3, 2))
    place = (block.obs_image * 12 + cell[:, 1] * 4 + cell[:, 0])[good]
    count = np.bincount(place)
    total = np.stack([np.bincount(place, column) for column in normalised.T], axis=1)
    filled = count >= 8
    if filled.sum() < 12:
        return scatter, 4.0
    effect = float(((total[filled] ** 2).sum(axis=1) / count[filled]).mean() / variance)
    return scatter, float(np.clip(effect, 1.0, MOST_ALIKE))


def _all_points(placed: Block, adjusted: Block, limit_px: float) -> FloatArray:
    """Every track of the block, intersected anew with the adjusted cameras; bad ones left out."""
    block = intersect(
        replace(
            placed,
            intrinsics=adjusted.intrinsics,
            rotations=adjusted.rotations,
            centres=adjusted.centres,
        )
    )
    projected, depth = project(block)
    bad = (np.linalg.norm(projected - block.obs_xy, axis=1) > limit_px) | (depth <= 0)
    seen_well = np.bincount(block.obs_point[bad], minlength=len(block.points)) == 0
    return np.asarray(block.points[seen_well])
