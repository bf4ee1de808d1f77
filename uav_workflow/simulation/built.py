"""Built ground: gravel, grass and soil on hills, with boxes, walls, trees and shrubs that have edges to be found."""

from __future__ import annotations

import numpy as np

from uav_workflow.simulation.built_painting import paint_gravel_and_grass, paint_objects
from uav_workflow.simulation.landscape import FloatArray, Landscape, Patch, SceneSpec, on_texels
from uav_workflow.simulation.light import dive
from uav_workflow.simulation.noise import field
from uav_workflow.simulation.objects import objects_around
from uav_workflow.simulation.terrain import Relief, Terrain

LATTICE_M = 0.25
SOLID_M = 0.12
"""Depth in a crown or behind an edge that spends the sun's beam."""
REACH_M = 5.5
"""Longest shadow at the sun's height, and how far a 6 m object leans in the corner of a photo."""


def _paint(spec: SceneSpec, terrain: Terrain, row0: int, col0: int, shape: tuple[int, int]) -> Patch:
    def layers(x: FloatArray, y: FloatArray) -> list[FloatArray]:
        bare = 0.8 * field(x, y, 9.0, spec.seed * 7 + 51) + 0.4 * field(x, y, 2.6, spec.seed * 7 + 52)
        return [bare, terrain.height(x, y) - spec.base_m, *terrain.gradient(x, y)]

    texel = spec.texel_m
    bare, ground, east, north = on_texels(layers, texel, round(LATTICE_M / texel), (row0, col0), shape)
    material, tone = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    height = np.zeros(shape, np.uint16)
    paint_gravel_and_grass(material, tone, row0, col0, texel, bare, spec.seed)
    bounds = col0 * texel, -(row0 + shape[0]) * texel, (col0 + shape[1]) * texel, -row0 * texel
    for objects in objects_around(terrain, bounds):
        objects["top"][objects["form"] <= 1] -= spec.base_m
        paint_objects(objects, material, tone, height, ground, row0, col0, texel)
    depth = np.full(shape, SOLID_M, np.float32)
    depths = dive(height, (east, north), spec.sun, texel, depth, within_m=2 * REACH_M)
    return Patch(material, tone, height, (east, north), depths)


def _opaque(spec: SceneSpec, terrain: Terrain) -> float:
    return 1.0


BUILT = Landscape(
    tall_m=3.0,
    reach_m=REACH_M,
    halo_m=REACH_M,
    tile_m=20.0,
    terrain=Relief,
    paint=_paint,
    looseness=_opaque,
)
