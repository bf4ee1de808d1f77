"""Normal equations of a block, points eliminated, compiled.

The reduced camera system is a narrow band of poses (see `tracks`) with the intrinsics, which all photos share, as its
border. So memory and time grow with the number of photos, not its square.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_solve_banded, cholesky_banded

from uav_workflow.compiled import compiled
from uav_workflow.engine.adjustment.block import CameraArrays
from uav_workflow.engine.adjustment.collinearity import image_of, linearised
from uav_workflow.engine.adjustment.tracks import TrackArrays, Tracks

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
TrackParts = tuple[FloatArray, FloatArray, FloatArray, FloatArray]
SystemArrays = tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]

FREEDOM = 1.0
"""Degrees of freedom of Student's t for the scatter of tracks: smaller trusts exact tracks more."""


@dataclass(slots=True, kw_only=True)
class System:
    """Reduced camera system: a band of poses (6 each) bordered by the intrinsics (8 each camera).

    `band[j, k]` is the element of column j and row j + k. The diagonals are those before points were eliminated.
    """

    band: FloatArray
    border: FloatArray
    corner: FloatArray
    right: FloatArray
    corner_right: FloatArray
    diagonal: FloatArray
    corner_diagonal: FloatArray

    @classmethod
    def empty(cls, tracks: Tracks, cameras: int) -> System:
        """All zeros."""
        poses, lenses = 6 * len(tracks.place), 8 * cameras
        return cls(
            band=np.zeros((poses, 6 * (tracks.width + 1))),
            border=np.zeros((poses, lenses)),
            corner=np.zeros((lenses, lenses)),
            right=np.zeros(poses),
            corner_right=np.zeros(lenses),
            diagonal=np.zeros(poses),
            corner_diagonal=np.zeros(lenses),
        )

    @property
    def arrays(self) -> SystemArrays:
        """As the compiled functions take them."""
        return (
            self.band, self.border, self.corner, self.right, self.corner_right, self.diagonal, self.corner_diagonal,
        )  # fmt: skip

    def add_to_poses(self, place: IntArray, normal: FloatArray, right: FloatArray) -> None:
        """Add (n, 6, 6) matrices and (n, 6) right sides to the poses at `place`."""
        for column in range(6):
            self.diagonal[6 * place + column] += normal[:, column, column]
            self.right[6 * place + column] += right[:, column]
            for row in range(column, 6):
                self.band[6 * place + column, row - column] += normal[:, row, column]

    def add_to_lenses(self, weight: FloatArray, right: FloatArray) -> None:
        """Add a diagonal weight and a right side to the intrinsics, both (8 m,)."""
        self.corner[np.diag_indices(len(self.corner))] += weight
        self.corner_diagonal += weight
        self.corner_right += right

    def solve(self, free: NDArray[np.bool_], damping: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Steps of poses and intrinsics, and the covariance of the free intrinsics.

        Raises
        ------
        LinAlgError
            The system is not positive definite; more damping is needed.
        """
        band = self.band.copy()
        band[:, 0] += damping * self.diagonal
        corner = self.corner[np.ix_(free, free)] + damping * np.diag(self.corner_diagonal[free])
        border = self.border[:, free]
        factor = cholesky_banded(band.T, lower=True, overwrite_ab=True, check_finite=False)
        solved = cho_solve_banded((factor, True), np.column_stack([self.right, border]), check_finite=False)
        covariance = np.linalg.inv(corner - border.T @ solved[:, 1:])
        if not np.all(np.diag(covariance) >= 0):
            raise LinAlgError("the intrinsics are not determined")
        lens_step = np.zeros(len(free))
        lens_step[free] = covariance @ (self.corner_right[free] - border.T @ solved[:, 0])
        return solved[:, 0] - solved[:, 1:] @ lens_step[free], lens_step, covariance


@compiled
def residual_cost(  # noqa: PLR0917 - compiled functions take no keywords only
    tracks: TrackArrays,
    cameras: CameraArrays,
    points: FloatArray,
    scatter: float,
    pixel_sigma: float,
    mark_sigma: float,
) -> float:
    """Cost of all observations; behind a camera counts as a thousand pixels off."""
    start, image, xy, trust, surveyed = tracks
    rotations, centres, lenses, camera_of = cameras
    total = 0.0
    for p in range(len(points)):
        squared = 0.0
        for o in range(start[p], start[p + 1]):
            i = image[o]
            u, v, z = image_of(rotations[i], centres[i], lenses[camera_of[i]], points[p])
            squared += ((xy[o, 0] - u) ** 2 + (xy[o, 1] - v) ** 2) * trust[o] ** 2 if z > 0 else 1e6
        if p >= surveyed:
            total += squared / mark_sigma**2
        else:
            freedom = FREEDOM + max(1, 2 * (start[p + 1] - start[p]) - 3)
            total += freedom * np.log1p(squared / (FREEDOM * scatter**2)) * (scatter / pixel_sigma) ** 2
    return total


@compiled
def _track(
    p: int,
    tracks: TrackArrays,
    cameras: CameraArrays,
    point: FloatArray,
    parts: TrackParts,
) -> float:
    """Residuals and derivatives of one track, into `parts`; the sum of its squared residuals."""
    start, image, xy, trust, _ = tracks
    rotations, centres, lenses, camera_of = cameras
    residual, by_pose, by_lens, by_point = parts
    squared = 0.0
    for o in range(start[p], start[p + 1]):
        i, k = image[o], o - start[p]
        u, v = linearised(rotations[i], centres[i], lenses[camera_of[i]], point, by_pose[k], by_lens[k], by_point[k])
        residual[k, 0] = trust[o] * (xy[o, 0] - u)
        residual[k, 1] = trust[o] * (xy[o, 1] - v)
        by_pose[k] *= trust[o]
        by_lens[k] *= trust[o]
        by_point[k] *= trust[o]
        squared += residual[k, 0] ** 2 + residual[k, 1] ** 2
    return squared


@compiled
def _weight(squared: float, length: int, scatter: float, pixel_sigma: float) -> float:
    """Weight of a track: Student's t of all its residuals together (Lange et al., 1989)."""
    freedom = max(1, 2 * length - 3)
    return (FREEDOM + freedom) / (FREEDOM + squared / scatter**2) / pixel_sigma**2


@compiled
def _point_system(
    length: int,
    weight: float,
    parts: TrackParts,
    normal: FloatArray,
    right: FloatArray,
) -> None:
    residual, _, _, by_point = parts
    for k in range(length):
        for a in range(2):
            for i in range(3):
                right[i] += weight * by_point[k, a, i] * residual[k, a]
                for j in range(3):
                    normal[i, j] += weight * by_point[k, a, i] * by_point[k, a, j]


@compiled
def _inverse(m: FloatArray, damping: float, out: FloatArray) -> None:
    """Inverse of a symmetric 3 x 3 matrix whose diagonal is raised by the damping."""
    a, b, c = m[0, 0] * (1 + damping) + 1e-12, m[1, 1] * (1 + damping) + 1e-12, m[2, 2] * (1 + damping) + 1e-12
    d, e, f = m[0, 1], m[0, 2], m[1, 2]
    out[0, 0], out[1, 1], out[2, 2] = b * c - f * f, a * c - e * e, a * b - d * d
    out[0, 1], out[0, 2], out[1, 2] = e * f - d * c, d * f - e * b, d * e - a * f
    determinant = a * out[0, 0] + d * out[0, 1] + e * out[0, 2]
    for i in range(3):
        for j in range(i, 3):
            out[i, j] /= determinant
            out[j, i] = out[i, j]


@compiled
def reduce_points(  # noqa: PLR0917
    tracks: TrackArrays,
    place: IntArray,
    cameras: CameraArrays,
    points: FloatArray,
    survey: tuple[FloatArray, FloatArray],
    scales: tuple[float, float, float, float],
    system: SystemArrays,
) -> None:
    """Fill a system by the Schur complement of every point (Triggs et al., 2000, § 6.1)."""
    start, image, _, _, surveyed = tracks
    target, survey_weight = survey
    scatter, pixel_sigma, mark_sigma, damping = scales
    camera_of, lenses = cameras[3], len(system[2])
    longest = 1
    for p in range(len(points)):
        longest = max(longest, start[p + 1] - start[p])
    parts = (
        np.zeros((longest, 2)), np.zeros((longest, 2, 6)), np.zeros((longest, 2, 8)), np.zeros((longest, 2, 3)),
    )  # fmt: skip
    mixed, turned = np.zeros((longest, 6, 3)), np.zeros((longest, 6, 3))
    lens_mixed, lens_turned = np.zeros((lenses, 3)), np.zeros((lenses, 3))
    normal, inverse, pull = np.zeros((3, 3)), np.zeros((3, 3)), np.zeros(3)
    for p in range(len(points)):
        first, length = start[p], start[p + 1] - start[p]
        squared = _track(p, tracks, cameras, points[p], parts)
        weight = _weight(squared, length, scatter, pixel_sigma) if p < surveyed else 1 / mark_sigma**2
        normal[:] = 0.0
        pull[:] = 0.0
        lens_mixed[:] = 0.0
        _point_system(length, weight, parts, normal, pull)
        if p >= surveyed:
            for i in range(3):
                normal[i, i] += survey_weight[p - surveyed, i]
                pull[i] += survey_weight[p - surveyed, i] * (target[p - surveyed, i] - points[p, i])
        _inverse(normal, damping, inverse)
        _gather_cameras(first, length, image, place, camera_of, weight, parts, (mixed, lens_mixed), system)
        for k in range(length):
            turned[k] = mixed[k] @ inverse
        lens_turned[:] = lens_mixed @ inverse
        _eliminate(first, length, image, place, (mixed, turned, lens_mixed, lens_turned, pull), system)


@compiled
def _gather_cameras(  # noqa: PLR0917, C901
    first: int,
    length: int,
    image: IntArray,
    place: IntArray,
    camera_of: IntArray,
    weight: float,
    parts: TrackParts,
    mixed_parts: tuple[FloatArray, FloatArray],
    system: SystemArrays,
) -> None:
    """Add what one track says of its cameras, and how it ties them to its point."""
    residual, by_pose, by_lens, by_point = parts
    mixed, lens_mixed = mixed_parts
    band, border, corner, right, corner_right, diagonal, corner_diagonal = system
    for k in range(length):
        at, lens = 6 * place[image[first + k]], 8 * camera_of[image[first + k]]
        for i in range(6):
            for j in range(3):
                mixed[k, i, j] = weight * (by_pose[k, 0, i] * by_point[k, 0, j] + by_pose[k, 1, i] * by_point[k, 1, j])
            for j in range(8):
                border[at + i, lens + j] += weight * (
                    by_pose[k, 0, i] * by_lens[k, 0, j] + by_pose[k, 1, i] * by_lens[k, 1, j]
                )
            for j in range(i + 1):
                value = weight * (by_pose[k, 0, i] * by_pose[k, 0, j] + by_pose[k, 1, i] * by_pose[k, 1, j])
                band[at + j, i - j] += value
                if i == j:
                    diagonal[at + i] += value
            right[at + i] += weight * (by_pose[k, 0, i] * residual[k, 0] + by_pose[k, 1, i] * residual[k, 1])
        for i in range(8):
            for j in range(3):
                lens_mixed[lens + i, j] += weight * (
                    by_lens[k, 0, i] * by_point[k, 0, j] + by_lens[k, 1, i] * by_point[k, 1, j]
                )
            for j in range(8):
                value = weight * (by_lens[k, 0, i] * by_lens[k, 0, j] + by_lens[k, 1, i] * by_lens[k, 1, j])
                corner[lens + i, lens + j] += value
                if i == j:
                    corner_diagonal[lens + i] += value
            corner_right[lens + i] += weight * (by_lens[k, 0, i] * residual[k, 0] + by_lens[k, 1, i] * residual[k, 1])


@compiled
def _eliminate(  # noqa: PLR0917
    first: int,
    length: int,
    image: IntArray,
    place: IntArray,
    point: tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray],
    system: SystemArrays,
) -> None:
    """Take what one point explains out of the camera system."""
    mixed, turned, lens_mixed, lens_turned, pull = point
    band, border, corner, right, corner_right, _, _ = system
    for k in range(length):
        column = 6 * place[image[first + k]]
        for n in range(length):
            row = 6 * place[image[first + n]]
            if row < column:
                continue
            for j in range(6):
                for i in range(j if row == column else 0, 6):
                    band[column + j, row + i - column - j] -= (
                        turned[n, i, 0] * mixed[k, j, 0]
                        + turned[n, i, 1] * mixed[k, j, 1]
                        + turned[n, i, 2] * mixed[k, j, 2]
                    )
        for i in range(6):
            for j in range(len(corner)):
                border[column + i, j] -= (
                    turned[k, i, 0] * lens_mixed[j, 0]
                    + turned[k, i, 1] * lens_mixed[j, 1]
                    + turned[k, i, 2] * lens_mixed[j, 2]
                )
            right[column + i] -= turned[k, i, 0] * pull[0] + turned[k, i, 1] * pull[1] + turned[k, i, 2] * pull[2]
    for i in range(len(corner)):
        for j in range(len(corner)):
            corner[i, j] -= (
                lens_turned[i, 0] * lens_mixed[j, 0]
                + lens_turned[i, 1] * lens_mixed[j, 1]
                + lens_turned[i, 2] * lens_mixed[j, 2]
            )
        corner_right[i] -= lens_turned[i, 0] * pull[0] + lens_turned[i, 1] * pull[1] + lens_turned[i, 2] * pull[2]


