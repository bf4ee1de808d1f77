"""Looking at the scene through a camera: every pixel the mean of several rays over the true surface."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_workflow.compiled import compiled
from uav_workflow.domain.reconstruction import Camera, Shot
from uav_workflow.simulation.painting import UNIT_M
from uav_workflow.simulation.scene import COARSE, FAR, Scene

FloatArray = NDArray[np.float64]
HeightFunction = Callable[[FloatArray, FloatArray], FloatArray]

LOW = 2000.0
"""Units above the ground (0.2 m) below which a ray's last step of a texel is not taken back."""
LATTICE = 8
"""Pixels between the rays that are traced to the ground exactly; between them ground places are linear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundRays:
    """Where a lattice of rays meets the bare ground, in texels of the scene.

    Attributes
    ----------
    row, col : (m, n) float64
        Place on the ground.
    lean_row, lean_col : (m, n) float64
        Texels toward the camera a unit (`painting.UNIT_M`) above the ground.
    bend : (m, n) float64
        Share by which the lean grows a unit above the ground, because the ground falls away from under the ray.
    """

    row: FloatArray
    col: FloatArray
    lean_row: FloatArray
    lean_col: FloatArray
    bend: FloatArray


def undistort(camera: Camera, pixels: FloatArray) -> FloatArray:
    """Tangents (n, 2) of the rays through pixels (n, 2): Brown's model inverted by fixed-point steps."""
    target = (pixels - (camera.cx, camera.cy)) / (camera.fx, camera.fy)
    tangents = target.copy()
    for _ in range(25):
        x, y = tangents[:, 0], tangents[:, 1]
        r2 = x * x + y * y
        radial = 1 + r2 * (camera.k1 + r2 * (camera.k2 + r2 * camera.k3))
        shift_x = 2 * camera.p1 * x * y + camera.p2 * (r2 + 2 * x * x)
        shift_y = camera.p1 * (r2 + 2 * y * y) + 2 * camera.p2 * x * y
        tangents = np.stack([(target[:, 0] - shift_x) / radial, (target[:, 1] - shift_y) / radial], axis=1)
    return tangents


