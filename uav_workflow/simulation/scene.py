"""A meadow at half a centimetre: layers of texels on disk, painted tile by tile."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_workflow.simulation.light import MOST_DEPTHS, SHADOW_BELOW, as_bytes, dive, light_factors
from uav_workflow.simulation.noise import field as noise_field
from uav_workflow.simulation.painting import paint_elements, paint_ground
from uav_workflow.simulation.plants import BLOCK_M, REACH_M, block_elements, plant_cover, vigour_height
from uav_workflow.simulation.terrain import Terrain

MATERIAL, TONE, DIRECT, SKY = range(4)
"""Planes of `Scene.looks`."""
COARSE = 8
"""Texels a side of the cells of `Scene.ceiling`."""
FAR = 64
"""Texels a side of the cells of `Scene.far_ceiling`."""
TILE_M = 10.0
SHADOW_SHARE = 0.06
"""Share of a site that lies in shadow when the sky is clear."""
CLEAR_SKY_SHARE = 0.15
"""Share of a clear sky in the light of level ground."""
HALO_M = 0.8
"""Ring painted around a tile so that shadows come in from outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneSpec:
    """What makes a scene; two flights with one spec see the same blades of grass wherever both look.

    Attributes
    ----------
    seed : int
    texel_m : float
        Side of a texel, metres; a whole number of texels makes 0.05 m.
    sun : (east, north, up)
        Unit vector to the sun.
    base_m : float
        Ellipsoidal height of the site's centre.
    """

    seed: int
    texel_m: float
    sun: tuple[float, float, float]
    base_m: float


@dataclass(frozen=True, slots=True)
class Tile:
    """Texels [row, row + height) x [col, col + width) of a scene's layers."""

    row: int
    col: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices."""
        return slice(self.row, self.row + self.height), slice(self.col, self.col + self.width)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Painted layers over ``bounds``; places are metres east and north of the site's centre.

    Attributes
    ----------
    row0, col0 : int
        World place of the first texel: its outer corner lies at (col0, -row0) texels.
    height : (rows, columns) uint16
        Of what stands above the ground, `painting.UNIT_M`.
    looks : (rows, columns, 4) uint8
        Material, tone, direct light, sky light.
    ceiling : (rows / 8, columns / 8) uint16
        Highest texel of a cell of `COARSE` texels and its eight neighbours.
    far_ceiling : (rows / 64, columns / 64) uint16
        The same of cells of `FAR` texels.
    looseness : float
        Of the sward; see `light.light_factors`.
    """

    spec: SceneSpec
    terrain: Terrain
    row0: int
    col0: int
    height: NDArray[np.uint16]
    looks: NDArray[np.uint8]
    ceiling: NDArray[np.uint16]
    far_ceiling: NDArray[np.uint16]
    looseness: float

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(x_min, y_min, x_max, y_max), metres from the site's centre."""
        rows, columns = self.height.shape
        texel = self.spec.texel_m
        return self.col0 * texel, -(self.row0 + rows) * texel, (self.col0 + columns) * texel, -self.row0 * texel

    def tiles(self) -> Iterator[Tile]:
        """Tiles of 10 m, row by row."""
        side = round(TILE_M / self.spec.texel_m)
        rows, columns = self.height.shape
        for row in range(0, rows, side):
            for col in range(0, columns, side):
                yield Tile(row, col, min(side, rows - row), min(side, columns - col))


