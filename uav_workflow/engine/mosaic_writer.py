"""The mosaic's files: tiled GeoTIFFs that get their names when they are whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import rasterio
from rasterio.enums import ColorInterp
from rasterio.io import DatasetWriter

from uav_workflow.domain.grid import Grid

_CACHE_MIB = 64


@contextmanager
def tiled(
    path: Path, grid: Grid, bands: tuple[str, ...], dtype: str, tags: Mapping[str, str] | None = None
) -> Iterator[DatasetWriter]:
    """Tiled GeoTIFF under construction, its bands named; a last band ``alpha`` is marked as such."""
    scratch = path.with_name(f".{path.name}.part")
    profile = {
        "driver": "GTiff",
        "width": grid.width,
        "height": grid.height,
        "count": len(bands),
        "dtype": dtype,
        "crs": grid.crs,
        "transform": grid.transform,
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "compress": "DEFLATE",
        "predictor": 3 if dtype.startswith("float") else 2,
        "zlevel": 3,
        "bigtiff": "IF_SAFER",
        "sparse_ok": True,
        "interleave": "pixel" if len(bands) <= 4 else "band",
        "photometric": "RGB" if len(bands) == 4 and dtype == "uint8" else "MINISBLACK",
    }
    # written blocks would wait in a cache of a twentieth of the machine's memory
    with rasterio.Env(GDAL_NUM_THREADS="2", GDAL_CACHEMAX=_CACHE_MIB):
        try:
            with rasterio.open(scratch, "w", **profile) as dataset:
                dataset.descriptions = bands
                if bands[-1] == "alpha":
                    dataset.colorinterp = _interpretation(bands)
                dataset.update_tags(**(tags or {}))
                yield dataset
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)


def _interpretation(bands: tuple[str, ...]) -> list[ColorInterp]:
    """Red, green and blue for a picture; grey for the bands of a rig, whose file is no RGB picture; alpha last."""
    if [name.lower() for name in bands] == ["red", "green", "blue", "alpha"]:
        return [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]
    return [ColorInterp.gray] * (len(bands) - 1) + [ColorInterp.alpha]