@compiled
def move_points(  # noqa: PLR0917
    tracks: TrackArrays,
    place: IntArray,
    cameras: CameraArrays,
    points: FloatArray,
    survey: tuple[FloatArray, FloatArray],
    scales: tuple[float, float, float, float],
    steps: tuple[FloatArray, FloatArray],
    moved: FloatArray,
) -> None:
    """Points after the steps of poses (by place in the band) and intrinsics."""
    start, image, _, _, surveyed = tracks
    target, survey_weight = survey
    scatter, pixel_sigma, mark_sigma, damping = scales
    pose_step, lens_step = steps
    longest = 1
    for p in range(len(points)):
        longest = max(longest, start[p + 1] - start[p])
    parts = (
        np.zeros((longest, 2)), np.zeros((longest, 2, 6)), np.zeros((longest, 2, 8)), np.zeros((longest, 2, 3)),
    )  # fmt: skip
    residual, by_pose, by_lens, _ = parts
    normal, inverse, pull = np.zeros((3, 3)), np.zeros((3, 3)), np.zeros(3)
    for p in range(len(points)):
        first, length = start[p], start[p + 1] - start[p]
        squared = _track(p, tracks, cameras, points[p], parts)
        weight = _weight(squared, length, scatter, pixel_sigma) if p < surveyed else 1 / mark_sigma**2
        for k in range(length):
            at, lens = 6 * place[image[first + k]], 8 * cameras[3][image[first + k]]
            for a in range(2):
                for i in range(6):
                    residual[k, a] -= by_pose[k, a, i] * pose_step[at + i]
                for i in range(8):
                    residual[k, a] -= by_lens[k, a, i] * lens_step[lens + i]
        normal[:] = 0.0
        pull[:] = 0.0
        _point_system(length, weight, parts, normal, pull)
        if p >= surveyed:
            for i in range(3):
                normal[i, i] += survey_weight[p - surveyed, i]
                pull[i] += survey_weight[p - surveyed, i] * (target[p - surveyed, i] - points[p, i])
        _inverse(normal, damping, inverse)
        for i in range(3):
            moved[p, i] = points[p, i] + inverse[i, 0] * pull[0] + inverse[i, 1] * pull[1] + inverse[i, 2] * pull[2]
