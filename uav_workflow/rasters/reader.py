"""Reading a raster with its grid and its band names."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from uav_workflow.domain.grid import Block, Grid
from uav_workflow.errors import RasterError

FloatArray = NDArray[np.float32]


class Raster:
    """A raster file opened for reading, block by block.

    Masked pixels (nodata, alpha 0) read as NaN. Use it as a context manager; not shared between threads.

    Attributes
    ----------
    grid : Grid
    bands : tuple of str
        Band descriptions; ``band1`` … where the file has none.

    Raises
    ------
    RasterError
        The file is missing, unreadable, rotated, or has oblong pixels.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._dataset = rasterio.open(path)
        except rasterio.errors.RasterioIOError as exc:
            raise RasterError(f"{path}: can't be read as a raster ({exc})") from exc
        self.path = path
        self.grid = _grid_of(self._dataset, path)
        self.bands = tuple(text or f"band{index}" for index, text in enumerate(self._dataset.descriptions, start=1))

    def __enter__(self) -> Raster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._dataset.close()

    def read(self, block: Block | None = None, bands: tuple[str, ...] | None = None) -> FloatArray:
        """Values as float32 (bands, rows, columns), NaN where masked.

        Parameters
        ----------
        block : Block, optional
            Window to read; the whole raster when absent.
        bands : tuple of str, optional
            Names in the order wanted; all when absent.

        Raises
        ------
        RasterError
            A band of that name does not exist.
        """
        window = None if block is None else Window(block.col, block.row, block.width, block.height)
        data = self._dataset.read(self._indexes(bands), window=window, masked=True, out_dtype="float32")
        filled: FloatArray = np.ma.filled(data, np.float32(np.nan))
        return filled

    def band(self, name: str, block: Block | None = None) -> FloatArray:
        """One band as float32 (rows, columns), NaN where masked."""
        plane: FloatArray = self.read(block, (name,))[0]
        return plane

    def _indexes(self, bands: tuple[str, ...] | None) -> list[int]:
        if bands is None:
            return list(range(1, len(self.bands) + 1))
        missing = [name for name in bands if name not in self.bands]
        if missing:
            raise RasterError(f"{self.path}: no band {', '.join(missing)}; it has {', '.join(self.bands)}")
        return [self.bands.index(name) + 1 for name in bands]


def _grid_of(dataset: rasterio.DatasetReader, path: Path) -> Grid:
    transform = dataset.transform
    if transform.b or transform.d or not np.isclose(transform.a, -transform.e, rtol=1e-6):
        raise RasterError(f"{path}: rotated or oblong pixels; only north-up square grids are read")
    if dataset.crs is None:
        raise RasterError(f"{path}: has no coordinate reference system")
    epsg = dataset.crs.to_epsg(confidence_threshold=20)
    crs = f"EPSG:{epsg}" if epsg else dataset.crs.to_wkt()
    return Grid(crs, transform.c, transform.f, transform.a, dataset.width, dataset.height)
