"""The mosaic's files: tiled GeoTIFFs that get their names when they are whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import ColorInterp
from rasterio.io import DatasetWriter
from rasterio.windows import Window

from uav_workflow.domain.grid import Block, Grid
from uav_workflow.engine.mosaic.tiles import Tile


class MosaicWriter:
    """Takes the tiles of a mosaic, and counts what it is given; made by `mosaic_files`.

    Attributes
    ----------
    covered : int
        Pixels with content.
    hidden : int
        Those of them that no photo sees.
    """

    def __init__(self, colours: DatasetWriter, sources: DatasetWriter, views: DatasetWriter) -> None:
        self._colours, self._sources, self._views = colours, sources, views
        self.covered = self.hidden = 0

    def write(self, block: Block, tile: Tile) -> None:
        """Write one tile to all files."""
        window = Window(block.col, block.row, block.width, block.height)
        self._colours.write(tile.values, window=window)
        self._sources.write(tile.source, 1, window=window)
        self._views.write(tile.views, 1, window=window)
        self.covered += int(np.count_nonzero(tile.source))
        self.hidden += int(np.count_nonzero((tile.source > 0) & (tile.views == 0)))


@contextmanager
def mosaic_files(
    files: tuple[Path, Path, Path], grid: Grid, bands: Sequence[str], dtype: str, captures: Sequence[str]
) -> Iterator[MosaicWriter]:
    """Colours with alpha, source index (its tag ``sources`` lists the captures) and views of a mosaic."""
    with ExitStack() as stack:
        colours = stack.enter_context(_tiled(files[0], grid, (*bands, "alpha"), dtype))
        sources = stack.enter_context(_tiled(files[1], grid, ("source",), "uint16"))
        views = stack.enter_context(_tiled(files[2], grid, ("views",), "uint16"))
        sources.update_tags(sources=json.dumps(list(captures)))
        yield MosaicWriter(colours, sources, views)


@contextmanager
def _tiled(path: Path, grid: Grid, bands: tuple[str, ...], dtype: str) -> Iterator[DatasetWriter]:
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
        "num_threads": 2,
        "bigtiff": "IF_SAFER",
        "sparse_ok": True,
        "interleave": "pixel" if len(bands) <= 4 else "band",
        "photometric": "RGB" if len(bands) == 4 and dtype == "uint8" else "MINISBLACK",
    }
    try:
        with rasterio.open(scratch, "w", **profile) as dataset:
            dataset.descriptions = bands
            if bands[-1] == "alpha":
                dataset.colorinterp = _interpretation(bands)
            yield dataset
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def _interpretation(bands: tuple[str, ...]) -> list[ColorInterp]:
    """Red, green and blue for a picture; grey for the bands of a rig, whose file is no RGB picture; alpha last."""
    if [name.lower() for name in bands] == ["red", "green", "blue", "alpha"]:
        return [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]
    return [ColorInterp.gray] * (len(bands) - 1) + [ColorInterp.alpha]
