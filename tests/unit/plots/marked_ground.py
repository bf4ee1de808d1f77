"""Mosaics with marks at known places: drawn by counting points in a pixel, not by the code's formulas."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Floats = NDArray[np.float64]
SOIL = np.array([0.16, 0.12, 0.09])
GREEN = np.array([0.05, 0.11, 0.04])
PAINT = {
    "white": np.array([0.75, 0.75, 0.72]),
    "red": np.array([0.55, 0.06, 0.05]),
    "yellow": np.array([0.65, 0.55, 0.05]),
}
POINTS = 16
CRS = "EPSG:32647"
CORNER = (5e5, 4.2e6)
"""Upper left corner of the rasters that `write_raster` writes."""


@dataclass
class Ground:
    """Red, green and blue of a mosaic whose upper left corner is (0, 0), x right and y down, metres.

    Marks are put with `mark`, then `finish` blurs and adds noise.
    """

    width: int
    height: int
    pixel_m: float
    seed: int = 0
    layers: Floats = field(init=False)

    def __post_init__(self) -> None:
        draw = np.random.default_rng((self.seed, 7))
        tufts = gaussian_filter(draw.standard_normal((self.height, self.width)), 2.0)
        share = np.clip(0.5 + 1.2 * tufts / tufts.std() / 2, 0, 1)
        self.layers = SOIL[:, None, None] * (1 - share) + GREEN[:, None, None] * share

    def mark(
        self, shape: str, at: tuple[float, float], size: float, *, colour: str = "white", turn_deg: float = 0.0
    ) -> None:
        """Put a mark on a corner; `turn_deg` turns its first edge from right to down."""
        x, y = at
        reach = math.ceil(1.5 * size / self.pixel_m) + 1
        col0, row0 = int(x / self.pixel_m) - reach, int(y / self.pixel_m) - reach
        side = 2 * reach + 1
        points = (np.arange(side * POINTS) + 0.5) / POINTS
        right, down = np.meshgrid((col0 + points) * self.pixel_m - x, (row0 + points) * self.pixel_m - y)
        cos, sin = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
        u, v = right * cos + down * sin, down * cos - right * sin
        light, dark = _inside(shape, u, v, size)
        for hit, paint in ((light, PAINT[colour]), (dark, np.full(3, 0.03))):
            share = hit.reshape(side, POINTS, side, POINTS).mean(axis=(1, 3))
            window = self.layers[:, row0 : row0 + side, col0 : col0 + side]
            window[:] = window * (1 - share) + paint[:, None, None] * share

    def stone(self, at: tuple[float, float], radii: Sequence[float], turn_deg: float) -> None:
        """Put a light, oblong stone."""
        x, y = at
        rows, cols = np.mgrid[: self.height, : self.width]
        right, down = (cols + 0.5) * self.pixel_m - x, (rows + 0.5) * self.pixel_m - y
        cos, sin = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
        u, v = right * cos + down * sin, down * cos - right * sin
        hit = (u / radii[0]) ** 2 + (v / radii[1]) ** 2 < 1
        self.layers[:, hit] = np.array([0.4, 0.38, 0.36])[:, None]

    def finish(self, blur: float = 0.6, noise: float = 0.01) -> dict[str, Floats]:
        """Bands as a camera leaves them: blurred by a Gaussian of some pixels, with noise."""
        draw = np.random.default_rng((self.seed, 8))
        seen = np.stack([gaussian_filter(layer, blur) for layer in self.layers])
        seen += noise * draw.standard_normal(seen.shape)
        return dict(zip(("red", "green", "blue"), seen, strict=True))


def _inside(shape: str, u: Floats, v: Floats, size: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Light and dark points."""
    half, none = size / 2, np.zeros(u.shape, dtype=bool)
    board = (np.abs(u) < half) & (np.abs(v) < half)
    if shape == "square":
        return board, none
    if shape == "disc":
        return np.hypot(u, v) < half, none
    if shape == "chequer":
        return board & (u * v > 0), board & (u * v <= 0)
    arm = 0.1 * size
    first = (u > -arm) & (u < size) & (np.abs(v) < arm)
    return first | ((v > -arm) & (v < size) & (np.abs(u) < arm)), none
