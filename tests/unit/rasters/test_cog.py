from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rio_cogeo import cog_validate

from uav_workflow.domain.grid import Block, Grid
from uav_workflow.errors import RasterError
from uav_workflow.rasters.preview import preview
from uav_workflow.rasters.reader import Raster
from uav_workflow.rasters.resample import on_grid
from uav_workflow.rasters.writer import cog

GRID = Grid("EPSG:32647", 500000.0, 4200000.0, 0.5, 700, 600)


def ramp(grid: Grid) -> np.ndarray:
    rows, cols = np.indices(grid.shape)
    return (rows * 1000 + cols).astype(np.float32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    values = ramp(GRID)
    values[:10] = np.nan
    with cog(tmp_path / "a.tif", GRID, ["x", "y"], units=["m", "1"]) as writer:
        for block in GRID.blocks(256):
            writer.write(block, np.stack([values[block.slices], -values[block.slices]]))
    return tmp_path / "a.tif"


def test_what_is_written_is_read(path: Path) -> None:
    with Raster(path) as raster:
        assert raster.grid == GRID
        assert raster.bands == ("x", "y")
        block = Block(300, 200, 40, 50)
        assert (raster.band("y", block) == -ramp(GRID)[block.slices]).all()
        assert np.isnan(raster.band("x")[:10]).all()
        with pytest.raises(RasterError, match="no band z"):
            raster.band("z")
    assert cog_validate(path, strict=True)[0]
    assert [file.name for file in path.parent.iterdir()] == ["a.tif"]


def test_a_failed_write_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), cog(tmp_path / "a.tif", GRID, ["x"]):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_averages_on_a_coarser_grid(path: Path) -> None:
    coarse = GRID.coarser(2)
    with on_grid(path, coarse, "average") as view:
        values = view.read(Block(100, 100, 2, 2))[0]
    truth = ramp(GRID)[200:204, 200:204].reshape(2, 2, 2, 2).mean(axis=(1, 3))
    assert values == pytest.approx(truth)


def test_a_preview_keeps_its_place(path: Path) -> None:
    view = preview(path, 100)
    assert max(view.values.shape[1:]) == 100
    assert view.bounds == GRID.bounds
    assert view.band("x").shape == view.values.shape[1:]


def test_a_grid_covers_its_bounds_from_whole_multiples() -> None:
    grid = Grid.covering((10.02, 20.0, 11.0, 21.01), 0.25, "EPSG:32647")
    assert (grid.x_min, grid.y_max) == (10.0, 21.25)
    assert grid.bounds == (10.0, 20.0, 11.0, 21.25)
    assert sum(block.height * block.width for block in grid.blocks(3)) == grid.width * grid.height


def test_what_is_no_raster_is_named(tmp_path: Path) -> None:
    (tmp_path / "no.tif").write_text("no")
    with pytest.raises(RasterError, match="no.tif"):
        Raster(tmp_path / "no.tif")
