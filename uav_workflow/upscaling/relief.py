"""Terrain as predictors: height, slope, and which way it faces, from any height model on the grid of a stack."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from uav_workflow.domain.grid import Block, Grid
from uav_workflow.errors import RasterError

RELIEF = ("elevation", "slope", "northness", "eastness")
"""m; degrees; sine of the slope times cosine and sine of the aspect: how far the ground leans north and east."""


class Relief:
    """A height model warped onto a grid while it is read: averaged where finer, interpolated where coarser.

    Raises
    ------
    RasterError
        The file can't be read, or has no CRS.
    """

    def __init__(self, path: Path, grid: Grid) -> None:
        try:
            self._dataset = rasterio.open(path)
        except rasterio.errors.RasterioIOError as exc:
            raise RasterError(f"{path}: can't be read as a raster ({exc})") from exc
        if self._dataset.crs is None:
            self._dataset.close()
            raise RasterError(f"{path}: has no coordinate reference system")
        # one pixel more on each side, for the slope of the outermost
        self._pixel = grid.pixel_m
        self._warped = WarpedVRT(
            self._dataset,
            crs=grid.crs,
            transform=grid.transform @ Affine.translation(-1, -1),
            width=grid.width + 2,
            height=grid.height + 2,
            resampling=Resampling.average if _finer(self._dataset, grid) else Resampling.bilinear,
            dtype="float32",
            nodata=np.nan,
        )

    def __enter__(self) -> Relief:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._warped.close()
        self._dataset.close()

    def read(self, block: Block) -> NDArray[np.float32]:
        """`RELIEF` as float32 (4, rows, columns), NaN where one of the nine heights is unknown."""
        heights = self._warped.read(1, window=Window(block.col, block.row, block.width + 2, block.height + 2))
        east, north = gradient(heights.astype(np.float64), self._pixel)
        steepness = np.hypot(east, north)
        lean = 1.0 / np.sqrt(1.0 + steepness**2)
        # the ground faces where it falls
        planes = heights[1:-1, 1:-1], np.degrees(np.arctan(steepness)), -north * lean, -east * lean
        return np.stack(planes).astype(np.float32)


def gradient(heights: NDArray[np.float64], pixel_m: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rise to the east and to the north, metres a metre, by Horn's weights (1981, Proc. IEEE 69, 14).

    Parameters
    ----------
    heights : float64 (rows + 2, columns + 2)
        First row in the north.

    Returns
    -------
    (east, north) : float64 (rows, columns)
    """
    across = heights[:, 2:] - heights[:, :-2]
    along = heights[:-2, :] - heights[2:, :]
    east = across[:-2] + 2 * across[1:-1] + across[2:]
    north = along[:, :-2] + 2 * along[:, 1:-1] + along[:, 2:]
    return east / (8 * pixel_m), north / (8 * pixel_m)


def _finer(dataset: rasterio.DatasetReader, grid: Grid) -> bool:
    """Whether its pixels are less than half as wide as the grid's."""
    from rasterio.warp import transform_bounds

    west, _, east, _ = transform_bounds(dataset.crs, grid.crs, *dataset.bounds)
    return bool((east - west) / dataset.width < 0.5 * grid.pixel_m)
