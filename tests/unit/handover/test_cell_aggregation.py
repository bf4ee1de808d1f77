from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from shapely import box

from uav_workflow.domain.grid import Grid
from uav_workflow.errors import RasterError
from uav_workflow.handover.aggregation import aggregate, conservation_error, overlaps
from uav_workflow.handover.grids import satellite_grid
from uav_workflow.rasters.writer import cog

CRS = "EPSG:32632"


def raster(path: Path, grid: Grid, **bands: NDArray[np.float64]) -> Path:
    with cog(path, grid, tuple(bands)) as target:
        for block in grid.blocks():
            target.write(block, np.stack([band[block.slices] for band in bands.values()]))
    return path


def test_overlaps_of_intervals() -> None:
    fine = np.array([0.0, 0.4, 0.8, 1.2])
    coarse = np.array([0.0, 1.0, 2.0])
    assert overlaps(fine, coarse) == pytest.approx(np.array([[0.4, 0.4, 0.2], [0, 0, 0.2]]))


def test_weights_equal_the_areas_of_polygons(tmp_path: Path) -> None:
    fine = Grid(CRS, 500003.7, 5000008.9, 0.7, 23, 17)
    rng = np.random.default_rng(5)
    values = rng.uniform(0, 300, fine.shape).astype(np.float32).astype(float)
    values[rng.random(fine.shape) < 0.2] = np.nan
    grid = satellite_grid(fine.bounds, 10, CRS)
    cells = aggregate(raster(tmp_path / "a.tif", fine, agb=values), ("agb",), [grid])[0]["agb"]
    for row in range(grid.height):
        for col in range(grid.width):
            x, y = grid.x_min + 10 * col, grid.y_max - 10 * row
            cell = box(x, y - 10, x + 10, y)
            area, first, second = 0.0, 0.0, 0.0
            for i, j in np.argwhere(np.isfinite(values)):
                px, py = fine.x_min + 0.7 * j, fine.y_max - 0.7 * i
                shared = cell.intersection(box(px, py - 0.7, px + 0.7, py)).area
                area += shared
                first += shared * values[i, j]
                second += shared * values[i, j] ** 2
            assert cells.coverage[row, col] == pytest.approx(area / 100, abs=1e-9)
            if area > 0:
                mean = first / area
                assert cells.mean[row, col] == pytest.approx(mean, rel=1e-7)
                assert cells.sd_within[row, col] == pytest.approx((second / area - mean**2) ** 0.5, rel=1e-5)


@pytest.mark.parametrize(("pixel", "cell"), [(0.02, 10), (0.0273, 30), (1.0, 10), (0.0799, 2.5), (7.0, 10), (12.0, 10)])
def test_sums_are_conserved(tmp_path: Path, pixel: float, cell: float) -> None:
    side = min(1200, int(70 / pixel) + 3)
    fine = Grid(CRS, 500003.71, 5000008.93, pixel, side, side - 1)
    rng = np.random.default_rng(8)
    values = rng.gamma(2, 50, fine.shape)
    values[rng.random(fine.shape) < 0.3] = np.nan
    values[: side // 3, : side // 4] = np.nan
    grid = satellite_grid(fine.bounds, cell, CRS)
    path = raster(tmp_path / "a.tif", fine, agb=values)
    cells = aggregate(path, ("agb",), [grid])[0]["agb"]
    written = float((np.nan_to_num(cells.mean) * cells.coverage).sum()) * cell**2
    total = float(np.nansum(values.astype(np.float32).astype(float))) * pixel**2
    assert written == pytest.approx(total, rel=1e-9)
    assert cells.total == pytest.approx(total, rel=1e-12)
    assert conservation_error(cells, grid) < 1e-6
    assert cells.n.sum() == np.isfinite(values).sum()


def test_a_cell_of_equal_pixels_has_no_spread_and_edges_have_their_share(tmp_path: Path) -> None:
    fine = Grid(CRS, 500004.0, 5000020.0, 0.5, 22, 40)  # 11 m x 20 m: 6, 5 m of the first and second cell
    cells = aggregate(
        raster(tmp_path / "a.tif", fine, fvc=np.full(fine.shape, 0.25)),
        ("fvc",),
        [satellite_grid(fine.bounds, 10, CRS)],
    )[0]["fvc"]
    assert cells.coverage == pytest.approx(np.array([[0.6, 0.5], [0.6, 0.5]]))
    assert cells.mean == pytest.approx(np.full((2, 2), 0.25))
    assert cells.sd_within == pytest.approx(np.zeros((2, 2)), abs=1e-7)
    assert cells.n.tolist() == [[240, 200], [240, 200]]


def test_nothing_measured_is_nan(tmp_path: Path) -> None:
    fine = Grid(CRS, 500000.0, 5000020.0, 0.5, 80, 40)
    values = np.ones(fine.shape)
    values[:, 20:40] = np.nan
    cells = aggregate(raster(tmp_path / "a.tif", fine, fvc=values), ("fvc",), [satellite_grid(fine.bounds, 10, CRS)])
    assert np.isnan(cells[0]["fvc"].mean[:, 1]).all()
    assert (cells[0]["fvc"].coverage[:, 1] == 0).all()
    assert np.isfinite(cells[0]["fvc"].mean[:, [0, 2, 3]]).all()


def test_codes_become_shares(tmp_path: Path) -> None:
    fine = Grid(CRS, 500000.0, 5000010.0, 1.0, 10, 10)
    codes = np.zeros(fine.shape)
    codes[:2], codes[2:3] = 4, 3
    path = raster(tmp_path / "a.tif", fine, flags=codes)
    grid = satellite_grid(fine.bounds, 10, CRS)
    assert aggregate(path, ("flags",), [grid], flags=("flags",))[0]["flags"].mean[0, 0] == pytest.approx(0.3)


def test_mean_of_a_model_is_not_the_model_of_the_mean(tmp_path: Path) -> None:
    """The reason for averaging after the model."""
    fine = Grid(CRS, 500000.0, 5000010.0, 0.1, 100, 100)
    height = np.random.default_rng(4).gamma(2, 0.1, fine.shape)
    grid = satellite_grid(fine.bounds, 10, CRS)
    model = 800 * height**1.5
    path = raster(tmp_path / "a.tif", fine, agb=model, height=height)
    cells = aggregate(path, ("agb", "height"), [grid])[0]
    assert cells["agb"].mean[0, 0] == pytest.approx(model.mean(), rel=1e-6)
    assert 800 * cells["height"].mean[0, 0] ** 1.5 < 0.95 * cells["agb"].mean[0, 0]


def test_another_system_is_refused(tmp_path: Path) -> None:
    fine = Grid(CRS, 500000.0, 5000010.0, 1.0, 10, 10)
    path = raster(tmp_path / "a.tif", fine, fvc=np.ones(fine.shape))
    with pytest.raises(RasterError, match="EPSG:32633"):
        aggregate(path, ("fvc",), [Grid("EPSG:32633", 0, 0, 10, 2, 2)])
