"""Block means of a mosaic against the truth: gains, places, intervals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from truth_scene import BANDS, GRID, SIDE, grid_of, lifted, texture, write_raster, write_truth, wrong_by

from uav_workflow.domain.grid import Grid
from uav_workflow.quality.reflectance import Mosaic, block_means
from uav_workflow.quality.truth import Field, Truth

NAMES = tuple(band.lower().replace(" ", "_") for band in BANDS)
EXACT = wrong_by()


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    found = write_truth(tmp_path / "flight")
    (found.folder / "summary.json").write_text(json.dumps({"gsd_cm": 5.0, "sensor": "rededge"}))
    shadow = np.zeros((3, *GRID.shape), np.float32)
    shadow[2, :, : GRID.width // 4] = 1.0
    write_raster(found.folder / "cover.tif", ("fvc_green", "fvc_total", "shadow"), shadow)
    return Truth.read(tmp_path / "flight")


def mosaic(
    folder: Path, *, gain: float = 1.0, shift: tuple[float, float] = (0.0, 0.0), sd: float | None = None
) -> Mosaic:
    """What a calibration made that is off by a gain, on a map that is off by a shift, metres east and north."""
    folder.mkdir()
    grid = grid_of(0.05, SIDE / 2 - 1)
    x = grid.x_min + (np.arange(grid.width) + 0.5) * grid.pixel_m - shift[0]
    y = grid.y_max - (np.arange(grid.height) + 0.5) * grid.pixel_m - shift[1]
    east, north = np.meshgrid(x, y)
    values = np.stack([gain * Field(GRID, layer).at(east, north) for layer in texture()]).astype(np.float32)
    write_raster(folder / "reflectance.tif", NAMES, values, grid)
    write_raster(folder / "views.tif", ("views",), np.full((1, *grid.shape), 5, np.float32), grid)
    write_raster(folder / "dsm.tif", ("dsm",), lifted(grid, EXACT)[None].astype(np.float32), grid)
    if sd is not None:
        layers = np.stack([layer for band in values for layer in (sd * band, np.full_like(band, 0.01))])
        names = tuple(f"{name}_{kind}" for name in NAMES for kind in ("shared", "pixel"))
        write_raster(folder / "reflectance_sd.tif", names, layers, grid)
    stated = folder / "reflectance_sd.tif" if sd is not None else None
    return Mosaic(reflectance=folder / "reflectance.tif", views=folder / "views.tif", dsm=folder / "dsm.tif", sd=stated)


def test_a_gain_is_an_error_and_a_place_is_none(tmp_path: Path, truth: Truth) -> None:
    exact = block_means(mosaic(tmp_path / "exact"), truth, EXACT)
    assert exact.bands == NAMES
    assert exact.made.shape[1] > 900
    assert max(exact.rmse(index) for index in range(5)) < 0.002
    bright = block_means(mosaic(tmp_path / "bright", gain=1.05), truth, EXACT)
    expected = 0.05 * np.sqrt(np.mean(bright.true**2, axis=1))
    np.testing.assert_allclose([bright.rmse(index) for index in range(5)], expected, rtol=0.05)
    beside = block_means(mosaic(tmp_path / "beside", shift=(0.15, -0.10)), truth, EXACT)
    assert max(beside.rmse(index) for index in range(5)) < 0.003


def test_shaded_ground_is_left_out(tmp_path: Path, truth: Truth) -> None:
    blocks = block_means(mosaic(tmp_path / "exact"), truth, EXACT)
    assert blocks.made.shape[1] < 0.8 * ((SIDE - 2) / 0.5) ** 2


def test_intervals_are_held_against_what_is_stated(tmp_path: Path, truth: Truth) -> None:
    """A gain of 3 %: inside 1.645 x 2 % of every block, outside 1.645 x 1 %."""
    wide = block_means(mosaic(tmp_path / "wide", gain=1.03, sd=0.02), truth, EXACT)
    assert wide.inside().all()
    narrow = block_means(mosaic(tmp_path / "narrow", gain=1.03, sd=0.01), truth, EXACT)
    assert narrow.inside().mean() < 0.1
    # noise of single pixels has all but gone from the mean of a hundred
    np.testing.assert_allclose(narrow.sd, np.hypot(0.01 * narrow.made, 0.01 / 10), rtol=0.02)
    unstated = block_means(mosaic(tmp_path / "unstated"), truth, EXACT)
    assert not unstated.inside().any()


def test_bounds_are_absolute_or_four_per_cent(tmp_path: Path, truth: Truth) -> None:
    blocks = block_means(mosaic(tmp_path / "exact"), truth, EXACT)
    assert blocks.bound(0, 0.05) == 0.05
    assert blocks.bound(0, 0.001) == pytest.approx(0.04 * blocks.true[0].mean())


def test_broad_bands_of_an_rgb_camera_have_a_truth_of_their_own(tmp_path: Path, truth: Truth) -> None:
    from uav_workflow.simulation.dji import MIX

    (truth.folder / "summary.json").write_text(json.dumps({"gsd_cm": 5.0, "sensor": "rgb"}))
    made = mosaic(tmp_path / "rgb")
    layers = np.einsum("cb,brk->crk", MIX, texture())
    grid = Grid(GRID.crs, GRID.x_min, GRID.y_max, GRID.pixel_m, GRID.width, GRID.height)
    write_raster(made.reflectance, ("blue", "green", "red"), layers[::-1], grid)
    write_raster(made.views, ("views",), np.full((1, *grid.shape), 5, np.float32), grid)
    write_raster(made.dsm, ("dsm",), lifted(grid, EXACT)[None].astype(np.float32), grid)
    blocks = block_means(made, Truth.read(truth.folder.parent), EXACT)
    assert blocks.bands == ("red", "green", "blue")
    assert max(blocks.rmse(index) for index in range(3)) < 0.002
