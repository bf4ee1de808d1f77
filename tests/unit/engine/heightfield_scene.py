"""A textured height field photographed from known places: truth for the tests of surface and mosaic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.reconstruction import Camera, Reconstruction, Shot

OFFSET = (600_000.0, 5_100_000.0)
CELL = 0.05


@dataclass(frozen=True)
class Scene:
    """Heights and texture on a grid of ``cell`` metres; its corner is (-half, half) minus OFFSET."""

    heights: NDArray[np.float32]
    ground: NDArray[np.float32]
    texture: NDArray[np.float32]
    half: float
    cell: float = CELL

    def at(self, field: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float32]:
        """Bilinear value of a field at world positions minus offset."""
        col = ((x + self.half) / self.cell - 0.5).astype(np.float32)
        row = ((self.half - y) / self.cell - 0.5).astype(np.float32)
        flat = cv2.remap(field, np.atleast_2d(col), np.atleast_2d(row), cv2.INTER_LINEAR)
        return flat.reshape(np.shape(x))


@lru_cache(maxsize=2)
def meadow(half: float = 28.0, slope: float = 0.1, seed: int = 7) -> Scene:
    """Sloping, gently rolling land with a box of 3 m, and tussocks of 10 - 40 cm with bare ground between."""
    rng = np.random.default_rng(seed)
    side = int(2 * half / CELL)
    y, x = np.meshgrid(half - (np.arange(side) + 0.5) * CELL, -half + (np.arange(side) + 0.5) * CELL, indexing="ij")
    ground = 500 + slope * x + 0.6 * np.sin(x / 7) * np.cos(y / 9)
    heights = ground.copy()
    for _ in range(260):
        i, j = rng.integers(20, side - 20, 2)
        radius, tall = rng.uniform(0.3, 0.9), rng.uniform(0.1, 0.4)
        part = (slice(i - 20, i + 21), slice(j - 20, j + 21))
        distance = np.hypot(x[part] - x[i, j], y[part] - y[i, j]) / radius
        dome = np.where(distance < 1, tall * (1 - distance**2), 0)
        heights[part] = np.maximum(heights[part], ground[part] + dome)
    box = (np.abs(x - 3) < 2) & (np.abs(y + 2) < 1.5)
    heights[box] = ground[box].mean() + 3
    return Scene(heights.astype(np.float32), ground.astype(np.float32), _mottled(side, rng), half)


@lru_cache(maxsize=4)
def grounds(kind: str, half: float = 28.0, cell: float = 0.025, seed: int = 5) -> Scene:
    """Land whose ground is known, with what stands on it.

    ``yard``: rolling land with two houses, a free-standing wall and shrubs. ``hillside``: shrubs of 0.3 - 1.5 m on a
    slope of 15 degrees. ``terraces``: level strips parted by banks of 1.2 m at 60 degrees, and a ditch of 0.8 m.
    """
    rng = np.random.default_rng(seed)
    side = int(2 * half / cell)
    y, x = np.meshgrid(half - (np.arange(side) + 0.5) * cell, -half + (np.arange(side) + 0.5) * cell, indexing="ij")
    if kind == "yard":
        ground = 500 + 1.5 * np.sin(x / 8 + seed) * np.cos(y / 10)
        heights = ground.copy()
        _shrubs(heights, (ground, x, y), 160, (0.3, 1.0), rng)
        for east, north, wide, deep, tall in ((3, -4, 1.5, 1.2, 4.0), (-4, 4, 1.2, 1.5, 2.2), (-5, -4, 0.2, 2.0, 2.0)):
            turn = rng.uniform(0, np.pi)
            u = (x - east) * np.cos(turn) + (y - north) * np.sin(turn)
            v = (y - north) * np.cos(turn) - (x - east) * np.sin(turn)
            box = (np.abs(u) < wide) & (np.abs(v) < deep)
            heights[box] = ground[box].mean() + tall
    elif kind == "hillside":
        ground = 500 + np.tan(np.deg2rad(15)) * x + 0.4 * np.sin(x / 7) * np.cos(y / 9)
        heights = ground.copy()
        _shrubs(heights, (ground, x, y), 700, (0.3, 1.5), rng)
    else:
        along = (x + 0.3 * y + 1.5 * np.sin(y / 9)) / 8.0
        step = 1.2
        bank = step / 8.0 / np.tan(np.deg2rad(60))
        part = along - np.floor(along)
        ground = 500 + step * (np.floor(along) + np.clip((part - 0.5) / bank + 0.5, 0, 1)) + 0.1 * np.sin(x / 5)
        ditch = np.abs(y + 6 + 0.8 * np.sin(x / 6))
        ground -= np.clip((1.0 - ditch) / 0.6, 0, 1) * 0.8
        heights = ground.copy()
    return Scene(heights.astype(np.float32), ground.astype(np.float32), _mottled(side, rng, CELL / cell), half, cell)


def _shrubs(
    heights: NDArray[np.float64],
    land: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    count: int,
    tall: tuple[float, float],
    rng: np.random.Generator,
) -> None:
    """Half-ellipsoids of given heights and about as wide, in place."""
    ground, x, y = land
    side = len(ground)
    cell = float(x[0, 1] - x[0, 0])
    reach = int(1.3 * tall[1] / cell) + 1
    for _ in range(count):
        i, j = rng.integers(reach, side - reach, 2)
        height = rng.uniform(*tall)
        radius = height * rng.uniform(0.5, 1.2)
        part = (slice(i - reach, i + reach + 1), slice(j - reach, j + reach + 1))
        distance = np.hypot(x[part] - x[i, j], y[part] - y[i, j]) / radius
        dome = np.where(distance < 1, height * np.sqrt(1 - np.minimum(distance, 1) ** 2), 0)
        heights[part] = np.maximum(heights[part], ground[part] + dome)


def _mottled(side: int, rng: np.random.Generator, grain: float = 1.0) -> NDArray[np.float32]:
    """Texture of several scales, the finest of ``grain`` cells; 5 - 250."""
    texture = np.zeros((side, side), np.float32)
    for sigma, weight in ((1.0, 30.0), (2.5, 60.0), (8.0, 160.0)):
        noise = rng.normal(0, 1, (side, side)).astype(np.float32)
        texture += weight * sigma * grain * cv2.GaussianBlur(noise, (0, 0), sigma * grain)
    texture = 120 + 45 * (texture - texture.mean()) / texture.std()
    return np.clip(texture, 5, 250).astype(np.float32)


def camera(name: str = "rgb", shift: float = 0.0) -> Camera:
    """640 x 480 pixels with some distortion and an off-centre principal point."""
    return Camera(
        camera_id=name, width=640, height=480, fx=520, fy=520, cx=323 + shift, cy=237, k1=-0.03, k2=0.01, p1=5e-4,
        p2=-3e-4,
    )  # fmt: skip


def nadir_block(
    scene: Scene, folder: Path, *, columns: int = 4, rows: int = 3, lens: Camera | None = None, suffix: str = ""
) -> tuple[Reconstruction, dict[str, Path]]:
    """Photos 24 m above the ground's middle, 80 / 70 % overlap, alternate lines turned, slightly tilted."""
    rng = np.random.default_rng(3)
    lens = lens or camera()
    shots, paths = [], {}
    for k in range(columns * rows):
        i, j = divmod(k, columns)
        x, y = (j - (columns - 1) / 2) * 4.6, (i - (rows - 1) / 2) * 8.0
        yaw = np.deg2rad(90 if i % 2 else -90)
        tilt = cv2.Rodrigues(np.deg2rad(rng.uniform(-3, 3, 3)))[0]
        down = np.array([[1.0, 0, 0], [0, -1, 0], [0, 0, -1]])
        turn = np.array([[np.cos(yaw), np.sin(yaw), 0], [-np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
        shot = Shot(
            image=f"photo_{k:02d}{suffix}.tif",
            camera_id=lens.camera_id,
            rotation=tilt @ down @ turn,
            centre=np.array([x, y, 524.0 + rng.uniform(-0.5, 0.5)]),
        )
        shots.append(shot)
        paths[shot.image] = folder / shot.image
    ground = rng.uniform(-18, 18, (600, 2))
    points = np.column_stack([ground, scene.at(scene.heights, ground[:, 0], ground[:, 1])])
    reconstruction = Reconstruction(
        crs="EPSG:32632", offset=OFFSET, cameras={lens.camera_id: lens}, shots=tuple(shots), points=points
    )
    return reconstruction, paths


def photograph(
    scene: Scene,
    reconstruction: Reconstruction,
    paths: dict[str, Path],
    colour: Callable[[NDArray[np.float32]], NDArray[np.generic]],
) -> None:
    """Write what each camera sees; ``colour`` turns texture into the photo's values."""
    import rasterio

    for shot in reconstruction.shots:
        lens = reconstruction.cameras[shot.camera_id]
        values = colour(_seen(scene, lens, shot))
        planes = values[np.newaxis] if values.ndim == 2 else np.moveaxis(values, 2, 0)
        profile = {"driver": "GTiff", "width": lens.width, "height": lens.height, "count": len(planes)}
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with rasterio.open(paths[shot.image], "w", dtype=planes.dtype, **profile) as dataset:
                dataset.write(planes)


def _seen(scene: Scene, lens: Camera, shot: Shot) -> NDArray[np.float32]:
    """Texture in every pixel."""
    u, v = np.meshgrid(np.arange(lens.width) + 0.5, np.arange(lens.height) + 0.5)
    pixels = np.stack([u.ravel(), v.ravel()], axis=1)
    normal = cv2.undistortPoints(pixels[:, None], lens.matrix, lens.distortion)[:, 0]
    rays = np.column_stack([normal, np.ones(len(normal))]) @ shot.rotation
    hits = np.empty((len(rays), 2))
    _march(scene.heights, (scene.half, scene.cell), shot.centre, rays, hits)
    return scene.at(scene.texture, hits[:, 0].reshape(u.shape), hits[:, 1].reshape(u.shape))


@numba.njit(cache=True)
def _march(
    heights: NDArray[np.float32],
    frame: tuple[float, float],
    centre: NDArray[np.float64],
    rays: NDArray[np.float64],
    hits: NDArray[np.float64],
) -> None:
    """First crossing of each ray with the height field, by steps of half a cell and a last interpolation."""
    side = heights.shape[0]
    half, cell = frame
    top = heights.max()
    for k in range(rays.shape[0]):
        dx, dy, dz = rays[k, 0], rays[k, 1], rays[k, 2]
        t = (top - centre[2]) / dz
        step = cell / max(np.hypot(dx, dy), 0.5)
        above = 1e9
        while t < 200:
            x, y, z = centre[0] + t * dx, centre[1] + t * dy, centre[2] + t * dz
            col = min(max((x + half) / cell - 0.5, 0.0), side - 1.001)
            row = min(max((half - y) / cell - 0.5, 0.0), side - 1.001)
            c, r = int(col), int(row)
            fx, fy = col - c, row - r
            ground = (heights[r, c] * (1 - fx) + heights[r, c + 1] * fx) * (1 - fy) + (
                heights[r + 1, c] * (1 - fx) + heights[r + 1, c + 1] * fx
            ) * fy
            if z <= ground:
                back = (ground - z) / max(ground - z + above, 1e-9)
                t -= back * step
                break
            above = z - ground
            t += step
        hits[k, 0] = centre[0] + t * dx
        hits[k, 1] = centre[1] + t * dy
