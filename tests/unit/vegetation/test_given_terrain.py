"""A terrain the user brings: shifted, in another vertical reference, and brought into place by open ground."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from uav_workflow.errors import NotMade, RecipeError
from uav_workflow.rasters.reader import Raster
from uav_workflow.recipe import load_recipe
from uav_workflow.vegetation.canopy_height import make_canopy_height
from uav_workflow.vegetation.given_terrain import coregister

PIXEL, SIDE = 0.05, 800
Make = Callable[..., Path]


def hills(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return 3200 + 0.8 * np.sin(x / 5) + 0.6 * np.cos(y / 4) + 0.05 * x


@pytest.fixture
def scene(write_raster: Make) -> Callable[[float, float, float], tuple[Path, Path, Path, np.ndarray]]:
    """DSM, given terrain and cover: closed sward of 20 cm, a bare path, terrain off by (east, north, up)."""

    def make(east: float, north: float, up: float) -> tuple[Path, Path, Path, np.ndarray]:
        draw = np.random.default_rng(1)
        row, col = np.mgrid[:SIDE, :SIDE]
        x, y = (col + 0.5) * PIXEL, -(row + 0.5) * PIXEL
        green = np.ones((SIDE, SIDE))
        green[:, 300:380] = green[500:560] = 0.0
        plants = 0.2 * green
        dsm = hills(x, y) + plants + draw.normal(0, 0.01, x.shape)
        coarse_r, coarse_c = np.mgrid[:100, :100]
        at_x, at_y = (coarse_c + 0.5) * 0.4, -(coarse_r + 0.5) * 0.4
        return (
            write_raster("dsm.tif", {"dsm": dsm}, pixel_m=PIXEL),
            write_raster("survey.tif", {"band": hills(at_x + east, at_y + north) - up}, pixel_m=0.4),
            write_raster("cover.tif", {"fvc_green": green, "shadow": 0 * green}, pixel_m=PIXEL),
            plants,
        )

    return make


@pytest.mark.parametrize("moved", [(0.0, 0.0, 0.0), (0.6, -0.35, 0.0), (-0.25, 0.4, 41.3)])
def test_the_shift_is_found_on_open_ground(
    scene: Callable[..., tuple[Path, Path, Path, np.ndarray]], moved: tuple[float, float, float]
) -> None:
    dsm, survey, cover, _ = scene(*moved)
    shift = coregister(dsm, survey, cover)
    assert (shift.east, shift.north, shift.up) == pytest.approx(moved, abs=0.02)
    assert shift.nmad_after < 0.02
    assert shift.nmad_after <= shift.nmad_before + 1e-3
    assert shift.cells > 500


def test_heights_stand_on_the_given_terrain(
    scene: Callable[..., tuple[Path, Path, Path, np.ndarray]], tmp_path: Path
) -> None:
    """A closed sward hides its ground from the flight's own terrain, and not from a survey."""
    dsm, survey, cover, plants = scene(0.6, -0.35, 41.3)
    made = make_canopy_height(dsm, survey, tmp_path, shift=coregister(dsm, survey, cover))
    with Raster(tmp_path / "canopy_height.tif") as raster:
        error = raster.read()[0][50:-50, 50:-50] - plants[50:-50, 50:-50]
    assert abs(error.mean()) < 0.01
    assert np.sqrt((error**2).mean()) < 0.025
    (finding,) = [one for one in made.findings if one.code == "terrain-given"]
    assert "m east" in finding.message
    assert "m up" in finding.message
    assert made.facts["terrain_given"]["cells"] > 500  # type: ignore[index,call-overload,operator]


def test_a_bent_block_is_followed_where_open_ground_lies_all_over(write_raster: Make, tmp_path: Path) -> None:
    """Without control points a block domes by centimetres: a constant shift would leave them in the heights."""
    draw = np.random.default_rng(5)
    row, col = np.mgrid[:SIDE, :SIDE]
    x, y = (col + 0.5) * PIXEL, -(row + 0.5) * PIXEL
    dome = 0.06 * ((x - 20) / 20) ** 2 + 0.04 * ((y + 20) / 20)
    green = (draw.uniform(size=(SIDE // 20, SIDE // 20)) < 0.7).astype(float)
    green = np.kron(green, np.ones((20, 20)))
    dsm = write_raster(
        "dsm.tif", {"dsm": hills(x, y) + 0.2 * green + dome + 0.01 * draw.standard_normal(x.shape)}, PIXEL
    )
    survey = write_raster("survey.tif", {"band": hills(x, y)}, PIXEL)
    cover = write_raster("cover.tif", {"fvc_green": green, "shadow": 0 * green}, PIXEL)
    shift = coregister(dsm, survey, cover)
    assert shift.bend_range_m == pytest.approx(0.14, abs=0.02)
    make_canopy_height(dsm, survey, tmp_path, shift=shift)
    with Raster(tmp_path / "canopy_height.tif") as raster:
        error = raster.read()[0] - 0.2 * green
    corners = [(rows, cols) for rows in (slice(0, 200), slice(600, 800)) for cols in (slice(0, 200), slice(300, 500))]
    parts = [np.nanmean(error[corner]) for corner in corners]
    assert np.abs(parts).max() < 0.006


def test_on_level_ground_no_horizontal_shift_is_made_up(write_raster: Make) -> None:
    draw = np.random.default_rng(2)
    level = np.full((400, 400), 100.0)
    dsm = write_raster("dsm.tif", {"dsm": level + draw.normal(0, 0.02, level.shape)}, pixel_m=PIXEL)
    survey = write_raster("survey.tif", {"band": level + 0.3}, pixel_m=PIXEL)
    cover = write_raster("cover.tif", {"fvc_green": 0 * level, "shadow": 0 * level}, pixel_m=PIXEL)
    shift = coregister(dsm, survey, cover)
    assert (shift.east, shift.north) == (0.0, 0.0)
    assert shift.up == pytest.approx(-0.3, abs=2e-3)
    assert shift.to_json()["east_sd"] is None


def test_without_open_ground_it_is_refused(write_raster: Make) -> None:
    level = np.full((200, 200), 100.0)
    dsm = write_raster("dsm.tif", {"dsm": level}, pixel_m=PIXEL)
    cover = write_raster("cover.tif", {"fvc_green": 0 * level + 1, "shadow": 0 * level}, pixel_m=PIXEL)
    with pytest.raises(NotMade, match="shares 0 cells of open ground"):
        coregister(dsm, dsm, cover)


def test_a_recipe_holds_the_terrains_digest(write_raster: Make, tmp_path: Path) -> None:
    survey = write_raster("survey.tif", {"band": np.zeros((10, 10))})
    recipe = load_recipe(overrides=[f"canopy_height.terrain={survey}"])
    assert recipe.canopy_height.terrain == survey
    assert recipe.canopy_height.terrain_sha256 is not None
    with pytest.raises(RecipeError, match=r"nowhere\.tif can't be read"):
        load_recipe(overrides=[f"canopy_height.terrain={tmp_path / 'nowhere.tif'}"])
