"""The collinearity equations: projecting, intersecting, and their derivatives, for whole blocks at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from uav_workflow.compiled import compiled
from uav_workflow.domain.reconstruction import Camera
from uav_workflow.engine.adjustment.block import Block

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ROBUST_PX = 2.0
"""Residual at which an observation has lost half its weight when points alone are sought, pixels."""


@compiled
def brown(x: float, y: float, lens: FloatArray) -> tuple[float, float, float, float, float]:
    """Distorted normalised coordinates, and their symmetric derivative by x and y: xx, xy, yy (Brown, 1971)."""
    k1, k2, k3, p1, p2 = lens[3], lens[4], lens[5], lens[6], lens[7]
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    slope = 2 * (k1 + r2 * (2 * k2 + r2 * 3 * k3))
    xd = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    yd = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
    along = radial + x * x * slope + 2 * p1 * y + 6 * p2 * x
    across = x * y * slope + 2 * p1 * x + 2 * p2 * y
    down = radial + y * y * slope + 6 * p1 * y + 2 * p2 * x
    return xd, yd, along, across, down


@compiled
def ray_of(rotation: FloatArray, centre: FloatArray, point: FloatArray) -> tuple[float, float, float]:
    """A point in the camera frame."""
    a, b, c = point[0] - centre[0], point[1] - centre[1], point[2] - centre[2]
    return (
        rotation[0, 0] * a + rotation[0, 1] * b + rotation[0, 2] * c,
        rotation[1, 0] * a + rotation[1, 1] * b + rotation[1, 2] * c,
        rotation[2, 0] * a + rotation[2, 1] * b + rotation[2, 2] * c,
    )


@compiled
def image_of(rotation: FloatArray, centre: FloatArray, lens: FloatArray, point: FloatArray) -> tuple[float, ...]:
    """Pixel (u, v) and depth of a point."""
    a, b, c = ray_of(rotation, centre, point)
    z = c if abs(c) > 1e-9 else 1e-9
    xd, yd, _, _, _ = brown(a / z, b / z, lens)
    return lens[0] * xd + lens[1], lens[0] * yd + lens[2], c


@compiled
def linearised(  # noqa: PLR0917 - compiled functions take no keywords only
    rotation: FloatArray,
    centre: FloatArray,
    lens: FloatArray,
    point: FloatArray,
    by_pose: FloatArray,
    by_lens: FloatArray,
    by_point: FloatArray,
) -> tuple[float, float]:
    """Pixel of a point; its derivatives by pose (2, 6), intrinsics (2, 8) and point (2, 3) are filled in.

    A pose is a small rotation in the camera frame (radians), then the centre.
    """
    a, b, c = ray_of(rotation, centre, point)
    z = c if abs(c) > 1e-9 else 1e-9
    x, y = a / z, b / z
    xd, yd, along, across, down = brown(x, y, lens)
    f = lens[0]
    r2 = x * x + y * y
    for i in range(2):
        first, second = (along, across) if i == 0 else (across, down)
        g0, g1 = f * first / z, f * second / z
        g2 = -(g0 * x + g1 * y)
        for j in range(3):
            by_point[i, j] = g0 * rotation[0, j] + g1 * rotation[1, j] + g2 * rotation[2, j]
            by_pose[i, 3 + j] = -by_point[i, j]
        by_pose[i, 0] = g2 * b - g1 * c
        by_pose[i, 1] = g0 * c - g2 * a
        by_pose[i, 2] = g1 * a - g0 * b
        own = x if i == 0 else y
        by_lens[i, 0] = xd if i == 0 else yd
        by_lens[i, 1] = 1.0 - i
        by_lens[i, 2] = float(i)
        by_lens[i, 3] = f * own * r2
        by_lens[i, 4] = f * own * r2 * r2
        by_lens[i, 5] = f * own * r2 * r2 * r2
        by_lens[i, 6 + i] = 2 * f * x * y
        by_lens[i, 7 - i] = f * (r2 + 2 * own * own)
    return f * xd + lens[1], f * yd + lens[2]


def project(block: Block) -> tuple[FloatArray, FloatArray]:
    """Projected pixels (o, 2) of every observation and their depth (o,)."""
    pixels, depth = np.empty((len(block.obs_image), 2)), np.empty(len(block.obs_image))
    _project(*block.cameras, block.points, block.obs_image, block.obs_point, pixels, depth)
    return pixels, depth


def derivatives(block: Block) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Residuals (o, 2) and derivatives of the projection by pose (o, 2, 6), intrinsics (o, 2, 8), point (o, 2, 3)."""
    count = len(block.obs_image)
    pixels, by_pose = np.zeros((count, 2)), np.zeros((count, 2, 6))
    by_lens, by_point = np.zeros((count, 2, 8)), np.zeros((count, 2, 3))
    rotations, centres, lenses, camera_of = block.cameras
    for o, (i, p) in enumerate(zip(block.obs_image, block.obs_point, strict=True)):
        pixels[o] = linearised(
            rotations[i], centres[i], lenses[camera_of[i]], block.points[p], by_pose[o], by_lens[o], by_point[o]
        )
    return block.obs_xy - pixels, by_pose, by_lens, by_point


