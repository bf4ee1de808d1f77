"""An orthomosaic read as numbers proportional to light."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.mosaic.bands import MosaicBands
from calibration.mosaic.ground_look import GroundLook, greenness, roughness
from calibration.mosaic.sightings import PATCH_M, patch_of
from calibration.pictures.rgb import linearise
from uav_workflow.domain.grid import Block, Grid
from uav_workflow.rasters.reader import Raster

FloatArray = NDArray[np.float32]

_FULL_BYTE = 254
"""Eight-bit values from here on say "at least"."""


@dataclass(frozen=True, slots=True)
class LinearMosaic:
    """Blocks of an open orthomosaic: 8-bit RGB linearised, what is saturated made NaN.

    Attributes
    ----------
    cap : float32
        Calibrated values from here on were saturated or glinting in the picture.
    """

    raster: Raster
    bands: MosaicBands
    cap: np.float32

    @property
    def grid(self) -> Grid:
        """Grid of the mosaic."""
        return self.raster.grid

    def read(self, block: Block) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Values float32 (bands, rows, columns), NaN where nothing counts, and which of those are saturated.

        Saturated eight-bit RGB keeps its value: a picture's white is no hole in the ground.
        """
        values = self.raster.read(block, self.bands.source)
        if not self.bands.is_rgb8:
            saturated = values >= self.cap
            values[saturated] = np.nan
            return values, saturated
        missing = ~np.isfinite(values)
        linear = linearise(np.where(missing, 0, values).astype(np.uint8))
        linear[missing] = np.nan
        return linear, values >= _FULL_BYTE

    def look(self, block: Block) -> GroundLook:
        """Look of the patches of `sightings.PATCH_M` round the pixels of a block.

        A ring round the block is read along, so that blocks leave no trace.
        """
        grid, half = self.grid, self._half
        row, col = max(0, block.row - half), max(0, block.col - half)
        end_row = min(grid.height, block.row + block.height + half)
        end_col = min(grid.width, block.col + block.width + half)
        found = self._look_of(self.read(Block(row, col, end_row - row, end_col - col))[0])
        top, left = block.row - row, block.col - col
        inner = np.s_[top : top + block.height, left : left + block.width]
        return GroundLook(roughness=found.roughness[inner], greenness=found.greenness[inner])

    def patch_at(self, x: float, y: float) -> tuple[float, float, float]:
        """Roughness, greenness, and logarithm of the mean of green or else the first band, at an easting and northing.

        NaN outside and where anything is missing.
        """
        block = patch_of(self.grid, x, y)
        if block is None:
            return math.nan, math.nan, math.nan
        values, names, middle = self.read(block)[0], self.bands.names, self._half
        mean = float(values[names.index("green") if "green" in names else 0].mean())
        found = self._look_of(values)
        rough, green = float(found.roughness[middle, middle]), float(found.greenness[middle, middle])
        return rough, green, math.log(mean) if mean > 0 else math.nan

    def _look_of(self, values: FloatArray) -> GroundLook:
        """Of values (bands, rows, columns); greenness 0 everywhere where no two bands tell it."""
        rough, pair = roughness(values[-1], self._half), self.bands.green_pair
        green = np.zeros_like(rough) if pair is None else greenness(values[pair[0]], values[pair[1]], self._half)
        return GroundLook(roughness=rough, greenness=green)

    @property
    def _half(self) -> int:
        return max(1, round(PATCH_M / 2 / self.grid.pixel_m))
