from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from uav_workflow.domain.grid import Block, Grid
from uav_workflow.engine.products.height_models import (
    RegriddedHeights,
    native_cell_m,
    wanted_grid,
    write_heights,
    write_interpolated,
)
from uav_workflow.engine.progress import StageProgress
from uav_workflow.rasters.reader import Raster

NATIVE = Grid("EPSG:32632", 500_000.0, 5_180_000.0, 0.1, 60, 40)


def plane(grid: Grid) -> np.ndarray:
    """A tilted plane at cell centres."""
    rows, columns = np.mgrid[: grid.height, : grid.width]
    x, y = (columns + 0.5) * grid.pixel_m, (rows + 0.5) * grid.pixel_m
    return (1800 + 0.3 * x - 0.2 * y).astype(np.float32)


@pytest.mark.parametrize("cell", [0.05, 0.1, 0.02, 0.2])
def test_a_plane_stays_a_plane_on_every_grid(cell: float) -> None:
    grid = wanted_grid(NATIVE, cell)
    view = RegriddedHeights(plane(NATIVE), NATIVE, grid)
    got = view.read(Block(0, 0, grid.height, grid.width))
    inner = slice(round(0.1 / cell) or 1, -(round(0.1 / cell) or 1))
    assert np.abs(got - plane(grid))[inner, inner].max() < 1e-3


@pytest.mark.parametrize("cell", [0.02, 0.1, 0.3])
def test_blocks_fit_together(cell: float) -> None:
    heights = np.random.default_rng(3).normal(400, 2, NATIVE.shape).astype(np.float32)
    heights[10:20, 15:30] = np.nan
    grid = wanted_grid(NATIVE, cell)
    view = RegriddedHeights(heights, NATIVE, grid)
    whole = view.read(Block(0, 0, grid.height, grid.width))
    for block in grid.blocks(7):
        np.testing.assert_allclose(view.read(block), whole[block.slices], atol=1e-4)
    assert np.isnan(whole).any()
    assert np.isfinite(whole).any()


def test_native_cells_nest_with_what_is_wanted() -> None:
    for wanted in (0.01, 0.025, 0.05, 0.07, 0.2, 0.5):
        cell = native_cell_m(wanted, 0.03)
        ratio = max(cell / wanted, wanted / cell)
        assert ratio == pytest.approx(round(ratio))
        assert 0.04 <= cell <= 0.12


def test_holes_are_nodata_and_what_was_filled_is_said(tmp_path: Path) -> None:
    measured = plane(NATIVE)
    measured[:, :5] = np.nan
    filled = measured.copy()
    measured[10:20, 30:40] = np.nan
    write_heights(tmp_path / "dsm.tif", measured, NATIVE, NATIVE, report=lambda share: None)
    write_interpolated(tmp_path / "interpolated.tif", measured, filled, NATIVE, NATIVE)
    with Raster(tmp_path / "dsm.tif") as dsm, Raster(tmp_path / "interpolated.tif") as mask:
        assert dsm.bands == ("dsm",)
        np.testing.assert_array_equal(np.isnan(dsm.band("dsm")), np.isnan(measured))
        np.testing.assert_array_equal(mask.band("interpolated") == 1, np.isnan(measured) & np.isfinite(filled))


def test_progress_never_falls_and_stages_are_timed() -> None:
    seen: list[float] = []
    lines: list[str] = []
    stages = StageProgress({"a": 1, "b": 3}, seen.append, lines.append)
    with stages.stage("a") as report:
        report(0.5)
        report(0.2)
    with stages.stage("b") as report:
        report(0.5, "with a text")
        report(0.6, "with a text")
        report(7.0)
    assert seen == [12.5, 25.0, 62.5, 70.0, 100.0]
    assert [stage.name for stage in stages.times] == ["a", "b"]
    assert lines.count("b: with a text") == 1
    assert all(stage.peak_mib > 1 for stage in stages.times)
