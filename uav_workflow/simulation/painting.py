"""Drawing ground and elements into texels: material, tone and height, the highest on top."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from uav_workflow.compiled import compiled
from uav_workflow.simulation.materials import INDEX
from uav_workflow.simulation.noise import lattice_hash, value_noise

UNIT_M = 1e-4
"""Heights are stored in tenths of a millimetre."""

LIGHT_SOIL, DARK_SOIL = INDEX["light soil"], INDEX["dark soil"]
GREEN_MOSS, BROWN_MOSS = INDEX["green moss"], INDEX["brown moss"]

Bytes = NDArray[np.uint8]
Heights = NDArray[np.uint16]


@compiled
def tone_byte(tone: float) -> int:
    """Tone 0.5 - 1.5 as a byte."""
    return int(min(255.0, max(0.0, (tone - 0.5) * 255.0)))


@compiled
def paint_ground(  # noqa: PLR0917 - numba kernels take no keywords only
    material: Bytes,
    tone: Bytes,
    height: Heights,
    row0: int,
    col0: int,
    texel: float,
    damp: NDArray[np.float32],
    seed: int,
) -> None:
    """Soil with patches, crumbs and moss; (row0, col0) is the place of the first texel, y falls with rows.

    `damp` (rows, columns) lies on texels and makes moss where it is above 0.
    """
    rows, columns = material.shape
    for r in range(rows):
        y = -(row0 + r + 0.5) * texel
        for c in range(columns):
            x = (col0 + c + 0.5) * texel
            across, along = 0.8 * x + 0.6 * y, 0.8 * y - 0.6 * x
            broad = 0.7 * value_noise(across / 1.3, along / 1.3, seed + 501)
            broad += 0.45 * value_noise(x / 0.31, y / 0.31, seed + 505)
            fine = value_noise(x / 0.06, y / 0.06, seed + 502)
            grain = lattice_hash(row0 + r, col0 + c, seed + 503)
            mossy = damp[r, c] + 0.35 * value_noise(x / 0.11, y / 0.11, seed + 504) + 0.2 * fine
            if mossy > 0:
                material[r, c] = GREEN_MOSS if broad + 0.5 * fine > -0.1 else BROWN_MOSS
                tone[r, c] = tone_byte(0.82 + 0.10 * fine + 0.25 * grain)
                height[r, c] = int(60 + 90 * min(mossy, 1.0) + 20 * grain)
            else:
                material[r, c] = LIGHT_SOIL if broad + 0.4 * fine > 0.0 else DARK_SOIL
                tone[r, c] = tone_byte(0.80 + 0.12 * broad + 0.12 * fine + 0.30 * grain)
                height[r, c] = int(20 + 15 * fine + 20 * grain)


@compiled
def _tuft(rho: float, theta: float, radius: float, seed: int) -> float:
    """Blades fan out from a dense heart."""
    blades = 7 + seed % 13
    position = (theta / (2 * math.pi) + 1.0) * blades
    blade = math.floor(position)
    length = 0.55 + 0.45 * lattice_hash(int(blade), 1, seed)
    gap = abs(position - blade - 0.5) * 2 * math.pi * rho * radius / blades
    if rho > length or (rho > 0.40 and gap > max(0.0026, 0.16 * radius * (1 - rho / length))):
        return -1.0
    return float(1.0 - 0.45 * (rho / length) ** 2)


@compiled
def _shrub(rho: float, dx: float, dy: float, seed: int) -> float:
    """Boughs with gaps."""
    lump = value_noise(dx / 0.045, dy / 0.045, seed)
    if rho > 0.82 + 0.18 * lump or lump < -0.72:
        return -1.0
    return math.sqrt(max(0.0, 1.0 - rho * rho)) * (0.78 + 0.22 * lump)


@compiled
def _round_element(shape: int, rho: float, theta: float, seed: int) -> float:
    """Lobed rosettes, smooth domes, flattened and faceted stones."""
    if shape == 1:
        return 1.0 - 0.5 * rho * rho if rho <= 0.45 + 0.55 * abs(math.cos(0.5 * (4 + seed % 6) * theta)) else -1.0
    if shape == 2:
        return math.sqrt(max(0.0, 1.0 - rho * rho)) if rho < 0.97 else -1.0
    facet = 0.88 + 0.12 * math.cos(3 * theta + seed % 7)
    return float((1.0 - (rho / facet) ** 3) * 0.9 + 0.1) if rho < facet else -1.0


@compiled
def _flat_element(shape: int, along: float, side: float, radius: float, texel: float) -> float:
    """Leaves (ellipses, thin ones at least a texel wide) and bent straws: 1 inside, below 0 outside."""
    if shape == 4:
        inside = (along / radius) ** 2 + (side / max(0.55 * radius, 0.5 * texel)) ** 2 <= 1
    else:
        inside = abs(along) <= radius and abs(side + 0.12 * along * along / radius) <= 0.0022
    return 1.0 if inside else -1.0


@compiled
def _height_share(e: np.record, dx: float, dy: float, cos: float, sin: float, texel: float) -> float:  # noqa: PLR0917
    """Share of the element's height at a place, below 0 where there is nothing. Shapes as in `plants.Shape`."""
    along, side = dx * cos + dy * sin, dy * cos - dx * sin
    shape = int(e.form)
    if shape in (4, 5):
        return _flat_element(shape, along, side, e.radius, texel)
    rho = math.sqrt(dx * dx + dy * dy) / e.radius
    if rho > 1:
        return -1.0
    if shape == 3:
        return _shrub(rho, dx, dy, e.seed)
    theta = math.atan2(side, along)
    return _tuft(rho, theta, e.radius, e.seed) if shape == 0 else _round_element(shape, rho, theta, e.seed)


@compiled
def paint_elements(  # noqa: PLR0917 - numba kernels take no keywords only
    elements: NDArray[np.void],
    material: Bytes,
    tone: Bytes,
    height: Heights,
    row0: int,
    col0: int,
    texel: float,
) -> None:
    """Draw elements; of two at one texel the higher stays."""
    rows, columns = material.shape
    for k in range(elements.size):
        e = elements[k]
        radius = e.radius
        cos, sin = math.cos(e.angle), math.sin(e.angle)
        first_c = max(0, math.floor((e.x - radius) / texel) - col0)
        last_c = min(columns - 1, math.floor((e.x + radius) / texel) - col0)
        first_r = max(0, math.floor((-e.y - radius) / texel) - row0)
        last_r = min(rows - 1, math.floor((-e.y + radius) / texel) - row0)
        for r in range(first_r, last_r + 1):
            dy = -(row0 + r + 0.5) * texel - e.y
            for c in range(first_c, last_c + 1):
                dx = (col0 + c + 0.5) * texel - e.x
                share = _height_share(e, dx, dy, cos, sin, texel)
                if share < 0:
                    continue
                top = int(e.height * share / UNIT_M)
                if top <= height[r, c]:
                    continue
                height[r, c] = top
                material[r, c] = e.material
                grain = lattice_hash(row0 + r, col0 + c, e.seed) - 0.5
                tone[r, c] = tone_byte(e.tone * (0.86 + 0.20 * share + 0.16 * grain))
