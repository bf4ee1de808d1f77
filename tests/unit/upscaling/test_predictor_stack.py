from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from uav_workflow.domain.grid import Block, Grid
from uav_workflow.errors import RasterError, UsageError
from uav_workflow.rasters.writer import cog
from uav_workflow.upscaling.predictors import PredictorStack
from uav_workflow.upscaling.relief import gradient

GRID = Grid("EPSG:32647", 600000.0, 4200000.0, 10.0, 300, 280)


def write(path: Path, bands: dict[str, Any], grid: Grid = GRID) -> Path:
    with cog(path, grid, tuple(bands)) as target:
        for block in grid.blocks(64):
            target.write(
                block, np.stack([np.broadcast_to(plane, grid.shape)[block.slices] for plane in bands.values()])
            )
    return path


@pytest.fixture
def ramp(tmp_path: Path) -> Path:
    column, row = np.meshgrid(np.arange(300.0), np.arange(280.0))
    plane = column + 1000 * row
    plane[100, 100] = np.nan
    return write(tmp_path / "ramp.tif", {"ramp": plane, "B8": 0.4 + 0 * plane, "red": 0.1})


def test_cells_on_the_grid_are_its_pixels_and_others_area_means(ramp: Path) -> None:
    with PredictorStack([ramp]) as stack:
        # pixel (row 3, column 7); a quarter right of it; half a pixel down and right; across a tile's border
        x = 600000 + 10 * np.array([7.5, 7.75, 8.0, 256.0])
        y = 4200000 - 10 * np.array([3.5, 3.5, 4.0, 3.5])
        assert stack.at(x, y)[:, 0] == pytest.approx([3007, 3007.25, 3507.5, 3255.5])
        assert stack.offsets(x, y) == pytest.approx([0, 0.25, 0.5, 0.5])


def test_unknown_where_a_pixel_that_counts_is(ramp: Path) -> None:
    with PredictorStack([ramp]) as stack:
        # the hole; beside it on the grid; beside it and over it; the last column; half out; outside
        column = np.array([100.5, 101.5, 101.2, 299.5, 300.0, 301.5])
        found = stack.at(600000 + 10 * column, np.full(6, 4200000 - 10 * 100.5))[:, 0]
        assert np.isnan(found).tolist() == [True, False, True, False, True, True]


def test_bands_indices_and_terrain_by_name(ramp: Path, tmp_path: Path) -> None:
    # rises 0.2 m a metre to the east, 0.1 to the north; twice as fine, and in the same zone
    fine = Grid("EPSG:32647", 599900.0, 4200100.0, 5.0, 640, 600)
    x = fine.x_min + 5 * (np.arange(640) + 0.5)
    y = fine.y_max - 5 * (np.arange(600) + 0.5)
    dem = write(tmp_path / "dem.tif", {"h": 0.2 * (x - 6e5)[None, :] + 0.1 * (y - 4.2e6)[:, None] + 100}, fine)
    with PredictorStack([ramp], indices=("NDVI",), terrain=dem, renamed={"B8": "nir"}) as stack:
        assert stack.names == ("ramp", "nir", "red", "NDVI", "elevation", "slope", "northness", "eastness")
        planes = dict(zip(stack.names, stack.read(Block(20, 30, 5, 6)), strict=True))
    assert planes["NDVI"] == pytest.approx(0.6)
    assert planes["elevation"][0, 0] == pytest.approx(100 + 0.2 * 305 - 0.1 * 205, abs=1e-3)
    assert planes["slope"] == pytest.approx(np.degrees(np.arctan(np.hypot(0.2, 0.1))), rel=1e-3)
    # it faces where it falls: west and south
    lean = np.sqrt(1 + 0.05)
    assert planes["eastness"] == pytest.approx(-0.2 / lean, rel=1e-3)
    assert planes["northness"] == pytest.approx(-0.1 / lean, rel=1e-3)


def test_gradient_of_a_plane() -> None:
    row, column = np.mgrid[0:5, 0:6]
    east, north = gradient(3.0 * column - 2.0 * row, 10.0)
    assert east == pytest.approx(np.full((3, 4), 0.3))
    assert north == pytest.approx(np.full((3, 4), 0.2))


def test_bad_stacks_are_told(ramp: Path, tmp_path: Path) -> None:
    half = Grid("EPSG:32647", 600005.0, 4200000.0, 10.0, 300, 280)
    shifted = write(tmp_path / "shifted.tif", {"other": 1.0}, half)
    again = write(tmp_path / "again.tif", {"red": 1.0})
    degrees = write(tmp_path / "degrees.tif", {"red": 1.0}, Grid("EPSG:4326", 100.0, 38.0, 0.001, 20, 20))
    cases: list[tuple[type[Exception], str, dict[str, Any]]] = [
        (RasterError, "another grid", {"files": [ramp, shifted]}),
        (UsageError, "red stands in the predictors more than once", {"files": [ramp, again]}),
        (UsageError, "in degrees", {"files": [degrees]}),
        (UsageError, "needs a band nir.*--band nir=NAME", {"files": [ramp], "indices": ("NDVI",)}),
        (UsageError, "no band that becomes blue", {"files": [ramp], "renamed": {"B2": "blue"}}),
    ]
    for error, text, order in cases:
        files = order.pop("files")
        with pytest.raises(error, match=text):
            PredictorStack(files, **order)


def test_surroundings_are_means_of_known_pixels(landscape: dict[str, Any]) -> None:
    with PredictorStack([landscape["scene"]], indices=("NDVI",), surroundings=5) as stack:
        assert stack.names == ("red", "nir", "NDVI", "red_5x5", "nir_5x5")
        assert stack.signal == ("red", "nir", "red_5x5", "nir_5x5")
        whole = stack.read(Block(0, 0, stack.grid.height, stack.grid.width))
        part = stack.read(Block(50, 60, 30, 40))
    np.testing.assert_allclose(part, whole[:, 50:80, 60:100], rtol=1e-6)
    for row, col in ((0, 0), (70, 80), (40, stack.grid.width - 4)):  # a corner, the middle, beside unknown pixels
        square = whole[0, max(row - 2, 0) : row + 3, max(col - 2, 0) : col + 3]
        assert whole[3, row, col] == pytest.approx(np.nanmean(square), rel=1e-5)
    assert np.isnan(whole[3][np.isnan(whole[0])]).all()
    with pytest.raises(UsageError, match="3, 5, 7"):
        PredictorStack([landscape["scene"]], surroundings=4)
