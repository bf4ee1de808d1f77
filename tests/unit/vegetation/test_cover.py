"""Cover of painted meadows whose green pixels are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from uav_workflow.errors import NotMade, RecipeError
from uav_workflow.rasters.reader import Raster
from uav_workflow.vegetation.cover import CoverSettings, fit_cover, make_cover
from uav_workflow.vegetation.cover_index import Borrowed, FittedIndexCover
from uav_workflow.vegetation.end_members import EndMembers

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


def patches(share: float, shape: tuple[int, int] = (300, 360), seed: int = 7, size: float = 4.0) -> np.ndarray:
    field = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), size)
    return field > np.quantile(field, 1 - share)


def run(
    source: Path, out: Path, method: str = "auto", **settings: Any
) -> tuple[np.ndarray, np.ndarray, dict[str, Any], list[str]]:
    made = make_cover(source, out, settings=CoverSettings(method=method, **settings))
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
    assert facts["shadow_share"] < 0.01
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
    for reading in ("pure", "auto"):
        green, _, facts, _ = run(source, tmp_path, f"{index}_otsu", reading=reading)
        error[reading] = np.sqrt(np.mean((np.nanmean(green.reshape(300, 20, 20), axis=(0, 2)) - strips) ** 2))
    assert facts["reading"] == "mixed"
    assert facts["mixed_share"] > 0.1
    assert 0 <= np.nanmin(green) < np.nanmax(green) <= 1
    assert error["auto"] < 0.85 * error["pure"]


@pytest.mark.parametrize("shade", [1.0, 0.6])
def test_bright_soil_does_not_outweigh_dark_plants(
    write_raster: Callable[..., Path], tmp_path: Path, shade: float
) -> None:
    """Ordinary photos: the light of a mixture is mostly the soil's, the more so where plants stand in half shade."""
    truth = patches(0.5, (900, 1080), size=4.0)
    bands = {band: np.where(truth, shade * LEAF[band], SOIL[band]) for band in ("red", "green", "blue")}
    light = np.exp(0.1 * np.random.default_rng(3).standard_normal(truth.shape))
    planes = {band: (plane * light).reshape(300, 3, 360, 3).mean(axis=(1, 3)) for band, plane in bands.items()}
    source = write_raster("r.tif", planes)
    with Raster(source) as raster:
        fit = fit_cover(raster, tmp_path, settings=CoverSettings(reading="mixed")).first
    assert isinstance(fit, FittedIndexCover)
    cube = np.stack([planes[band] for band in fit.bands]).astype(np.float32)
    bias = {
        name: float(np.nanmean(each.classify(cube).green)) - 0.5
        for name, each in (("light", replace(fit, curve=None)), ("area", fit))
    }
    assert bias["light"] < -0.03
    assert abs(bias["area"]) < 0.5 * abs(bias["light"])


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
    assert facts["pixels"] == 300 * 360 - 4000


