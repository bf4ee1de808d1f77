"""Cover of painted meadows whose green pixels are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from uav_workflow.errors import NotMade, RecipeError
from uav_workflow.rasters.reader import Raster
from uav_workflow.vegetation.cover import CoverSettings, make_cover

SOIL = {"blue": 0.12, "green": 0.17, "red": 0.23, "nir": 0.30}
LEAF = {"blue": 0.03, "green": 0.09, "red": 0.05, "nir": 0.42}


def meadow(
    green: np.ndarray, *, shadow: np.ndarray | None = None, seed: int = 0, scale: float = 1.0
) -> dict[str, np.ndarray]:
    """Reflectance of leaf where green, soil elsewhere, each pixel 20 % lighter or darker; a shadow gets 12 %."""
    draw = np.random.default_rng(seed)
    shade = np.exp(0.2 * draw.standard_normal(green.shape)) * np.where(shadow, 0.12, 1.0) if shadow is not None else 1.0
    light = np.exp(0.2 * draw.standard_normal(green.shape)) if shadow is None else shade
    return {
        band: scale * light * (np.where(green, LEAF[band], SOIL[band]) + 0.004 * draw.standard_normal(green.shape))
        for band in SOIL
    }


def patches(share: float, shape: tuple[int, int] = (600, 700), seed: int = 7, size: float = 4.0) -> np.ndarray:
    field = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), size)
    return field > np.quantile(field, 1 - share)


def run(source: Path, out: Path, method: str = "auto") -> tuple[np.ndarray, np.ndarray, dict[str, object], list[str]]:
    made = make_cover(source, out, settings=CoverSettings(method=method))
    with Raster(out / "cover.tif") as raster:
        assert raster.bands == ("fvc_green", "shadow")
        green, shadow = raster.read()
    return green, shadow, dict(made.facts), [finding.code for finding in made.findings]


@pytest.mark.parametrize("share", [0.15, 0.5, 0.85])
@pytest.mark.parametrize("method", ["a_star_otsu", "ndvi_otsu"])
def test_green_pixels_are_found(write_raster: Callable[..., Path], tmp_path: Path, share: float, method: str) -> None:
    truth = patches(share)
    green, shadow, facts, codes = run(write_raster("r.tif", meadow(truth)), tmp_path, method)
    lit = shadow == 0
    assert np.mean(green[lit] == truth[lit]) > 0.99
    assert facts["method"] == method
    assert facts["green_share_of_lit"] == pytest.approx(share, abs=0.01)
    assert facts["shadow_share"] < 0.01  # type: ignore[operator]
    assert codes == []


@pytest.mark.parametrize("index", ["a_star", "ndvi"])
def test_mixtures_beat_a_threshold_where_pixels_are_larger_than_plants(
    write_raster: Callable[..., Path], tmp_path: Path, index: str
) -> None:
    """Plants of two fine pixels seen in pixels of four; cover rises from left to right."""
    field = gaussian_filter(np.random.default_rng(7).standard_normal((1200, 1600)), 1.2)
    truth = field > np.quantile(field, np.linspace(0.97, 0.03, 1600))[None, :]
    fine = meadow(truth)
    coarse = {band: plane.reshape(300, 4, 400, 4).mean(axis=(1, 3)) for band, plane in fine.items()}
    source = write_raster("r.tif", coarse)
    strips = truth.reshape(1200, 20, 80).mean(axis=(0, 2))
    error = {}
    for method in ("otsu", "dimidiate"):
        green, *_ = run(source, tmp_path, f"{index}_{method}")
        error[method] = np.sqrt(np.mean((np.nanmean(green.reshape(300, 20, 20), axis=(0, 2)) - strips) ** 2))
    assert 0 <= np.nanmin(green) < np.nanmax(green) <= 1
    assert error["dimidiate"] < 0.9 * error["otsu"]


def test_unknown_method(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no method magic"):
        run(write_raster("r.tif", meadow(patches(0.4, (50, 50)))), tmp_path, "magic")


def test_shadow_is_missing_and_not_bare(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    truth, dark = patches(0.5), patches(0.08, seed=8)
    green, shadow, facts, codes = run(write_raster("r.tif", meadow(truth, shadow=dark)), tmp_path)
    assert facts["shadow_share"] == pytest.approx(0.08, abs=0.01)
    assert np.mean(shadow[dark]) > 0.97
    assert np.mean(shadow[~dark]) < 0.01
    assert np.isnan(green[shadow == 1]).all()
    assert np.isfinite(green[shadow == 0]).all()
    assert np.nanmean(green) == pytest.approx(0.5, abs=0.02)
    assert codes == []


def test_one_threshold_for_the_flight_not_one_a_tile(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    """A bare tile beside a grown one: a threshold a tile would paint half of each green."""
    truth = np.zeros((700, 2048), bool)
    truth[:, 1024:] = True
    green, *_ = run(write_raster("r.tif", meadow(truth)), tmp_path)
    assert np.nanmean(green[:, :1024]) < 0.01
    assert np.nanmean(green[:, 1024:]) > 0.99


def test_scale_of_relative_reflectance_does_not_matter(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    truth = patches(0.4)
    first, *_ = run(write_raster("a.tif", meadow(truth)), tmp_path)
    second, *_ = run(write_raster("b.tif", meadow(truth, scale=3.7)), tmp_path)
    assert np.mean((first == second) | (np.isnan(first) & np.isnan(second))) > 0.9999


def test_holes_stay_holes(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    bands = meadow(patches(0.4))
    bands["red"][100:200, 50:90] = np.nan
    green, shadow, facts, _ = run(write_raster("r.tif", bands), tmp_path)
    assert np.isnan(green[100:200, 50:90]).all()
    assert np.isnan(shadow[100:200, 50:90]).all()
    assert facts["pixels"] == 600 * 700 - 4000


def test_method_follows_the_bands(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    bands = meadow(patches(0.4))
    del bands["blue"]
    source = write_raster("r.tif", bands)
    assert run(source, tmp_path)[2]["method"] == "ndvi_otsu"
    with pytest.raises(NotMade, match="a_star_otsu needs red, green, blue"):
        make_cover(source, tmp_path, settings=CoverSettings(method="a_star_otsu"))


def test_one_kind_of_ground_is_called_unimodal(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    *_, codes = run(write_raster("r.tif", meadow(np.zeros((300, 300), bool))), tmp_path)
    assert "unimodal" in codes


def test_few_green_pixels_are_called_extreme(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    *_, codes = run(write_raster("r.tif", meadow(patches(0.03))), tmp_path)
    assert "cover-extreme" in codes


@pytest.mark.parametrize("value", [0.0, 0.2, np.nan])
def test_nothing_to_tell_apart(write_raster: Callable[..., Path], tmp_path: Path, value: float) -> None:
    source = write_raster("r.tif", {band: np.full((20, 20), value) for band in ("red", "green", "blue")})
    with pytest.raises(NotMade, match="cover"):
        make_cover(source, tmp_path, settings=CoverSettings())
    assert not (tmp_path / "cover.tif").exists()
