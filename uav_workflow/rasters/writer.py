"""Writing a raster block by block, as a Cloud Optimized GeoTIFF."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import ArrayLike
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from uav_workflow.domain.grid import Block, Grid

TILE = 512
_RGBA = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)


class RasterWriter:
    """Takes the blocks of a raster under construction; made by `cog`."""

    def __init__(self, dataset: rasterio.io.DatasetWriter) -> None:
        self._dataset = dataset

    def write(self, block: Block, values: ArrayLike) -> None:
        """Write (bands, rows, columns), or (rows, columns) for a single band."""
        array = np.asarray(values)
        cube = array[np.newaxis] if array.ndim == 2 else array
        window = Window(block.col, block.row, block.width, block.height)
        self._dataset.write(cube.astype(self._dataset.dtypes[0], copy=False), window=window)


@contextmanager
def cog(
    path: Path,
    grid: Grid,
    bands: Sequence[str],
    *,
    dtype: str = "float32",
    nodata: float | None = math.nan,
    overviews: str = "average",
    rgb: bool = False,
    tags: dict[str, str] | None = None,
    units: Sequence[str] | None = None,
) -> Iterator[RasterWriter]:
    """Write a Cloud Optimized GeoTIFF block by block (ZSTD, 512-pixel tiles, overviews).

    The file appears under its name when the block of the ``with`` statement ends without an error; scratch space
    lies beside it and is removed.

    Parameters
    ----------
    path : Path
    grid : Grid
    bands : sequence of str
        Band names, written as descriptions.
    dtype : str
        ``float32`` by default; nodata NaN then. Flags and indexes are integers with ``overviews="mode"``.
    rgb : bool
        Mark bands 1 - 3 as red, green, blue (and a fourth as alpha).
    units : sequence of str, optional
        UCUM unit a band.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}.scratch.tif")
    finished = scratch.with_suffix(".cog")
    try:
        with rasterio.open(scratch, "w", **_profile(grid, len(bands), dtype, nodata)) as dataset:
            dataset.descriptions = tuple(bands)
            if units is not None:
                dataset.units = tuple(units)
            if rgb:
                dataset.colorinterp = _RGBA[: len(bands)]
            dataset.update_tags(**(tags or {}))
            yield RasterWriter(dataset)
        _copy_as_cog(scratch, finished, dtype, overviews)
        finished.replace(path)
    finally:
        for leftover in (scratch, finished, scratch.with_name(scratch.name + ".aux.xml")):
            leftover.unlink(missing_ok=True)


def _profile(grid: Grid, count: int, dtype: str, nodata: float | None) -> dict[str, object]:
    return {
        "driver": "GTiff",
        "width": grid.width,
        "height": grid.height,
        "count": count,
        "dtype": dtype,
        "crs": grid.crs,
        "transform": grid.transform,
        "nodata": nodata,
        "tiled": True,
        "blockxsize": TILE,
        "blockysize": TILE,
        "compress": "LZW",
        "bigtiff": "IF_SAFER",
        "sparse_ok": True,
        "interleave": "band" if count > 4 else "pixel",
    }


def _copy_as_cog(scratch: Path, finished: Path, dtype: str, overviews: str) -> None:
    predictor = "FLOATING_POINT" if dtype.startswith("float") else "STANDARD"
    # One thread: GDAL's pool would outlive this call, and a process forked later (Luigi forks a process a task) would
    # wait for threads it does not have. The cores are used by tasks side by side.
    rasterio.shutil.copy(
        scratch,
        finished,
        driver="COG",
        compress="ZSTD",
        level=1,
        predictor=predictor,
        blocksize=TILE,
        overview_resampling=overviews,
        bigtiff="IF_SAFER",
    )
