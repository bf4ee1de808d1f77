"""What a kind of scenery brings: its ground, what stands on it, and how far that reaches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_workflow.simulation.terrain import Terrain

FloatArray = NDArray[np.float64]
Layers = list[NDArray[np.float32]]


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
    landscape : str
        ``meadow`` or ``built``.
    """

    seed: int
    texel_m: float
    sun: tuple[float, float, float]
    base_m: float
    landscape: str = "meadow"


@dataclass(frozen=True, slots=True)
class Patch:
    """Painted texels before they are lit: layers (rows, columns).

    Attributes
    ----------
    height : uint16
        Above the ground, `painting.UNIT_M`.
    slope : two float32
        Gradient of the ground, east and north.
    depths : float32
        How deep the sun's beam dives through what stands around; see `light.dive`.
    """

    material: NDArray[np.uint8]
    tone: NDArray[np.uint8]
    height: NDArray[np.uint16]
    slope: tuple[NDArray[np.float32], NDArray[np.float32]]
    depths: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Landscape:
    """A kind of scenery.

    Attributes
    ----------
    tall_m : float
        Typical height of what stands high.
    reach_m : float
        How far beside its place on the ground a photo's ray may meet something that stands there.
    halo_m : float
        Ring painted around a tile so that shadows come in from outside.
    tile_m : float
        Side of the tiles that are painted at a time.
    terrain : callable (seed, base_m) -> Terrain
    paint : callable (spec, terrain, row0, col0, shape) -> Patch
        Texels from the world place (row0, col0) on; the same wherever the scene begins.
    looseness : callable (spec, terrain) -> float
        Of what stands in the sun's way; see `light.light_factors`.
    """

    tall_m: float
    reach_m: float
    halo_m: float
    tile_m: float
    terrain: Callable[[int, float], Terrain]
    paint: Callable[[SceneSpec, Terrain, int, int, tuple[int, int]], Patch]
    looseness: Callable[[SceneSpec, Terrain], float]


def on_texels(
    layers: Callable[[FloatArray, FloatArray], list[FloatArray]],
    texel_m: float,
    step: int,
    place: tuple[int, int],
    shape: tuple[int, int],
) -> Layers:
    """Smooth layers on texels from a world place on: computed every ``step`` texels of the world, linear between."""
    row0, col0 = place
    first_r, first_c = row0 // step - 1, col0 // step - 1
    count_r, count_c = shape[0] // step + 4, shape[1] // step + 4
    y, x = np.meshgrid(
        -(np.arange(first_r, first_r + count_r) + 0.5) * step * texel_m,
        (np.arange(first_c, first_c + count_c) + 0.5) * step * texel_m,
        indexing="ij",
    )
    map_x, map_y = np.meshgrid(
        ((np.arange(shape[1]) + col0 + 0.5) / step - first_c - 0.5).astype(np.float32),
        ((np.arange(shape[0]) + row0 + 0.5) / step - first_r - 0.5).astype(np.float32),
    )
    return [
        np.asarray(cv2.remap(layer.astype(np.float32), map_x, map_y, cv2.INTER_LINEAR), np.float32)
        for layer in layers(x, y)
    ]
