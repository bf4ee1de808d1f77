"""Bringing a raster onto another grid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from uav_workflow.domain.grid import Block, Grid
from uav_workflow.errors import RasterError


class Resampled:
    """A raster seen through another grid, read block by block; made by `on_grid`."""

    def __init__(self, view: WarpedVRT) -> None:
        self._view = view

    def read(self, block: Block, indexes: list[int] | None = None) -> NDArray[np.float32]:
        """Values as float32 (bands, rows, columns) on the grid's block, NaN where masked."""
        window = Window(block.col, block.row, block.width, block.height)
        data = self._view.read(indexes, window=window, masked=True, out_dtype="float32")
        filled: NDArray[np.float32] = np.ma.filled(data, np.float32(np.nan))
        return filled


@contextmanager
def on_grid(path: Path, grid: Grid, resampling: str = "bilinear") -> Iterator[Resampled]:
    """Open a raster as if it lay on ``grid``.

    Parameters
    ----------
    path : Path
        Any raster GDAL reads; a missing CRS is an error.
    grid : Grid
        Target grid; the CRS may differ.
    resampling : str
        ``nearest``, ``bilinear``, ``cubic``, ``average`` or ``mode``.

    Raises
    ------
    RasterError
        The raster can't be read or has no CRS.
    """
    try:
        dataset = rasterio.open(path)
    except rasterio.errors.RasterioIOError as exc:
        raise RasterError(f"{path}: can't be read as a raster ({exc})") from exc
    with dataset:
        if dataset.crs is None:
            raise RasterError(f"{path}: has no coordinate reference system")
        with WarpedVRT(
            dataset,
            crs=grid.crs,
            transform=grid.transform,
            width=grid.width,
            height=grid.height,
            resampling=Resampling[resampling],
        ) as view:
            yield Resampled(view)