def ground_places(
    camera: Camera, shot: Shot, height: Callable[[FloatArray, FloatArray], FloatArray], pixels: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Ground points (n, 3) under pixels (n, 2) and the unit rays (n, 3) that reach them.

    Raises
    ------
    ValueError
        A ray leaves the camera level or upward.
    """
    tangents = undistort(camera, pixels)
    rays = np.column_stack([tangents, np.ones(len(tangents))]) @ shot.rotation
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    if np.any(rays[:, 2] > -0.05):
        raise ValueError(f"{shot.image}: a ray looks at the horizon; only views of the ground are simulated")
    drop = shot.centre[2] - height(shot.centre[:1], shot.centre[1:2])
    distance = -drop / rays[:, 2]
    for _ in range(40):
        points = shot.centre + distance[:, None] * rays
        error = points[:, 2] - height(points[:, 0], points[:, 1])
        if np.abs(error).max() < 1e-5:
            break
        distance += -0.9 * error / rays[:, 2]
    return shot.centre + distance[:, None] * rays, rays


def ground_rays(scene: Scene, camera: Camera, shot: Shot) -> GroundRays:
    """Trace the lattice of a photo to the bare ground."""
    rows, columns = math.ceil(camera.height / LATTICE) + 1, math.ceil(camera.width / LATTICE) + 1
    v, u = np.meshgrid(np.arange(rows) * LATTICE, np.arange(columns) * LATTICE, indexing="ij")
    pixels = np.column_stack([u.ravel(), v.ravel()]).astype(float)
    points, rays = ground_places(camera, shot, scene.terrain.height, pixels)
    slope_x, slope_y = scene.terrain.gradient(points[:, 0], points[:, 1])
    lean = rays[:, :2] / rays[:, 2:]
    # climbing a metre above sloping ground takes more or less than a metre of the ray
    gain = 1 - (lean[:, 0] * slope_x + lean[:, 1] * slope_y)
    climb = scene.landscape.tall_m
    ahead = points[:, :2] + climb * lean
    rise = scene.terrain.height(ahead[:, 0], ahead[:, 1]) - points[:, 2] - climb * (1 - gain)
    bend = rise / (climb * gain) ** 2
    lean = lean / gain[:, None]
    texel = scene.spec.texel_m
    shape = (rows, columns)
    return GroundRays(
        row=(-points[:, 1] / texel - scene.row0).reshape(shape),
        col=(points[:, 0] / texel - scene.col0).reshape(shape),
        lean_row=(-lean[:, 1] * UNIT_M / texel).reshape(shape),
        lean_col=(lean[:, 0] * UNIT_M / texel).reshape(shape),
        bend=(bend * UNIT_M).reshape(shape),
    )


@compiled
def _met(  # noqa: PLR0917 - numba kernels take no keywords only
    height: NDArray[np.uint16],
    above: float,
    row: float,
    col: float,
    lean_row: float,
    lean_col: float,
    bend: float,
    step: float,
) -> tuple[int, int]:
    """Texel of a ray that has just dived below the surface: back on it where it came from above, not from the side."""
    reach = above * (1.0 + bend * above)
    r, c = int(row + lean_row * reach), int(col + lean_col * reach)
    top = float(height[r, c])
    if top - above > step:
        return r, c
    reach = top * (1.0 + bend * top)
    back_r, back_c = int(row + lean_row * reach), int(col + lean_col * reach)
    if abs(float(height[back_r, back_c]) - top) > step:
        return r, c
    return back_r, back_c


@compiled
def _hit(  # noqa: PLR0917 - numba kernels take no keywords only
    height: NDArray[np.uint16],
    ceiling: NDArray[np.uint16],
    above: float,
    row: float,
    col: float,
    lean_row: float,
    lean_col: float,
    bend: float,
    step: float,
) -> tuple[int, int]:
    """Texel a ray sees first, coming down from ``above`` toward its place on the ground; ``step``: one texel on."""
    while above > 0.0:
        reach = above * (1.0 + bend * above)
        r, c = int(row + lean_row * reach), int(col + lean_col * reach)
        roof = float(ceiling[r // COARSE, c // COARSE])
        if above > roof:
            # nothing this high for a whole coarse cell around: go down to the roof, or one cell along the ray
            above = max(roof, above - COARSE * step)
        elif float(height[r, c]) >= above:
            if above < LOW:
                return r, c
            return _met(height, above, row, col, lean_row, lean_col, bend, step)
        else:
            above -= step
    return int(row), int(col)


@compiled
def _between(grid: FloatArray, i: int, j: int, y: float, x: float) -> tuple[float, float, float]:
    """Value of a lattice cell at (y, x) in it, and its slopes along rows and columns, a pixel."""
    a, b, c, d = grid[i, j], grid[i, j + 1], grid[i + 1, j], grid[i + 1, j + 1]
    down, right = c - a + (d - c - b + a) * x, b - a + (d - c - b + a) * y
    return a + (b - a) * x + down * y, down / LATTICE, right / LATTICE


@compiled
def _expose(  # noqa: PLR0917 - numba kernels take no keywords only
    height: NDArray[np.uint16],
    ceilings: tuple[NDArray[np.uint16], NDArray[np.uint16]],
    looks: NDArray[np.uint8],
    lattice: tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray],
    reflectance: NDArray[np.float32],
    direct_share: float,
    samples: int,
    edge: int,
    out: NDArray[np.float32],
) -> None:
    rows0, cols0, lean_rows, lean_cols, bends = lattice
    near, far = ceilings
    rows, columns = height.shape
    bands, high, wide = out.shape
    direct_scale, sky_scale = direct_share / 127.5, (1.0 - direct_share) / 255.0
    share = 1.0 / (samples * samples)
    for v in range(high):
        i = v // LATTICE
        for u in range(wide):
            j = u // LATTICE
            y, x = (v - i * LATTICE + 0.5) / LATTICE, (u - j * LATTICE + 0.5) / LATTICE
            row0, row_down, row_right = _between(rows0, i, j, y, x)
            col0, col_down, col_right = _between(cols0, i, j, y, x)
            lean_row, _, _ = _between(lean_rows, i, j, y, x)
            lean_col, _, _ = _between(lean_cols, i, j, y, x)
            bend, _, _ = _between(bends, i, j, y, x)
            lean = max(abs(lean_row), abs(lean_col), 1e-6)
            # rays start under the highest thing around and never leave the scene
            top = min(float(far[int(row0) // FAR, int(col0) // FAR]), edge / lean)
            for s in range(samples):
                for t in range(samples):
                    down, right = (s + 0.5) / samples - 0.5, (t + 0.5) / samples - 0.5
                    row = min(max(row0 + row_down * down + row_right * right, edge), rows - 1 - edge)
                    col = min(max(col0 + col_down * down + col_right * right, edge), columns - 1 - edge)
                    r, k = _hit(height, near, top, row, col, lean_row, lean_col, bend, 1.0 / lean)
                    light = looks[r, k, 2] * direct_scale + looks[r, k, 3] * sky_scale
                    light *= (0.5 + looks[r, k, 1] / 255.0) * share
                    material = looks[r, k, 0]
                    for band in range(bands):
                        out[band, v, u] += light * reflectance[band, material]


def apparent_reflectance(
    scene: Scene,
    camera: Camera,
    shot: Shot,
    reflectance: NDArray[np.float32],
    direct_share: float,
) -> NDArray[np.float32]:
    """What a photo sees: pi x radiance / irradiance on level open ground.

    Parameters
    ----------
    reflectance : (bands, materials) float32
    direct_share : float
        Share of the level irradiance that comes straight from the sun.

    Returns
    -------
    (bands, height, width) float32
        Mean over each pixel of rays to the first surface they meet; the number of rays follows the pixel's size.
    """
    rays = ground_rays(scene, camera, shot)
    ground = float(scene.terrain.height(shot.centre[:1], shot.centre[1:2])[0])
    pixel_m = (float(shot.centre[2]) - ground) / camera.fx
    samples = min(4, math.ceil(pixel_m / scene.spec.texel_m / 1.5))
    out = np.zeros((len(reflectance), camera.height, camera.width), np.float32)
    lattice = (rays.row, rays.col, rays.lean_row, rays.lean_col, rays.bend)
    ceilings, edge = (scene.ceiling, scene.far_ceiling), int(scene.landscape.reach_m / scene.spec.texel_m)
    _expose(scene.height, ceilings, scene.looks, lattice, reflectance, direct_share, samples, edge, out)
    return out