def make_scene(
    spec: SceneSpec,
    bounds: tuple[float, float, float, float],
    scratch: Path,
    workers: int = 2,
    progress: Callable[[float], None] | None = None,
) -> Scene:
    """Paint the scene that covers ``bounds`` (metres from the site's centre).

    The layers are memory-mapped on nameless files in the folder ``scratch``: they go with the scene or the process.
    """
    texel = spec.texel_m
    unit = 0.25
    low_x, high_x = math.floor(bounds[0] / unit) * unit, math.ceil(bounds[2] / unit) * unit
    low_y, high_y = math.floor(bounds[1] / unit) * unit, math.ceil(bounds[3] / unit) * unit
    shape = (round((high_y - low_y) / texel), round((high_x - low_x) / texel))
    coarse = (math.ceil(shape[0] / COARSE), math.ceil(shape[1] / COARSE))
    terrain = Terrain(spec.seed, spec.base_m)
    scene = Scene(
        spec=spec,
        terrain=terrain,
        row0=round(-high_y / texel),
        col0=round(low_x / texel),
        height=_mapped(scratch, np.uint16, shape),
        looks=_mapped(scratch, np.uint8, (*shape, 4)),
        ceiling=np.zeros(coarse, np.uint16),
        far_ceiling=np.zeros((math.ceil(shape[0] / FAR), math.ceil(shape[1] / FAR)), np.uint16),
        looseness=_looseness(spec, terrain),
    )
    tiles = list(scene.tiles())
    with ThreadPoolExecutor(max_workers=workers) as pool:
        for done, _ in enumerate(pool.map(lambda tile: _paint_tile(scene, tile), tiles), start=1):
            if progress:
                progress(done / len(tiles))
    _raise_ceiling(scene)
    return scene


