"""The meadow: the shares it must have, and that it is one meadow wherever one looks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from uav_workflow.simulation.landscape import SceneSpec
from uav_workflow.simulation.materials import MATERIALS, Cover
from uav_workflow.simulation.plants import GREEN_KINDS, block_elements
from uav_workflow.simulation.scene import make_scene
from uav_workflow.simulation.site import START, Site
from uav_workflow.simulation.terrain import Terrain
from uav_workflow.simulation.truth import SceneTruth, measure_scene


def spec(seed: int, texel_m: float) -> SceneSpec:
    return SceneSpec(seed=seed, texel_m=texel_m, sun=Site().sun_vector(START), base_m=3200.0)


DIRECT_SHARE = np.full(5, 0.87)


@pytest.fixture(scope="module", params=[3, 8])
def truth(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SceneTruth:
    scene = make_scene(spec(request.param, 0.01), (-11, -10, 11, 10), tmp_path_factory.mktemp("scene"))
    return measure_scene(scene, DIRECT_SHARE)


def test_shadow_share(truth: SceneTruth) -> None:
    assert 0.03 <= truth.shares["shadow"] <= 0.10


def test_every_class_is_there(truth: SceneTruth) -> None:
    for cover in Cover:
        assert truth.shares[cover.name.lower()] > 0, cover.name
    assert truth.shares["litter"] > 0.003
    assert truth.shares["moss"] > 0.001


def test_square_metres_span_the_cover(truth: SceneTruth) -> None:
    cover = truth.maps["fvc_green"]
    rows, columns = (side // 20 for side in cover.shape)
    metres = cover[: rows * 20, : columns * 20].reshape(rows, 20, columns, 20).mean(axis=(1, 3))
    assert metres.min() <= 0.05
    assert metres.max() >= 0.90


def test_canopy_height(truth: SceneTruth) -> None:
    tall = truth.maps["height"][truth.maps["fvc_green"] > 0.99]
    assert np.percentile(tall, 1) >= 0.015
    assert np.percentile(tall, 99) >= 0.15
    assert tall.max() <= 0.40


def test_pixels_of_two_centimetres_are_mixed(tmp_path: Path) -> None:
    scene = make_scene(spec(5, 0.005), (-5, -5, 5, 5), tmp_path)
    assert measure_scene(scene, DIRECT_SHARE).shares["mixed_at_2cm"] >= 0.40


def test_a_scene_does_not_depend_on_its_bounds(tmp_path: Path) -> None:
    wide = make_scene(spec(4, 0.01), (-3, -3, 4, 3), tmp_path)
    part = make_scene(spec(4, 0.01), (-1, -1.5, 2.5, 2), tmp_path)
    row, col = part.row0 - wide.row0, part.col0 - wide.col0
    rows, columns = part.height.shape
    window = (slice(row, row + rows), slice(col, col + columns))
    np.testing.assert_array_equal(wide.height[window], part.height)
    np.testing.assert_array_equal(wide.looks[window], part.looks)


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_ground_is_steep_but_not_too_steep(seed: int) -> None:
    x, y = np.meshgrid(np.arange(-30, 30, 0.1), np.arange(-30, 30, 0.1))
    slope_x, slope_y = Terrain(seed, 0.0).gradient(x, y)
    steepest = np.degrees(np.arctan(np.hypot(slope_x, slope_y).max()))
    assert 15 <= steepest <= 25


def test_plants_reach_from_millimetres_to_decimetres() -> None:
    assert min(kind.radius[0] for kind in GREEN_KINDS) * 2 == pytest.approx(0.005)
    assert max(kind.radius[1] for kind in GREEN_KINDS) * 2 == pytest.approx(0.60)
    drawn = np.concatenate([block_elements(c, r, 3) for c in range(-3, 3) for r in range(-3, 3)])
    plants = drawn[[MATERIALS[m].density > 0 for m in drawn["material"]]]
    assert 2 * plants["radius"].min() < 0.006
    assert 2 * plants["radius"].max() > 0.5
    assert plants["height"].min() >= 0.02 - 1e-6


def test_blocks_are_drawn_from_their_seed() -> None:
    np.testing.assert_array_equal(block_elements(2, -3, 5), block_elements(2, -3, 5))
    assert len(block_elements(2, -3, 5)) != len(block_elements(2, -3, 6))


def test_maps_agree_with_the_texels(tmp_path: Path) -> None:
    scene = make_scene(spec(4, 0.01), (-2, -2, 2, 2), tmp_path)
    maps = measure_scene(scene, DIRECT_SHARE).maps
    heights = scene.height.reshape(80, 5, 80, 5).mean(axis=(1, 3)) * 1e-4
    np.testing.assert_allclose(maps["surface"] - maps["terrain"], heights, atol=1e-3)
    covers = np.array([material.cover for material in MATERIALS])[scene.looks[..., 0]]
    green = np.isin(covers, (Cover.GRAMINOID, Cover.FORB, Cover.CUSHION, Cover.SHRUB))
    np.testing.assert_allclose(maps["fvc_green"], green.reshape(80, 5, 80, 5).mean(axis=(1, 3)), atol=1e-6)
    assert maps["biomass"].shape == (16, 16)
