"""Canopy height of surfaces made by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio

from uav_workflow.errors import NotMade
from uav_workflow.rasters.reader import Raster
from uav_workflow.vegetation.canopy_height import make_canopy_height


def slope(shape: tuple[int, int], pixel_m: float = 0.02) -> np.ndarray:
    rows, cols = np.mgrid[: shape[0], : shape[1]] + 0.5
    return 100.0 + 0.1 * cols * pixel_m - 0.2 * rows * pixel_m


def read(out: Path) -> np.ndarray:
    with Raster(out / "canopy_height.tif") as raster:
        assert raster.bands == ("canopy_height",)
        return raster.read()[0]


def test_difference_with_holes_of_both(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    height = np.random.default_rng(0).uniform(0, 0.4, (1100, 1050))
    terrain = slope(height.shape)
    surface = terrain + height
    surface[5, 5] = terrain[7, 7] = np.nan
    made = make_canopy_height(
        write_raster("dsm.tif", {"dsm": surface}), write_raster("dtm.tif", {"dtm": terrain}), tmp_path
    )
    own = read(tmp_path)
    height[5, 5] = height[7, 7] = np.nan
    np.testing.assert_allclose(own, height, atol=2e-5)
    assert made.facts["pixels"] == height.size - 2
    assert made.facts["mean_m"] == pytest.approx(np.nanmean(height), abs=1e-5)
    assert made.findings == ()


def test_negative_heights_are_kept_counted_and_weighed(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    terrain = np.zeros((100, 100))
    surface = np.full((100, 100), 0.1)
    surface[:30] = -0.01
    dtm = write_raster("dtm.tif", {"dtm": terrain})
    made = make_canopy_height(write_raster("dsm.tif", {"dsm": surface}), dtm, tmp_path)
    assert read(tmp_path).min() == pytest.approx(-0.01)
    assert made.facts["negative_share"] == pytest.approx(0.3)
    assert made.facts["below_minus_one_pixel_share"] == 0
    assert [(f.code, f.level) for f in made.findings] == [("negative-heights", "info")]
    surface[:10] = -0.3
    made = make_canopy_height(write_raster("dsm.tif", {"dsm": surface}), dtm, tmp_path)
    assert [(f.code, f.level) for f in made.findings] == [("negative-heights", "warning")]


def test_coarser_terrain_is_brought_onto_the_surface(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    surface = slope((200, 200), 0.02) + 0.25
    dtm = write_raster("dtm.tif", {"dtm": slope((40, 40), 0.1)}, pixel_m=0.1)
    made = make_canopy_height(write_raster("dsm.tif", {"dsm": surface}), dtm, tmp_path)
    np.testing.assert_allclose(read(tmp_path)[10:-10, 10:-10], 0.25, atol=1e-4)
    assert [f.code for f in made.findings] == ["terrain-resampled"]


def test_no_common_pixel(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    hole = np.full((9, 9), np.nan)
    with pytest.raises(NotMade, match="no pixel"):
        make_canopy_height(
            write_raster("dsm.tif", {"dsm": hole}), write_raster("dtm.tif", {"dtm": slope((9, 9))}), tmp_path
        )
    assert not (tmp_path / "canopy_height.tif").exists()


def test_heights_below_the_detection_limit_are_said(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    dsm = write_raster("dsm.tif", {"dsm": np.full((50, 50), 1.05)})
    dtm = write_raster("dtm.tif", {"dtm": np.ones((50, 50))})
    low = make_canopy_height(dsm, dtm, tmp_path, rmse_z_m=0.045)
    assert low.facts["detection_limit_m"] == pytest.approx(0.09)
    assert [finding.code for finding in low.findings] == ["heights-below-detection"]
    with rasterio.open(tmp_path / "canopy_height.tif") as dataset:
        assert float(dataset.tags()["detection_limit_m"]) == pytest.approx(0.09)
    high = make_canopy_height(dsm, dtm, tmp_path, rmse_z_m=0.02)
    assert high.findings == ()
    assert make_canopy_height(dsm, dtm, tmp_path).facts["detection_limit_m"] is None
