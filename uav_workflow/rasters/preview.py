"""A small picture's worth of a large raster, read through its overviews."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling

from uav_workflow.errors import RasterError


@dataclass(frozen=True, slots=True)
class Preview:
    """Decimated values with their place.

    Attributes
    ----------
    values : (bands, rows, columns) float32 array
        NaN where masked.
    bounds : (x_min, y_min, x_max, y_max)
        Metres in `crs`.
    """

    values: NDArray[np.float32]
    bounds: tuple[float, float, float, float]
    crs: str
    bands: tuple[str, ...]
    pixel_m: float

    def band(self, name: str) -> NDArray[np.float32]:
        """Return one band by name."""
        plane: NDArray[np.float32] = self.values[self.bands.index(name)]
        return plane


def preview(path: Path, side: int = 900) -> Preview:
    """Read a raster at about ``side`` pixels on its longer side.

    Raises
    ------
    RasterError
        The raster can't be read.
    """
    try:
        with rasterio.open(path) as dataset:
            factor = max(1.0, max(dataset.width, dataset.height) / side)
            shape = (dataset.count, max(1, round(dataset.height / factor)), max(1, round(dataset.width / factor)))
            data = dataset.read(out_shape=shape, masked=True, resampling=Resampling.average, out_dtype="float32")
            return Preview(
                values=np.ma.filled(data, np.float32(np.nan)),
                bounds=tuple(dataset.bounds),
                crs=str(dataset.crs),
                bands=tuple(text or f"band{i}" for i, text in enumerate(dataset.descriptions, start=1)),
                pixel_m=dataset.transform.a * factor,
            )
    except rasterio.errors.RasterioIOError as exc:
        raise RasterError(f"{path}: can't be read as a raster ({exc})") from exc