def test_method_follows_the_bands(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    bands = meadow(patches(0.4))
    del bands["blue"]
    source = write_raster("r.tif", bands)
    assert run(source, tmp_path)[2]["method"] == "ndvi_otsu"
    with pytest.raises(NotMade, match="a_star_otsu needs red, green, blue"):
        make_cover(source, tmp_path, settings=CoverSettings(method="a_star_otsu"))


@pytest.mark.parametrize("green", [False, True])
def test_no_threshold_is_forced_on_one_kind_of_ground(
    write_raster: Callable[..., Path], tmp_path: Path, green: bool
) -> None:
    """Otsu would paint half of a bare field green, and half of a closed meadow bare."""
    source = write_raster("r.tif", meadow(np.full((300, 300), green)))
    with pytest.raises(NotMade, match="unimodal"):
        run(source, tmp_path)
    assert not (tmp_path / "cover.tif").exists()
    borrowed = Borrowed(threshold=-5.0, origin="20260720-ab")
    found, _, facts, codes = run(source, tmp_path, "a_star_otsu", borrowed=borrowed)
    assert np.nanmean(found) == pytest.approx(float(green), abs=0.01)
    assert facts["threshold_borrowed"] == "20260720-ab"
    assert codes == ["threshold-borrowed"]
    fixed, _, facts, _ = run(source, tmp_path, "exgr")
    assert np.nanmean(fixed) == pytest.approx(float(green), abs=0.01)
    assert facts["threshold"] == 0


@pytest.mark.parametrize("share", [0.05, 0.95])
def test_very_little_and_very_much_green_is_called_extreme(
    write_raster: Callable[..., Path], tmp_path: Path, share: float
) -> None:
    *_, codes = run(write_raster("r.tif", meadow(patches(share))), tmp_path)
    assert "cover-extreme" in codes


def test_pixels_smaller_than_leaves_are_pure(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    _, _, facts, _ = run(write_raster("r.tif", meadow(patches(0.4))), tmp_path)
    assert (facts["method"], facts["reading"]) == ("a_star_otsu", "pure")
    assert facts["mixed_share"] < 0.05


def test_every_method_finds_the_green(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    truth = patches(0.4)
    source = write_raster("r.tif", meadow(truth))
    for method in ("gli_otsu", "exgr", "a_star_hagfvc", "a_star_dimidiate", "ndvi_dimidiate"):
        green, shadow, facts, _ = run(source, tmp_path, method)
        lit = shadow == 0
        assert np.mean(np.abs(green[lit] - truth[lit])) < 0.06, method
        assert facts["method"] == method
        assert np.nanmean(green) == pytest.approx(0.4, abs=0.03), method


def test_given_end_members_and_their_uncertainty(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    """Mixtures of 0 to 1, with end members that are known: the share itself, and the formula of its uncertainty."""
    share = np.tile(np.linspace(0, 1, 200), (60, 1))
    bands = {"red": 0.3 * (1 - share) + 0.1 * share, "nir": 0.2 * (1 - share) + 0.4 * share}
    ends = EndMembers(green=0.6, other=-0.2, green_sd=0.04, other_sd=0.02, origin="spectrometer, 2026-07-20")
    green, _, facts, _ = run(write_raster("r.tif", bands), tmp_path, "ndvi_dimidiate", ends=ends)
    with Raster(tmp_path / "cover_opinions.tif") as raster:
        sd = raster.band("sd")
    ndvi = (bands["nir"] - bands["red"]) / (bands["nir"] + bands["red"])
    light = (ndvi + 0.2) / 0.8
    assert facts["end_members"] == {
        "green": 0.6,
        "other": -0.2,
        "green_sd": 0.04,
        "other_sd": 0.02,
        "origin": ends.origin,
    }
    np.testing.assert_allclose(sd, np.hypot((1 - light) * 0.02, light * 0.04) / 0.8, atol=1e-5)
    # both end members are equally bright, so that shares of light are shares of area
    np.testing.assert_allclose(green, share, atol=0.03)


def test_percentiles_as_end_members(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    *_, facts, _ = run(write_raster("r.tif", meadow(patches(0.4))), tmp_path, "ndvi_dimidiate", ends="percentiles")
    assert facts["end_members"]["origin"] == "percentiles 2/98"
    assert facts["end_members"]["green"] > facts["end_members"]["other"]
    assert facts["end_members"]["green_sd"] > 0


def test_second_opinion_and_disagreement(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    """A third of the plants is red to the eye and green to the infrared: two indices can't agree."""
    truth = patches(0.6)
    bands = meadow(truth)
    red = patches(0.3, seed=9) & truth
    for band in ("red", "green", "blue"):
        bands[band][red] = SOIL[band]
    bands["nir"][red] = 0.9
    *_, facts, codes = run(write_raster("r.tif", bands), tmp_path)
    second = facts["second_opinion"]
    assert second["method"] == "ndvi_otsu"
    assert second["green_share_of_lit"] - facts["green_share_of_lit"] > 0.1
    assert "cover-disagreement" in codes


def test_a_threshold_is_as_sure_as_the_flight_is_even(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    """The sd of cover is half of what moving the threshold by its sd either way would turn."""
    _, _, facts, _ = run(write_raster("r.tif", meadow(patches(0.5))), tmp_path)
    with Raster(tmp_path / "cover_opinions.tif") as raster:
        assert raster.bands == ("ndvi_otsu", "sd")
        sd = raster.band("sd")
    assert facts["threshold_sd"] > 0
    assert set(np.unique(sd[np.isfinite(sd)])) <= {0.0, 0.5}
    assert np.nanmean(sd) < 0.02


def test_auto_takes_the_infrared_where_colours_show_one_hump(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    truth = patches(0.4)
    bands = meadow(truth)
    plain = meadow(np.zeros_like(truth))
    source = write_raster(
        "r.tif", {**{band: plain[band] for band in ("red", "green", "blue")}, "nir": bands["nir"] * 2}
    )
    green, _, facts, codes = run(source, tmp_path)
    assert facts["method"] == "ndvi_otsu"
    assert np.nanmean(green) == pytest.approx(0.4, abs=0.03)
    assert "cover-method-changed" in codes
    with pytest.raises(NotMade, match="a_star_otsu: unimodal"):
        run(source, tmp_path, "a_star_otsu")


def test_mixed_pixels_may_fill_the_valley_where_two_classes_are_sure(
    write_raster: Callable[..., Path], tmp_path: Path
) -> None:
    """Two thirds bare, and beside it every share of green: no valley, and yet two classes."""
    draw = np.random.default_rng(4)
    share = np.where(draw.uniform(size=(300, 360)) < 0.65, 0.0, draw.uniform(size=(300, 360)) ** 0.8)
    bands = {band: (1 - share) * SOIL[band] + share * LEAF[band] for band in ("red", "green", "blue")}
    light = np.exp(0.15 * draw.standard_normal(share.shape))
    spread = {band: plane * light * np.exp(0.06 * draw.standard_normal(share.shape)) for band, plane in bands.items()}
    green, _, facts, codes = run(write_raster("r.tif", spread), tmp_path)
    assert facts["unimodal"]
    assert facts["valley_depth"] < 0.1
    assert facts["exgr_agreement"] > 0.9
    assert "valley-filled" in codes
    assert np.nanmean(green) == pytest.approx(share.mean(), abs=0.05)


def test_blocks_leave_no_seams(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    """The same ground in one block and over a corner of four."""
    truth = patches(0.4, (1100, 1100))
    whole = meadow(truth)
    green, *_ = run(write_raster("a.tif", whole), tmp_path)
    assert np.mean(green[1020:1028] == truth[1020:1028]) > 0.98


@pytest.mark.parametrize("value", [0.0, 0.2, np.nan])
def test_nothing_to_tell_apart(write_raster: Callable[..., Path], tmp_path: Path, value: float) -> None:
    source = write_raster("r.tif", {band: np.full((20, 20), value) for band in ("red", "green", "blue")})
    with pytest.raises(NotMade, match="cover"):
        make_cover(source, tmp_path, settings=CoverSettings())
    assert not (tmp_path / "cover.tif").exists()
