"""The collinearity equations: projecting, intersecting, and their derivatives, for whole blocks at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.reconstruction import Camera
from uav_workflow.engine.mapping import Block

FloatArray = NDArray[np.float64]

ROBUST_PX = 2.0
"""Residual at which an observation has lost half its weight, pixels."""


def project(block: Block) -> tuple[FloatArray, FloatArray]:
    """Projected pixels (o, 2) of every observation and their depth (o,)."""
    rotation = block.rotations[block.obs_image]
    ray = np.einsum("oij,oj->oi", rotation, block.points[block.obs_point] - block.centres[block.obs_image])
    xd, yd, _ = distort(ray, block.intrinsics[block.camera_of[block.obs_image]])
    f, cx, cy = block.intrinsics[block.camera_of[block.obs_image]][:, :3].T
    return np.stack([f * xd + cx, f * yd + cy], axis=1), ray[:, 2]


def distort(ray: FloatArray, intrinsics: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Distorted normalised coordinates and their (o, 2, 2) derivative by the undistorted ones (Brown, 1971)."""
    k1, k2, k3, p1, p2 = intrinsics[:, 3:].T
    z = np.where(np.abs(ray[:, 2]) > 1e-9, ray[:, 2], 1e-9)
    x, y = ray[:, 0] / z, ray[:, 1] / z
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    slope = 2 * (k1 + r2 * (2 * k2 + r2 * 3 * k3))
    xd = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    yd = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
    jacobian = np.empty((len(x), 2, 2))
    jacobian[:, 0, 0] = radial + x * x * slope + 2 * p1 * y + 6 * p2 * x
    jacobian[:, 0, 1] = x * y * slope + 2 * p1 * x + 2 * p2 * y
    jacobian[:, 1, 0] = jacobian[:, 0, 1]
    jacobian[:, 1, 1] = radial + y * y * slope + 6 * p1 * y + 2 * p2 * x
    return xd, yd, jacobian


def derivatives(block: Block) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Residuals (o, 2) and derivatives of the projection by pose (o, 2, 6), intrinsics (o, 2, 8), point (o, 2, 3).

    A pose is a small rotation in the camera frame (radians), then the centre.
    """
    rotation = block.rotations[block.obs_image]
    ray = np.einsum("oij,oj->oi", rotation, block.points[block.obs_point] - block.centres[block.obs_image])
    intrinsics = block.intrinsics[block.camera_of[block.obs_image]]
    xd, yd, inner = distort(ray, intrinsics)
    f, cx, cy = intrinsics[:, :3].T
    z = np.where(np.abs(ray[:, 2]) > 1e-9, ray[:, 2], 1e-9)
    x, y = ray[:, 0] / z, ray[:, 1] / z
    perspective = np.zeros((len(z), 2, 3))
    perspective[:, 0, 0] = perspective[:, 1, 1] = 1 / z
    perspective[:, 0, 2], perspective[:, 1, 2] = -x / z, -y / z
    by_ray = f[:, None, None] * (inner @ perspective)
    by_point = by_ray @ rotation
    by_pose = np.concatenate([-by_ray @ cross_matrix(ray), -by_point], axis=2)
    r2 = x * x + y * y
    one, zero = np.ones_like(x), np.zeros_like(x)
    by_x = [xd, one, zero, f * x * r2, f * x * r2**2, f * x * r2**3, 2 * f * x * y, f * (r2 + 2 * x * x)]
    by_y = [yd, zero, one, f * y * r2, f * y * r2**2, f * y * r2**3, f * (r2 + 2 * y * y), 2 * f * x * y]
    by_intrinsics = np.stack([np.stack(by_x, axis=1), np.stack(by_y, axis=1)], axis=1)
    residuals = block.obs_xy - np.stack([f * xd + cx, f * yd + cy], axis=1)
    return residuals, by_pose, by_intrinsics, by_point


def cross_matrix(vectors: FloatArray) -> FloatArray:
    """Matrices (n, 3, 3) that multiply like the cross product with the vectors (n, 3)."""
    matrix = np.zeros((len(vectors), 3, 3))
    matrix[:, 0, 1], matrix[:, 0, 2], matrix[:, 1, 2] = -vectors[:, 2], vectors[:, 1], -vectors[:, 0]
    return matrix - matrix.transpose(0, 2, 1)


def intersect(block: Block, iterations: int = 8) -> Block:
    """Points alone adjusted to fixed cameras (Gauss-Newton with a little damping)."""
    for _ in range(iterations):
        residuals, _, _, by_point = derivatives(block)
        weight = 1 / (1 + (residuals**2).sum(axis=1) / ROBUST_PX**2)
        products = np.einsum("oki,okj,o->oij", by_point, by_point, weight)
        pulls = np.einsum("oki,ok,o->oi", by_point, residuals, weight)
        count = len(block.points)
        packed = np.stack([np.bincount(block.obs_point, column, count) for column in products.reshape(-1, 9).T], axis=1)
        right = np.stack([np.bincount(block.obs_point, column, count) for column in pulls.T], axis=1)
        normal = packed.reshape(-1, 3, 3) * (1 + 1e-6 * np.eye(3)) + 1e-9 * np.eye(3)
        block = replace(block, points=block.points + np.linalg.solve(normal, right[:, :, None])[:, :, 0])
    return block


def undistort(camera: Camera, pixels: FloatArray, iterations: int = 8) -> FloatArray:
    """Rays (n, 3) with z = 1 in the camera frame that project to the pixels (n, 2), by Newton's method."""
    lens = np.array([camera.fx, camera.cx, camera.cy, camera.k1, camera.k2, camera.k3, camera.p1, camera.p2])
    wanted = (pixels - (camera.cx, camera.cy)) / (camera.fx, camera.fy)
    rays = np.concatenate([wanted, np.ones((len(pixels), 1))], axis=1)
    for _ in range(iterations):
        xd, yd, slope = distort(rays, lens[None])
        off = wanted - np.stack([xd, yd], axis=1)
        if off.size == 0 or float(np.abs(off).max()) < 1e-10:
            break
        determinant = slope[:, 0, 0] * slope[:, 1, 1] - slope[:, 0, 1] * slope[:, 1, 0]
        rays[:, 0] += (slope[:, 1, 1] * off[:, 0] - slope[:, 0, 1] * off[:, 1]) / determinant
        rays[:, 1] += (slope[:, 0, 0] * off[:, 1] - slope[:, 1, 0] * off[:, 0]) / determinant
    return rays


def rotation_of(vectors: FloatArray) -> FloatArray:
    """Rotation matrices (n, 3, 3) of rotation vectors (n, 3), radians (Rodrigues, 1840)."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_rotvec(vectors).as_matrix())
