"""Rasters written for a test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from uav_workflow.domain.grid import Grid
from uav_workflow.rasters.writer import cog

WriteRaster = Callable[..., Path]


@pytest.fixture
def write_raster(tmp_path: Path) -> WriteRaster:
    """Write float32 bands, named, as a raster in EPSG:32647 and return its path."""

    def write(
        name: str, bands: Mapping[str, np.ndarray], pixel_m: float = 0.02, tags: dict[str, str] | None = None
    ) -> Path:
        cube = np.stack(list(bands.values())).astype(np.float32)
        grid = Grid("EPSG:32647", 5e5, 4.2e6, pixel_m, cube.shape[2], cube.shape[1])
        path = tmp_path / name
        with cog(path, grid, list(bands), tags=tags) as sink:
            for block in grid.blocks():
                sink.write(block, cube[:, *block.slices])
        return path

    return write
