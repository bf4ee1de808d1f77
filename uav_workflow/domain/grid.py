"""A raster's place on the ground: CRS, transform and shape travel together."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from affine import Affine


@dataclass(frozen=True, slots=True)
class Block:
    """A window of a grid: rows ``[row, row + height)``, columns ``[col, col + width)``."""

    row: int
    col: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices."""
        return slice(self.row, self.row + self.height), slice(self.col, self.col + self.width)


@dataclass(frozen=True, slots=True)
class Grid:
    """A north-up raster grid in a projected CRS.

    Attributes
    ----------
    crs : str
        ``EPSG:nnnnn``.
    x_min, y_max : float
        Outer corner of the first pixel, metres.
    pixel_m : float
        Side of the square pixel, metres.
    width, height : int
        Pixels.
    """

    crs: str
    x_min: float
    y_max: float
    pixel_m: float
    width: int
    height: int

    @classmethod
    def covering(cls, bounds: tuple[float, float, float, float], pixel_m: float, crs: str) -> Grid:
        """Smallest grid over ``(x_min, y_min, x_max, y_max)`` with its corner on whole multiples of the pixel."""
        x_min, y_min, x_max, y_max = bounds
        tolerance = 1e-6
        col0 = math.floor(x_min / pixel_m + tolerance)
        row0 = math.ceil(y_max / pixel_m - tolerance)
        width = math.ceil(x_max / pixel_m - tolerance) - col0
        height = row0 - math.floor(y_min / pixel_m + tolerance)
        return cls(crs, col0 * pixel_m, row0 * pixel_m, pixel_m, max(width, 1), max(height, 1))

    @property
    def transform(self) -> Affine:
        """Affine from (column, row) to (x, y)."""
        return Affine(self.pixel_m, 0.0, self.x_min, 0.0, -self.pixel_m, self.y_max)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(x_min, y_min, x_max, y_max), metres."""
        return (
            self.x_min,
            self.y_max - self.height * self.pixel_m,
            self.x_min + self.width * self.pixel_m,
            self.y_max,
        )

    def blocks(self, side: int = 1024) -> Iterator[Block]:
        """Windows of at most ``side`` pixels a side, row by row, covering the grid once."""
        for row in range(0, self.height, side):
            for col in range(0, self.width, side):
                yield Block(row, col, min(side, self.height - row), min(side, self.width - col))

    def window(self, block: Block) -> Grid:
        """Grid of one block."""
        return Grid(
            self.crs,
            self.x_min + block.col * self.pixel_m,
            self.y_max - block.row * self.pixel_m,
            self.pixel_m,
            block.width,
            block.height,
        )

    def coarser(self, factor: int) -> Grid:
        """Grid of ``factor`` times larger cells from the same corner, covering this one."""
        return Grid(
            self.crs,
            self.x_min,
            self.y_max,
            self.pixel_m * factor,
            math.ceil(self.width / factor),
            math.ceil(self.height / factor),
        )

    def to_json(self) -> dict[str, str | float | int]:
        """Plain dictionary for JSON."""
        return {
            "crs": self.crs,
            "x_min": self.x_min,
            "y_max": self.y_max,
            "pixel_m": self.pixel_m,
            "width": self.width,
            "height": self.height,
        }
