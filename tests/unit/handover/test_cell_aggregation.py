from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from shapely import box

from uav_workflow.domain.grid import Grid
from uav_workflow.errors import UsageError
from uav_workflow.handover import aggregation
from uav_workflow.handover.aggregation import aggregate, conservation_error
from uav_workflow.handover.grids import satellite_grid
from uav_workflow.handover.weights import overlaps, spread
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
    cells = aggregate(raster(tmp_path / "a.tif", fine, agb=values), ("agb",), grid)["agb"]
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
    cells = aggregate(path, ("agb",), grid)["agb"]
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
        satellite_grid(fine.bounds, 10, CRS),
    )["fvc"]
    assert cells.coverage == pytest.approx(np.array([[0.6, 0.5], [0.6, 0.5]]))
    assert cells.mean == pytest.approx(np.full((2, 2), 0.25))
    assert cells.sd_within == pytest.approx(np.zeros((2, 2)), abs=1e-7)
    assert cells.n.tolist() == [[240, 200], [240, 200]]


def test_nothing_measured_is_nan(tmp_path: Path) -> None:
    fine = Grid(CRS, 500000.0, 5000020.0, 0.5, 80, 40)
    values = np.ones(fine.shape)
    values[:, 20:40] = np.nan
    path, grid = raster(tmp_path / "a.tif", fine, fvc=values), satellite_grid(fine.bounds, 10, CRS)
    cells = aggregate(path, ("fvc",), grid, quantiles=("fvc",))["fvc"]
    for plane in (cells.mean, cells.sd_within, cells.p10, cells.p90):
        assert np.isnan(plane[:, 1]).all()
        assert np.isfinite(plane[:, [0, 2, 3]]).all()
    assert (cells.coverage[:, 1] == 0).all()


def test_codes_become_shares(tmp_path: Path) -> None:
    fine = Grid(CRS, 500000.0, 5000010.0, 1.0, 10, 10)
    codes = np.zeros(fine.shape)
    codes[:2], codes[2:3] = 4, 3
    path = raster(tmp_path / "a.tif", fine, flags=codes)
    grid = satellite_grid(fine.bounds, 10, CRS)
    assert aggregate(path, ("flags",), grid, flags=("flags",))["flags"].mean[0, 0] == pytest.approx(0.3)


def test_mean_of_a_model_is_not_the_model_of_the_mean(tmp_path: Path) -> None:
    """The reason for averaging after the model."""
    fine = Grid(CRS, 500000.0, 5000010.0, 0.1, 100, 100)
    height = np.random.default_rng(4).gamma(2, 0.1, fine.shape)
    grid = satellite_grid(fine.bounds, 10, CRS)
    model = 800 * height**1.5
    path = raster(tmp_path / "a.tif", fine, agb=model, height=height)
    cells = aggregate(path, ("agb", "height"), grid)
    assert cells["agb"].mean[0, 0] == pytest.approx(model.mean(), rel=1e-6)
    assert 800 * cells["height"].mean[0, 0] ** 1.5 < 0.95 * cells["agb"].mean[0, 0]


@pytest.mark.parametrize("work", [64, 2048])
def test_quantiles_are_of_the_pixels_centred_in_a_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: int
) -> None:
    """Blocks of one cell and a single block give the same, whole cells at least."""
    monkeypatch.setattr(aggregation, "WORK_PIXELS", work)
    fine = Grid(CRS, 500000.0, 5000030.0, 0.25, 120, 120)
    values = np.random.default_rng(2).gamma(2, 50, fine.shape).astype(np.float32).astype(float)
    values[:60, :30] = np.nan
    grid = satellite_grid(fine.bounds, 10, CRS)
    cells = aggregate(raster(tmp_path / "a.tif", fine, agb=values), ("agb",), grid, quantiles=("agb",))["agb"]
    for row in range(3):
        for col in range(3):
            part = values[40 * row : 40 * row + 40, 40 * col : 40 * col + 40]
            low, high = np.nanquantile(part, [0.1, 0.9])
            assert (cells.p10[row, col], cells.p90[row, col]) == pytest.approx((low, high))
            assert cells.n[row, col] == np.isfinite(part).sum()


def test_a_cell_larger_than_a_read_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fine = Grid(CRS, 500003.3, 5000297.7, 1.1, 250, 260)
    values = np.random.default_rng(3).normal(10, 2, fine.shape).astype(np.float32).astype(float)
    path, grid = raster(tmp_path / "a.tif", fine, agb=values), satellite_grid(fine.bounds, 200, CRS)
    at_once = aggregate(path, ("agb",), grid, quantiles=("agb",))["agb"]
    monkeypatch.setattr(aggregation, "WORK_PIXELS", 50)
    pieces = aggregate(path, ("agb",), grid, quantiles=("agb",))["agb"]
    assert pieces.mean == pytest.approx(at_once.mean, rel=1e-12)
    assert pieces.n.tolist() == at_once.n.tolist()
    assert pieces.n.sum() == 250 * 260
    assert pieces.total == pytest.approx(at_once.total, rel=1e-12)
    assert pieces.p90 == pytest.approx(at_once.p90, abs=0.2)  # every k-th row and column


def test_a_point_spread_weighs_by_the_gaussian(tmp_path: Path) -> None:
    """A linear ramp keeps its values under any even spread; a step is rounded off as the normal distribution is."""
    from scipy.special import ndtr

    fine = Grid(CRS, 500000.0, 5000070.0, 0.1, 700, 700)
    x = fine.x_min + (np.arange(700) + 0.5) * 0.1 - 500000
    ramp, step = np.tile(x, (700, 1)), np.tile((x >= 40).astype(float), (700, 1))
    path, grid = raster(tmp_path / "a.tif", fine, ramp=ramp, step=step), satellite_grid(fine.bounds, 10, CRS)
    cells = aggregate(path, ("ramp", "step"), grid, fwhm_cells=1.2)
    assert cells["ramp"].mean[3] == pytest.approx(np.arange(7) * 10.0 + 5, abs=6)
    assert cells["ramp"].mean[3, 2:5] == pytest.approx([25, 35, 45], abs=1e-4)
    sigma = 12 / 2.354820045
    scale = ndtr(3) - ndtr(-3)
    assert cells["step"].mean[3, 3] == pytest.approx((ndtr(3) - ndtr(5 / sigma)) / scale, abs=2e-3)
    assert cells["step"].mean[3, 4] == pytest.approx((ndtr(3) - ndtr(-5 / sigma)) / scale, abs=2e-3)
    assert cells["ramp"].coverage[3, 3] == pytest.approx(1)
    assert cells["ramp"].coverage[3, 0] == pytest.approx((ndtr(3) - ndtr(-5 / sigma)) / scale, abs=1e-6)


def test_a_spread_sums_to_the_side_of_a_cell() -> None:
    fine, coarse = np.arange(0, 300.05, 0.1), np.arange(0, 301, 10.0)
    assert spread(fine, coarse, 1.3)[10:20].sum(axis=1) == pytest.approx(np.full(10, 10.0))


def test_a_point_spread_is_not_guessed_across_systems(tmp_path: Path) -> None:
    fine = Grid(CRS, 500000.0, 5000010.0, 1.0, 10, 10)
    path = raster(tmp_path / "a.tif", fine, fvc=np.ones(fine.shape))
    with pytest.raises(UsageError, match="psf_fwhm"):
        aggregate(path, ("fvc",), Grid("EPSG:32633", 0, 0, 10, 2, 2), fwhm_cells=1.2)
