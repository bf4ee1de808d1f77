"""Smooth random fields over the whole plane, the same wherever a scene begins or ends."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from uav_workflow.compiled import compiled

FloatArray = NDArray[np.float64]


@compiled
def lattice_hash(i: int, j: int, seed: int) -> float:
    """Uniform number in [0, 1) of an integer place; multiply-and-shift mixing of 32 bits."""
    h = (i * 0x9E3779B1 + j * 0x85EBCA6B + seed * 0xC2B2AE35) & 0xFFFFFFFF
    h = ((h ^ (h >> 16)) * 0x7FEB352D) & 0xFFFFFFFF
    h = ((h ^ (h >> 15)) * 0x846CA68B) & 0xFFFFFFFF
    return float(h ^ (h >> 16)) / 4294967296.0


@compiled
def value_noise(x: float, y: float, seed: int) -> float:
    """Value noise of unit wavelength in [-1, 1], twice differentiable (Perlin, 2002: quintic fade)."""
    i, j = math.floor(x), math.floor(y)
    u, v = x - i, y - j
    u = u * u * u * (u * (u * 6 - 15) + 10)
    v = v * v * v * (v * (v * 6 - 15) + 10)
    a, b = lattice_hash(i, j, seed), lattice_hash(i + 1, j, seed)
    c, d = lattice_hash(i, j + 1, seed), lattice_hash(i + 1, j + 1, seed)
    return 2.0 * (a + (b - a) * u + (c - a) * v + (a - b - c + d) * u * v) - 1.0


@compiled
def _fill(x: FloatArray, y: FloatArray, wavelength: float, seed: int, out: FloatArray) -> None:
    # every field has a direction of its own, so that no grid shows through
    cos, sin = math.cos(2.4 * seed) / wavelength, math.sin(2.4 * seed) / wavelength
    for k in range(x.size):
        out[k] = value_noise(cos * x[k] + sin * y[k], cos * y[k] - sin * x[k], seed)


def field(x: FloatArray, y: FloatArray, wavelength_m: float, seed: int) -> FloatArray:
    """`value_noise` of a wavelength in metres at the places (x, y), any shape, metres."""
    out = np.empty(x.size)
    _fill(np.ascontiguousarray(x, float).ravel(), np.ascontiguousarray(y, float).ravel(), wavelength_m, seed, out)
    return out.reshape(x.shape)