@compiled
def _project(  # noqa: PLR0917 - compiled functions take no keywords only
    rotations: FloatArray,
    centres: FloatArray,
    lenses: FloatArray,
    camera_of: IntArray,
    points: FloatArray,
    obs_image: IntArray,
    obs_point: IntArray,
    pixels: FloatArray,
    depth: FloatArray,
) -> None:
    for o in range(len(obs_image)):
        i = obs_image[o]
        u, v, z = image_of(rotations[i], centres[i], lenses[camera_of[i]], points[obs_point[o]])
        pixels[o, 0] = u
        pixels[o, 1] = v
        depth[o] = z


def intersect(block: Block, iterations: int = 8) -> Block:
    """Points alone adjusted to fixed cameras (Gauss-Newton with a little damping)."""
    count = len(block.points)
    for _ in range(iterations):
        normal, right = np.zeros((count, 3, 3)), np.zeros((count, 3))
        _gather(*block.cameras, block.points, block.obs_image, block.obs_point, block.obs_xy, normal, right)
        normal = normal * (1 + 1e-6 * np.eye(3)) + 1e-9 * np.eye(3)
        block = replace(block, points=block.points + np.linalg.solve(normal, right[:, :, None])[:, :, 0])
    return block


def meet(block: Block) -> Block:
    """Points put where the rays of their observations pass closest to each other; a start for `intersect`."""
    normal, right = np.zeros((len(block.points), 3, 3)), np.zeros((len(block.points), 3))
    lenses = block.intrinsics[block.camera_of[block.obs_image]]
    wanted = (block.obs_xy - lenses[:, 1:3]) / lenses[:, :1]
    rays = np.concatenate([wanted, np.ones((len(wanted), 1))], axis=1)
    for lens in np.unique(block.camera_of):
        mine = block.camera_of[block.obs_image] == lens
        found = rays[mine]
        _undistort(np.ascontiguousarray(wanted[mine]), block.intrinsics[lens], found, 8)
        rays[mine] = found
    world = np.einsum("oji,oj->oi", block.rotations[block.obs_image], rays)
    world /= np.linalg.norm(world, axis=1, keepdims=True)
    across = np.eye(3) - world[:, :, None] * world[:, None, :]
    np.add.at(normal, block.obs_point, across)
    np.add.at(right, block.obs_point, np.einsum("oij,oj->oi", across, block.centres[block.obs_image]))
    points = np.linalg.solve(normal + 1e-12 * np.eye(3), right[:, :, None])[:, :, 0]
    return replace(block, points=np.asarray(points, float))


@compiled
def _gather(  # noqa: PLR0917 - compiled functions take no keywords only
    rotations: FloatArray,
    centres: FloatArray,
    lenses: FloatArray,
    camera_of: IntArray,
    points: FloatArray,
    obs_image: IntArray,
    obs_point: IntArray,
    obs_xy: FloatArray,
    normal: FloatArray,
    right: FloatArray,
) -> None:
    """Normal equations of every point, observations weighted by Cauchy's function."""
    by_pose, by_lens, by_point = np.zeros((2, 6)), np.zeros((2, 8)), np.zeros((2, 3))
    for o in range(len(obs_image)):
        i, p = obs_image[o], obs_point[o]
        u, v = linearised(rotations[i], centres[i], lenses[camera_of[i]], points[p], by_pose, by_lens, by_point)
        du, dv = obs_xy[o, 0] - u, obs_xy[o, 1] - v
        weight = 1 / (1 + (du * du + dv * dv) / ROBUST_PX**2)
        for j in range(3):
            right[p, j] += weight * (by_point[0, j] * du + by_point[1, j] * dv)
            for k in range(3):
                normal[p, j, k] += weight * (by_point[0, j] * by_point[0, k] + by_point[1, j] * by_point[1, k])


def undistort(camera: Camera, pixels: FloatArray, iterations: int = 8) -> FloatArray:
    """Rays (n, 3) with z = 1 in the camera frame that project to the pixels (n, 2), by Newton's method."""
    lens = np.array([camera.fx, camera.cx, camera.cy, camera.k1, camera.k2, camera.k3, camera.p1, camera.p2])
    wanted = (pixels - (camera.cx, camera.cy)) / (camera.fx, camera.fy)
    rays = np.concatenate([wanted, np.ones((len(pixels), 1))], axis=1)
    _undistort(np.ascontiguousarray(wanted, float), lens, rays, iterations)
    return rays


@compiled
def _undistort(wanted: FloatArray, lens: FloatArray, rays: FloatArray, iterations: int) -> None:
    for n in range(len(wanted)):
        for _ in range(iterations):
            xd, yd, along, across, down = brown(rays[n, 0], rays[n, 1], lens)
            off_x, off_y = wanted[n, 0] - xd, wanted[n, 1] - yd
            if abs(off_x) + abs(off_y) < 1e-11:
                break
            determinant = along * down - across * across
            rays[n, 0] += (down * off_x - across * off_y) / determinant
            rays[n, 1] += (along * off_y - across * off_x) / determinant


def cross_matrix(vectors: FloatArray) -> FloatArray:
    """Matrices (n, 3, 3) that multiply like the cross product with the vectors (n, 3)."""
    matrix = np.zeros((len(vectors), 3, 3))
    matrix[:, 0, 1], matrix[:, 0, 2], matrix[:, 1, 2] = -vectors[:, 2], vectors[:, 1], -vectors[:, 0]
    return matrix - matrix.transpose(0, 2, 1)


def rotation_of(vectors: FloatArray) -> FloatArray:
    """Rotation matrices (n, 3, 3) of rotation vectors (n, 3), radians (Rodrigues, 1840)."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_rotvec(vectors).as_matrix())
