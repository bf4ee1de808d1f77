"""Drawing gravel, grass, roofs, walls and crowns into texels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from uav_workflow.compiled import compiled
from uav_workflow.simulation.materials import INDEX
from uav_workflow.simulation.noise import lattice_hash, value_noise
from uav_workflow.simulation.objects import HIGHEST_M
from uav_workflow.simulation.painting import UNIT_M, Bytes, Heights, tone_byte

PALE, DARK = INDEX["pale stone"], INDEX["dark stone"]
FRESH, SEDGE, STRAW = INDEX["fresh grass"], INDEX["sedge"], INDEX["straw"]
LIGHT_SOIL, DARK_SOIL = INDEX["light soil"], INDEX["dark soil"]
COURSE_M = 0.30
"""Between the courses of a roof."""


@compiled
def paint_gravel_and_grass(  # noqa: PLR0917 - numba kernels take no keywords only
    material: Bytes,
    tone: Bytes,
    row0: int,
    col0: int,
    texel: float,
    bare: NDArray[np.float32],
    seed: int,
) -> None:
    """Ground with detail down to the texel; `bare` (rows, columns) above 0 is gravel, below grass, soil between."""
    rows, columns = material.shape
    for r in range(rows):
        y = -(row0 + r + 0.5) * texel
        for c in range(columns):
            x = (col0 + c + 0.5) * texel
            fine = value_noise(x / 0.09, y / 0.09, seed + 601)
            clump = value_noise((0.8 * x + 0.6 * y) / 0.38, (0.8 * y - 0.6 * x) / 0.38, seed + 602)
            grain = lattice_hash(row0 + r, col0 + c, seed + 603)
            kind = bare[r, c] + 0.25 * clump + 0.15 * fine
            if kind > 0.18:
                material[r, c] = PALE if fine + 1.2 * (grain - 0.5) > 0.1 else DARK
                tone[r, c] = tone_byte(0.75 + 0.12 * clump + 0.45 * grain)
            elif kind > 0.0:
                material[r, c] = LIGHT_SOIL if clump + fine > 0.0 else DARK_SOIL
                tone[r, c] = tone_byte(0.80 + 0.15 * fine + 0.35 * grain)
            else:
                mixed = clump + 0.8 * fine + 0.7 * (grain - 0.5)
                material[r, c] = STRAW if mixed > 0.75 else FRESH if mixed > -0.1 else SEDGE
                tone[r, c] = tone_byte(0.70 + 0.20 * fine + 0.45 * grain)


@compiled
def _roof(along: float, side: float, seed: int) -> float:
    """Tone of a roof: courses, blotches, stains."""
    course = along / COURSE_M - math.floor(along / COURSE_M)
    line = -0.25 if course < 0.12 else 0.0
    blotch = 0.16 * value_noise(along / 0.8, side / 0.8, seed) + 0.14 * value_noise(along / 0.15, side / 0.15, seed + 1)
    return float(line + blotch)


@compiled
def _crown(rho: float, dx: float, dy: float, lump_m: float, seed: int) -> float:
    """Share of the height of a crown at a place, below 0 where there is nothing: a ragged dome."""
    lump = value_noise(dx / lump_m, dy / lump_m, seed) + 0.5 * value_noise(dx / 0.12, dy / 0.12, seed + 1)
    if rho > 0.86 + 0.10 * lump:
        return -1.0
    return float((0.45 + 0.55 * math.sqrt(max(0.0, 1.0 - rho * rho))) * (0.92 + 0.08 * lump))


@compiled
def _top(e: np.record, along: float, side: float, dx: float, dy: float, ground: float) -> float:  # noqa: PLR0917
    """Height above the ground of an object at a place, metres; 0 where it is not."""
    form = int(e.form)
    if form <= 1:
        if abs(along) > e.half_length or abs(side) > e.half_width:
            return 0.0
        return float(min(max(e.top + e.pitch * along - ground, 0.3), HIGHEST_M))
    rho = math.sqrt((along / e.half_length) ** 2 + (side / e.half_width) ** 2)
    if form == 4:
        facet = 0.88 + 0.12 * math.cos(3 * math.atan2(side, along) + e.seed % 7)
        return float(e.top * (1.0 - (rho / facet) ** 3)) if rho < facet else 0.0
    share = _crown(rho, dx, dy, 0.5 if form == 3 else 0.25, e.seed)
    return float(max(share, 0.0) * e.top)


@compiled
def paint_objects(  # noqa: PLR0917 - numba kernels take no keywords only
    objects: NDArray[np.void],
    material: Bytes,
    tone: Bytes,
    height: Heights,
    ground: NDArray[np.float32],
    row0: int,
    col0: int,
    texel: float,
) -> None:
    """Draw objects; of two at one texel the higher stays. `ground` lies on texels, above the height roofs refer to."""
    rows, columns = material.shape
    for k in range(objects.size):
        e = objects[k]
        radius = math.sqrt(e.half_length * e.half_length + e.half_width * e.half_width)
        cos, sin = math.cos(e.angle), math.sin(e.angle)
        first_c = max(0, math.floor((e.x - radius) / texel) - col0)
        last_c = min(columns - 1, math.floor((e.x + radius) / texel) - col0)
        first_r = max(0, math.floor((-e.y - radius) / texel) - row0)
        last_r = min(rows - 1, math.floor((-e.y + radius) / texel) - row0)
        for r in range(first_r, last_r + 1):
            dy = -(row0 + r + 0.5) * texel - e.y
            for c in range(first_c, last_c + 1):
                dx = (col0 + c + 0.5) * texel - e.x
                along, side = dx * cos + dy * sin, dy * cos - dx * sin
                top = int(_top(e, along, side, dx, dy, ground[r, c]) / UNIT_M)
                if top <= height[r, c]:
                    continue
                height[r, c] = top
                material[r, c] = e.material
                grain = lattice_hash(row0 + r, col0 + c, e.seed) - 0.5
                if e.form <= 1:
                    tone[r, c] = tone_byte(e.tone + _roof(along, side, e.seed) + 0.30 * grain)
                else:
                    leaves = value_noise(dx / 0.10, dy / 0.10, e.seed + 2)
                    tone[r, c] = tone_byte(e.tone * (0.85 + 0.25 * leaves) + 0.35 * grain)
