from __future__ import annotations

from pathlib import Path

import numpy as np
import odm_files
import pytest
import rasterio

from uav_workflow.domain.grid import Grid
from uav_workflow.errors import NotMade, RasterError
from uav_workflow.photogrammetry.flight_grid import flight_grid
from uav_workflow.photogrammetry.surface import make_surface
from uav_workflow.rasters.reader import Raster

GRID = Grid("EPSG:32632", odm_files.X0, odm_files.Y0, 0.05, 60, 40)


def plane(rows: int, cols: int, cell: float, origin: tuple[float, float] = (odm_files.X0, odm_files.Y0)) -> np.ndarray:
    """Heights of a plane at cell centres."""
    x = origin[0] - odm_files.X0 + (np.arange(cols) + 0.5) * cell
    y = odm_files.Y0 - origin[1] + (np.arange(rows) + 0.5) * cell
    return 100 + 2 * x[None, :] + 3 * y[:, None]


def heights(folder: Path, name: str = "dsm") -> np.ndarray:
    with Raster(folder / f"{name}.tif") as raster:
        assert raster.grid == GRID
        return raster.band(name).astype(float)


def test_a_plane_stays_a_plane_on_the_finer_grid(tmp_path: Path) -> None:
    origin = (odm_files.X0 - 0.37, odm_files.Y0 + 0.21)
    odm_files.surface(tmp_path, "dsm.tif", plane(40, 60, 0.13, origin), 0.13, origin)
    made = make_surface(tmp_path, GRID, tmp_path, kind="dsm")
    assert heights(tmp_path) == pytest.approx(plane(40, 60, 0.05), abs=2e-5)
    assert made.facts["native_cell_m"] == pytest.approx(0.13)
    assert made.facts["measured_share"] == 1.0


def test_the_same_grid_keeps_heights_to_the_bit(tmp_path: Path) -> None:
    values = np.random.default_rng(3).uniform(1000, 1010, (40, 60)).astype(np.float32)
    odm_files.surface(tmp_path, "dtm.tif", values, 0.05)
    make_surface(tmp_path, GRID, tmp_path, kind="dtm")
    assert (heights(tmp_path, "dtm") == values).all()


def test_holes_neither_grow_nor_shrink(tmp_path: Path) -> None:
    coarse = plane(20, 30, 0.1)
    coarse[5:8, 10:14] = np.nan
    odm_files.surface(tmp_path, "dsm.tif", coarse, 0.1)
    make_surface(tmp_path, GRID, tmp_path)
    hole = np.zeros((40, 60), bool)
    hole[10:16, 20:28] = True
    assert (np.isnan(heights(tmp_path)) == hole).all()
    assert np.nanmin(heights(tmp_path)) > 99


def test_filled_cells_are_holes_again_in_the_dsm_only(tmp_path: Path) -> None:
    filled = np.zeros((1, 20, 30), np.uint8)
    filled[0, 2:4, 2:4] = 1
    odm_files.write(tmp_path / "odm_dem/interpolated.tif", filled, (0.1, 0.1))
    odm_files.surface(tmp_path, "dsm.tif", plane(20, 30, 0.1), 0.1)
    odm_files.surface(tmp_path, "dtm.tif", plane(20, 30, 0.1), 0.1)
    made = make_surface(tmp_path, GRID, tmp_path, kind="dsm")
    make_surface(tmp_path, GRID, tmp_path, kind="dtm")
    assert made.facts["holes_from"] == "interpolated.tif"
    assert np.isnan(heights(tmp_path)).sum() == 16
    assert np.isnan(heights(tmp_path)[4:8, 4:8]).all()
    assert np.isfinite(heights(tmp_path, "dtm")).all()


