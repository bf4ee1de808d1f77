"""The meadow: a Poisson process of plants, stones and litter on rolling ground."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from uav_workflow.simulation.landscape import FloatArray, Landscape, Patch, SceneSpec, on_texels
from uav_workflow.simulation.light import MOST_DEPTHS, SHADOW_BELOW, dive, light_factors
from uav_workflow.simulation.noise import field as noise_field
from uav_workflow.simulation.painting import paint_elements, paint_ground
from uav_workflow.simulation.plants import BLOCK_M, REACH_M, block_elements, plant_cover, vigour_height
from uav_workflow.simulation.terrain import Terrain

SHADOW_SHARE = 0.06
"""Share of a site that lies in shadow when the sky is clear."""
CLEAR_SKY_SHARE = 0.15
"""Share of a clear sky in the light of level ground."""
HALO_M = 0.8
SHADE_M = 0.5
"""Width of the window in which what may cast a shadow is looked for."""


def _paint_patch(spec: SceneSpec, terrain: Terrain, row0: int, col0: int, shape: tuple[int, int]) -> Patch:
    material, tone = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    height = np.empty(shape, np.uint16)
    damp, depth, slope_x, slope_y = _ground_layers(spec, terrain, row0, col0, shape)
    paint_ground(material, tone, height, row0, col0, spec.texel_m, damp, spec.seed)
    for elements in _blocks_around(spec, row0, col0, shape):
        paint_elements(elements, material, tone, height, row0, col0, spec.texel_m)
    depths = dive(height, (slope_x, slope_y), spec.sun, spec.texel_m, depth, within_m=SHADE_M)
    return Patch(material, tone, height, (slope_x, slope_y), depths)


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


def _dark_share(spec: SceneSpec, patch: Patch, looseness: float, halo: int) -> float:
    direct, sky = light_factors(
        patch.height, patch.slope, spec.sun, spec.texel_m, depths=patch.depths, looseness=looseness
    )
    light = (1 - CLEAR_SKY_SHARE) * direct + CLEAR_SKY_SHARE * sky
    return float((light[halo:-halo, halo:-halo] < SHADOW_BELOW).mean())


def _ground_layers(
    spec: SceneSpec, terrain: Terrain, row0: int, col0: int, shape: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Dampness, light depth (m) and slope on the texels: computed every 5 cm of the world."""

    def layers(x: FloatArray, y: FloatArray) -> list[FloatArray]:
        cover = plant_cover(x, y, spec.seed)
        damp = 0.55 * noise_field(x, y, 4.4, spec.seed * 7 + 21) + 0.45 * noise_field(x, y, 0.7, spec.seed * 7 + 22)
        depth = 0.04 + 0.5 * vigour_height(x, y, cover, spec.seed)
        return [damp + 0.25 * cover - 0.78, depth, *terrain.gradient(x, y)]

    damp, depth, east, north = on_texels(layers, spec.texel_m, round(0.05 / spec.texel_m), (row0, col0), shape)
    return damp, depth, east, north


def _blocks_around(spec: SceneSpec, row0: int, col0: int, shape: tuple[int, int]) -> Iterator[NDArray[np.void]]:
    texel = spec.texel_m
    first_c = math.floor((col0 * texel - REACH_M) / BLOCK_M)
    last_c = math.floor(((col0 + shape[1]) * texel + REACH_M) / BLOCK_M)
    first_r = math.floor((-(row0 + shape[0]) * texel - REACH_M) / BLOCK_M)
    last_r = math.floor((-row0 * texel + REACH_M) / BLOCK_M)
    for row in range(first_r, last_r + 1):
        for column in range(first_c, last_c + 1):
            yield block_elements(column, row, spec.seed)


MEADOW = Landscape(
    tall_m=0.3,
    reach_m=0.32,
    halo_m=HALO_M,
    tile_m=10.0,
    terrain=Terrain,
    paint=_paint_patch,
    looseness=_looseness,
)
