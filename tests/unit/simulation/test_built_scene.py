"""Built ground: hills, roofs and walls, and photos that show them where they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates, maximum_filter, minimum_filter

from uav_workflow.domain.reconstruction import Camera, Shot
from uav_workflow.errors import UsageError
from uav_workflow.simulation.landscape import SceneSpec
from uav_workflow.simulation.materials import reflectance_table
from uav_workflow.simulation.objects import Form, cell_objects
from uav_workflow.simulation.options import SimulationOptions
from uav_workflow.simulation.path import nadir_rotation
from uav_workflow.simulation.photograph import apparent_reflectance
from uav_workflow.simulation.scene import Scene, make_scene
from uav_workflow.simulation.site import START, Site
from uav_workflow.simulation.terrain import Relief
from uav_workflow.simulation.truth import CELL_M, SceneTruth, ground_seen, measure_scene

SEED = 3


def spec(seed: int = SEED) -> SceneSpec:
    return SceneSpec(seed=seed, texel_m=0.025, sun=Site().sun_vector(START), base_m=3200.0, landscape="built")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(spec(), (-26, -24, 26, 24), tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def truth(scene: Scene) -> SceneTruth:
    return measure_scene(scene, np.full(5, 0.87))


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_hills_rise_by_metres_and_are_no_cliffs(seed: int) -> None:
    x, y = np.meshgrid(np.arange(-60, 60, 0.5), np.arange(-60, 60, 0.5))
    ground = Relief(seed, 0.0)
    height = ground.height(x, y)
    assert 5 <= height.max() - height.min() <= 14
    assert np.degrees(np.arctan(np.hypot(*ground.gradient(x, y)).max())) <= 25


def test_every_cell_has_a_box_and_draws_the_same_again() -> None:
    terrain = Relief(SEED, 3200.0)
    drawn = cell_objects(2, -1, terrain)
    np.testing.assert_array_equal(drawn, cell_objects(2, -1, terrain))
    boxes = drawn[drawn["form"] == Form.BOX]
    assert len(boxes) == 1
    rise = boxes["top"] - terrain.height(boxes["x"], boxes["y"])
    assert 2.0 <= float(rise[0]) <= 5.0


def test_a_built_scene_does_not_depend_on_its_bounds(scene: Scene, tmp_path: Path) -> None:
    part = make_scene(spec(), (-10, -8, 6, 7), tmp_path)
    row, col = part.row0 - scene.row0, part.col0 - scene.col0
    rows, columns = part.height.shape
    window = (slice(row, row + rows), slice(col, col + columns))
    np.testing.assert_array_equal(scene.height[window], part.height)
    np.testing.assert_array_equal(scene.looks[window], part.looks)


def test_walls_stand_upright_on_open_ground(truth: SceneTruth) -> None:
    above = truth.maps["surface"] - truth.maps["terrain"]
    assert above.max() > 2.0
    assert (np.abs(np.diff(above, axis=1)) > 1.5).sum() > 100, "walls rise within a cell"
    assert (truth.maps["ground"] == 2).mean() > 0.5
    assert 0.02 < (truth.maps["shadow"] > 0.5).mean() < 0.2


def test_open_ground_keeps_clear_of_what_stands() -> None:
    above = np.zeros((60, 60), np.float32)
    above[30, 30], above[5, 5] = 3.0, 0.1
    seen = ground_seen(above)
    assert seen[30, 30] == seen[30, 31] == seen[5, 6] == 0
    assert seen[30, 33] == seen[40, 30] == 1
    assert seen[30, 42] == seen[5, 8] == 2


def test_photos_show_roofs_where_they_are(scene: Scene, truth: SceneTruth) -> None:
    """Values of a slanting photo where the true surface projects, against the truth: best without a shift."""
    camera = Camera(camera_id="c", width=900, height=700, fx=700.0, fy=700.0, cx=450.0, cy=350.0)
    x_min, _, _, y_max = scene.bounds
    rows, columns = np.indices(truth.maps["surface"].shape)
    x, y = x_min + (columns + 0.5) * CELL_M, y_max - (rows + 0.5) * CELL_M
    above = truth.maps["surface"] - truth.maps["terrain"]
    shot = Shot(
        image="p",
        camera_id="c",
        rotation=nadir_rotation(20, 1, -1),
        centre=np.array([3.0, -2.0, 3200.0 + 32.0]),
    )
    seen = apparent_reflectance(scene, camera, shot, reflectance_table()[1:2], 0.87)[0]
    places = np.stack([x, y, truth.maps["surface"]], axis=-1).reshape(-1, 3)
    pixel = camera.project(shot.to_camera(places))
    found = map_coordinates(seen, [pixel[:, 1] - 0.5, pixel[:, 0] - 0.5], order=1, cval=np.nan).reshape(x.shape)
    level = maximum_filter(above, 7) - minimum_filter(above, 7) < 0.15
    wanted, true = (layer - gaussian_filter(layer, 4) for layer in (np.nan_to_num(found), truth.maps["Green"]))
    for places in (level & (above < 0.01), level & (above > 1.8)):
        inside = places & np.isfinite(gaussian_filter(found, 4))
        assert inside.sum() > 5000
        for axis in (0, 1):
            alike = [_alike(wanted, np.roll(true, step, axis), inside) for step in (-1, 0, 1)]
            peak = (alike[0] - alike[2]) / (2 * (alike[0] - 2 * alike[1] + alike[2]))
            assert alike[1] == max(alike)
            assert abs(peak) < 0.12, "cells of 5 cm"


def _alike(a: np.ndarray, b: np.ndarray, where: np.ndarray) -> float:
    return float(np.corrcoef(a[where], b[where])[0, 1])


def test_plots_are_laid_on_the_meadow_alone() -> None:
    with pytest.raises(UsageError, match="meadow"):
        SimulationOptions(landscape="built", plots=4, harvested=0)
    with pytest.raises(UsageError, match="built"):
        SimulationOptions(landscape="town", plots=0, harvested=0)