def test_the_euclidean_map_of_odm_shows_holes_too(tmp_path: Path) -> None:
    distance = np.full((1, 20, 30), 3.0, np.float32)
    distance[0, 0, 0] = 0
    odm_files.write(tmp_path / "odm_dem/dsm.euclideand.tif", distance, (0.1, 0.1))
    odm_files.surface(tmp_path, "dsm.tif", plane(20, 30, 0.1), 0.1)
    make_surface(tmp_path, GRID, tmp_path)
    assert np.argwhere(np.isnan(heights(tmp_path))).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_unknown_filling_is_said(tmp_path: Path) -> None:
    odm_files.surface(tmp_path, "dsm.tif", plane(20, 30, 0.1), 0.1)
    assert [finding.code for finding in make_surface(tmp_path, GRID, tmp_path).findings] == ["surface-fill-unknown"]


def test_blocks_meet_without_a_seam(tmp_path: Path) -> None:
    odm_files.surface(tmp_path, "dsm.tif", plane(150, 150, 0.1), 0.1)
    grid = Grid("EPSG:32632", odm_files.X0 + 0.5, odm_files.Y0 - 0.5, 0.01, 1300, 1100)
    make_surface(tmp_path, grid, tmp_path)
    with Raster(tmp_path / "dsm.tif") as raster:
        values = raster.band("dsm").astype(float)
    x = 0.5 + (np.arange(1300) + 0.5) * 0.01
    y = 0.5 + (np.arange(1100) + 0.5) * 0.01
    assert np.abs(values - (100 + 2 * x[None] + 3 * y[:, None])).max() < 3e-5


def test_faults_are_reasons(tmp_path: Path) -> None:
    with pytest.raises(NotMade, match=r"no dtm\.tif"):
        make_surface(tmp_path, GRID, tmp_path, kind="dtm")
    odm_files.surface(tmp_path, "dsm.tif", plane(20, 30, 0.1), 0.1)
    other = Grid("EPSG:32631", GRID.x_min, GRID.y_max, 0.05, 60, 40)
    with pytest.raises(RasterError, match="EPSG:32632"):
        make_surface(tmp_path, other, tmp_path)
    odm_files.write(tmp_path / "odm_dem/interpolated.tif", np.zeros((1, 3, 3), np.uint8), (0.1, 0.1))
    with pytest.raises(RasterError, match="cells"):
        make_surface(tmp_path, GRID, tmp_path)


@pytest.mark.shared
def test_a_real_dsm_on_its_own_pixels_is_unchanged(shared_data: Path, tmp_path: Path) -> None:
    assets = shared_data / "odm_products/node_task"
    with rasterio.open(assets / "odm_dem/dsm.tif") as source:
        theirs = source.read(1, masked=True).filled(np.nan)
        grid = Grid("EPSG:32632", source.bounds.left, source.bounds.top, 0.16, source.width, source.height)
    make_surface(assets, grid, tmp_path)
    with Raster(tmp_path / "dsm.tif") as raster:
        assert np.array_equal(raster.band("dsm"), theirs, equal_nan=True)


@pytest.mark.shared
def test_a_real_dsm_on_the_flight_grid_stays_within_its_own_steps(shared_data: Path, tmp_path: Path) -> None:
    assets = shared_data / "odm_products/node_task"
    grid = flight_grid(assets)
    make_surface(assets, grid, tmp_path)
    with rasterio.open(assets / "odm_dem/dsm.tif") as source, Raster(tmp_path / "dsm.tif") as raster:
        theirs = source.read(1, masked=True)
        ours = raster.band("dsm")
        at = source.transform
    rows = np.floor((grid.y_max - (np.arange(grid.height) + 0.5) * grid.pixel_m - at.f) / at.e).astype(int)
    cols = np.floor((grid.x_min + (np.arange(grid.width) + 0.5) * grid.pixel_m - at.c) / at.a).astype(int)
    keep_r, keep_c = (rows >= 0) & (rows < 399), (cols >= 0) & (cols < 546)
    nearest = theirs[rows[keep_r]][:, cols[keep_c]]
    difference = ours[keep_r][:, keep_c] - nearest.filled(np.nan)
    assert (np.isnan(ours[keep_r][:, keep_c]) == nearest.mask).all()
    assert np.nanmedian(np.abs(difference)) < 0.01
