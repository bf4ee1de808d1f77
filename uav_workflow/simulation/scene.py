"""A scene at half a centimetre or more: layers of texels on disk, painted tile by tile."""

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

from uav_workflow.simulation.built import BUILT
from uav_workflow.simulation.landscape import Landscape, SceneSpec
from uav_workflow.simulation.light import as_bytes, light_factors
from uav_workflow.simulation.meadow import MEADOW
from uav_workflow.simulation.terrain import Terrain

MATERIAL, TONE, DIRECT, SKY = range(4)
"""Planes of `Scene.looks`."""
COARSE = 8
"""Texels a side of the cells of `Scene.ceiling`."""
FAR = 64
"""Texels a side of the cells of `Scene.far_ceiling`."""
LANDSCAPES: dict[str, Landscape] = {"meadow": MEADOW, "built": BUILT}


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
        Highest texel within the landscape's reach of a cell of `FAR` texels.
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
    def landscape(self) -> Landscape:
        """Kind of scenery."""
        return LANDSCAPES[self.spec.landscape]

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(x_min, y_min, x_max, y_max), metres from the site's centre."""
        rows, columns = self.height.shape
        texel = self.spec.texel_m
        return self.col0 * texel, -(self.row0 + rows) * texel, (self.col0 + columns) * texel, -self.row0 * texel

    def tiles(self) -> Iterator[Tile]:
        """Tiles of the landscape's size, row by row."""
        side = round(self.landscape.tile_m / self.spec.texel_m)
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
    landscape = LANDSCAPES[spec.landscape]
    terrain = landscape.terrain(spec.seed, spec.base_m)
    scene = Scene(
        spec=spec,
        terrain=terrain,
        row0=round(-high_y / texel),
        col0=round(low_x / texel),
        height=_mapped(scratch, np.uint16, shape),
        looks=_mapped(scratch, np.uint8, (*shape, 4)),
        ceiling=np.zeros(coarse, np.uint16),
        far_ceiling=np.zeros((math.ceil(shape[0] / FAR), math.ceil(shape[1] / FAR)), np.uint16),
        looseness=landscape.looseness(spec, terrain),
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
    halo = round(scene.landscape.halo_m / texel)
    row0, col0 = scene.row0 + tile.row - halo, scene.col0 + tile.col - halo
    patch = scene.landscape.paint(spec, scene.terrain, row0, col0, (tile.height + 2 * halo, tile.width + 2 * halo))
    light = light_factors(patch.height, patch.slope, spec.sun, texel, depths=patch.depths, looseness=scene.looseness)
    inner = (slice(halo, halo + tile.height), slice(halo, halo + tile.width))
    scene.height[tile.slices] = patch.height[inner]
    for plane, layer in enumerate((patch.material, patch.tone, *as_bytes(*light))):
        scene.looks[(*tile.slices, plane)] = layer[inner]


def _raise_ceiling(scene: Scene) -> None:
    for tile in scene.tiles():
        cells = _highest(scene.height[tile.slices], COARSE)
        r, c = tile.row // COARSE, tile.col // COARSE
        scene.ceiling[r : r + cells.shape[0], c : c + cells.shape[1]] = cells
    around = math.ceil(scene.landscape.reach_m / (FAR * scene.spec.texel_m))
    wide = np.ones((2 * around + 1, 2 * around + 1), np.uint8)
    scene.far_ceiling[:] = cv2.dilate(_highest(scene.ceiling, FAR // COARSE), wide)
    scene.ceiling[:] = cv2.dilate(scene.ceiling, np.ones((3, 3), np.uint8))


def _highest(layer: NDArray[np.uint16], cell: int) -> NDArray[np.uint16]:
    """Highest value of every cell."""
    full = np.pad(layer, ((0, -layer.shape[0] % cell), (0, -layer.shape[1] % cell)))
    return np.asarray(full.reshape(full.shape[0] // cell, cell, full.shape[1] // cell, cell).max(axis=(1, 3)))