def _mapped(folder: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> NDArray[Any]:
    with tempfile.TemporaryFile(dir=folder) as file:
        return np.memmap(file, dtype, "w+", shape=shape)


def _paint_tile(scene: Scene, tile: Tile) -> None:
    spec, texel = scene.spec, scene.spec.texel_m
    halo = round(HALO_M / texel)
    row0, col0 = scene.row0 + tile.row - halo, scene.col0 + tile.col - halo
    patch = _paint_patch(spec, scene.terrain, row0, col0, (tile.height + 2 * halo, tile.width + 2 * halo))
    light = light_factors(patch.height, patch.slope, spec.sun, texel, depths=patch.depths, looseness=scene.looseness)
    inner = (slice(halo, halo + tile.height), slice(halo, halo + tile.width))
    scene.height[tile.slices] = patch.height[inner]
    for plane, layer in enumerate((patch.material, patch.tone, *as_bytes(*light))):
        scene.looks[(*tile.slices, plane)] = layer[inner]


@dataclass(frozen=True, slots=True)
class _Patch:
    """Painted texels before they are lit."""

    material: NDArray[np.uint8]
    tone: NDArray[np.uint8]
    height: NDArray[np.uint16]
    slope: tuple[NDArray[np.float32], NDArray[np.float32]]
    depths: NDArray[np.float32]


def _paint_patch(spec: SceneSpec, terrain: Terrain, row0: int, col0: int, shape: tuple[int, int]) -> _Patch:
    material, tone = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    height = np.empty(shape, np.uint16)
    damp, depth, slope_x, slope_y = _ground_layers(spec, terrain, row0, col0, shape)
    paint_ground(material, tone, height, row0, col0, spec.texel_m, damp, spec.seed)
    for elements in _blocks_around(spec, row0, col0, shape):
        paint_elements(elements, material, tone, height, row0, col0, spec.texel_m)
    depths = dive(height, (slope_x, slope_y), spec.sun, spec.texel_m, depth)
    return _Patch(material, tone, height, (slope_x, slope_y), depths)


def _looseness(spec: SceneSpec, terrain: Terrain) -> float:
    """Looseness of the sward that gives the site `SHADOW_SHARE`, found on nine patches around its centre.

    Patches are the same whatever part of the site is flown over, so that two flights see one light.
    """
    texel = spec.texel_m
    side, halo = round(1.5 / texel), round(HALO_M / texel)
    patches = []
    for row in (-7.0, 0.0, 7.0):
        for column in (-7.0, 0.0, 7.0):
            shape = (side + 2 * halo, side + 2 * halo)
            patches.append(_paint_patch(spec, terrain, round(row / texel) - halo, round(column / texel) - halo, shape))
    low, high = 0.2, MOST_DEPTHS
    for _ in range(9):
        middle = (low + high) / 2
        dark = [_dark_share(spec, patch, middle, halo) for patch in patches]
        low, high = (middle, high) if np.mean(dark) > SHADOW_SHARE else (low, middle)
    return (low + high) / 2


def _dark_share(spec: SceneSpec, patch: _Patch, looseness: float, halo: int) -> float:
    direct, sky = light_factors(
        patch.height, patch.slope, spec.sun, spec.texel_m, depths=patch.depths, looseness=looseness
    )
    light = (1 - CLEAR_SKY_SHARE) * direct + CLEAR_SKY_SHARE * sky
    return float((light[halo:-halo, halo:-halo] < SHADOW_BELOW).mean())


def _ground_layers(
    spec: SceneSpec, terrain: Terrain, row0: int, col0: int, shape: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Dampness, light depth (m) and slope on the texels: computed every 5 cm of the world, linear between."""
    texel, step = spec.texel_m, round(0.05 / spec.texel_m)
    first_r, first_c = row0 // step - 1, col0 // step - 1
    count_r, count_c = shape[0] // step + 4, shape[1] // step + 4
    y, x = np.meshgrid(
        -(np.arange(first_r, first_r + count_r) + 0.5) * step * texel,
        (np.arange(first_c, first_c + count_c) + 0.5) * step * texel,
        indexing="ij",
    )
    cover = plant_cover(x, y, spec.seed)
    damp = 0.55 * noise_field(x, y, 4.4, spec.seed * 7 + 21) + 0.45 * noise_field(x, y, 0.7, spec.seed * 7 + 22)
    damp = damp + 0.25 * cover - 0.78
    depth = 0.04 + 0.5 * vigour_height(x, y, cover, spec.seed)
    coarse = [damp, depth, *terrain.gradient(x, y)]
    map_x, map_y = np.meshgrid(
        ((np.arange(shape[1]) + col0 + 0.5) / step - first_c - 0.5).astype(np.float32),
        ((np.arange(shape[0]) + row0 + 0.5) / step - first_r - 0.5).astype(np.float32),
    )
    fine = [
        np.asarray(cv2.remap(layer.astype(np.float32), map_x, map_y, cv2.INTER_LINEAR), np.float32) for layer in coarse
    ]
    return fine[0], fine[1], fine[2], fine[3]


def _blocks_around(spec: SceneSpec, row0: int, col0: int, shape: tuple[int, int]) -> Iterator[NDArray[np.void]]:
    texel = spec.texel_m
    first_c = math.floor((col0 * texel - REACH_M) / BLOCK_M)
    last_c = math.floor(((col0 + shape[1]) * texel + REACH_M) / BLOCK_M)
    first_r = math.floor((-(row0 + shape[0]) * texel - REACH_M) / BLOCK_M)
    last_r = math.floor((-row0 * texel + REACH_M) / BLOCK_M)
    for row in range(first_r, last_r + 1):
        for column in range(first_c, last_c + 1):
            yield block_elements(column, row, spec.seed)


def _raise_ceiling(scene: Scene) -> None:
    for tile in scene.tiles():
        cells = _highest(scene.height[tile.slices], COARSE)
        r, c = tile.row // COARSE, tile.col // COARSE
        scene.ceiling[r : r + cells.shape[0], c : c + cells.shape[1]] = cells
    ring = np.ones((3, 3), np.uint8)
    scene.far_ceiling[:] = cv2.dilate(_highest(scene.ceiling, FAR // COARSE), ring)
    scene.ceiling[:] = cv2.dilate(scene.ceiling, ring)


def _highest(layer: NDArray[np.uint16], cell: int) -> NDArray[np.uint16]:
    """Highest value of every cell."""
    full = np.pad(layer, ((0, -layer.shape[0] % cell), (0, -layer.shape[1] % cell)))
    return np.asarray(full.reshape(full.shape[0] // cell, cell, full.shape[1] // cell, cell).max(axis=(1, 3)))
