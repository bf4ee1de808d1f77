"""Scores of products that are wrong by a known amount."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tests.unit.quality import truth_scene as scene
from uav_workflow.quality.heights import covered_where_seen, surface_figures, terrain_figures
from uav_workflow.quality.mosaics import mosaic_figures, patch_shift
from uav_workflow.quality.placement import Placement
from uav_workflow.quality.points import point_figures, read_points
from uav_workflow.quality.seams import seam_steps
from uav_workflow.quality.truth import Truth

OFF = scene.wrong_by(scale=1.013, tilt=0.01, shift=(0.4, -0.3, 1.2))


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return scene.write_truth(tmp_path_factory.mktemp("flight"))


@pytest.fixture(scope="module")
def placement(truth: Truth) -> Placement:
    return Placement(truth=truth, made=scene.reconstructed(OFF))


def test_a_block_that_lies_off_is_brought_back(placement: Placement) -> None:
    figures = placement.figures()
    assert figures["placed"] == 1.0
    assert figures["centres_m"] < 1e-6
    assert figures["scale_percent"] == pytest.approx(1.3)
    assert figures["tilt_percent"] == pytest.approx(100 * math.tan(0.01), rel=1e-6)
    assert figures["focal_percent"] == 0
    assert (figures["tags_h_m"], figures["tags_v_m"]) == pytest.approx((0.5, 0.5))
    # a point on the ground lies where the inverse puts it
    assert figures["shift_h_m"] == pytest.approx(0.5 / 1.013, abs=0.05)
    assert figures["shift_v_m"] == pytest.approx(-1.2 / 1.013, abs=0.05)


def test_a_wrong_lens_is_said_in_percent_and_pixels(truth: Truth) -> None:
    from dataclasses import replace

    lens = replace(scene.CAMERA, fx=606.0, fy=606.0, cx=405.0, cy=401.0)
    figures = Placement(truth=truth, made=scene.reconstructed(OFF, lens)).figures()
    assert figures["focal_percent"] == pytest.approx(1.0)
    assert figures["principal_point_px"] == pytest.approx(5.0)


def test_a_photo_that_was_not_placed_is_counted(truth: Truth) -> None:
    from dataclasses import replace

    made = scene.reconstructed(OFF)
    assert Placement(truth=truth, made=replace(made, shots=made.shots[1:])).placed_share == pytest.approx(8 / 9)


def test_noise_of_a_surface_is_found_whatever_the_block_lies_off(tmp_path: Path, placement: Placement) -> None:
    grid = scene.grid_of(0.08, 11.0)
    noise = np.random.default_rng(3).normal(0, 0.02, grid.shape)
    heights = scene.lifted(grid, OFF) + (noise + 0.03) / OFF.scale
    scene.write_raster(tmp_path / "dsm.tif", ("dsm",), heights[None].astype(np.float32), grid)
    figures = surface_figures(tmp_path / "dsm.tif", placement)
    assert figures["dsm_open_nmad_m"] == pytest.approx(0.02, rel=0.03)
    assert figures["dsm_open_median_m"] == pytest.approx(0.03, abs=0.001)
    assert figures["dsm_open_rmse_m"] == pytest.approx(math.hypot(0.02, 0.03), rel=0.03)
    assert figures["dsm_residual_tilt_percent"] < 0.02


def test_a_surface_without_the_box_misses_its_height(tmp_path: Path, placement: Placement) -> None:
    grid = scene.grid_of(0.08, 11.0)
    heights = scene.lifted(grid, OFF, scene.terrain)
    scene.write_raster(tmp_path / "dsm.tif", ("dsm",), heights[None].astype(np.float32), grid)
    figures = surface_figures(tmp_path / "dsm.tif", placement)
    # the box takes 6 of the 324 square metres of the hull
    assert figures["dsm_rmse_m"] == pytest.approx(3.0 * math.sqrt(6 / 324), rel=0.05)
    assert figures["dsm_over_half_metre"] == pytest.approx(6 / 324, rel=0.1)
    assert figures["dsm_open_nmad_m"] < 0.003
    found = terrain_figures(tmp_path / "dsm.tif", placement)
    assert found["dtm_rmse_m"] < 0.003
    assert found["dtm_rmse_everywhere_m"] < 0.003


def test_a_bent_surface_shows_as_residual_tilt(tmp_path: Path, placement: Placement) -> None:
    grid = scene.grid_of(0.08, 11.0)
    east, _ = scene.places(grid)
    heights = scene.lifted(grid, OFF) + 0.004 * (east - scene.EAST)
    scene.write_raster(tmp_path / "dsm.tif", ("dsm",), heights[None].astype(np.float32), grid)
    assert surface_figures(tmp_path / "dsm.tif", placement)["dsm_residual_tilt_percent"] == pytest.approx(0.4, rel=0.05)


def test_a_hole_is_missing_from_the_cover(tmp_path: Path, placement: Placement) -> None:
    grid = scene.grid_of(0.08, 13.0)
    heights = scene.lifted(grid, OFF).astype(np.float32)
    east, north = scene.places(grid)
    heights[(np.abs(east - scene.EAST + 5) < 3) & (np.abs(north - scene.NORTH + 5) < 3)] = np.nan
    scene.write_raster(tmp_path / "dsm.tif", ("dsm",), heights[None], grid)
    # everything is seen by three photos but for the strips beside the box that its walls hide
    assert covered_where_seen(tmp_path / "dsm.tif", placement) == pytest.approx(1 - 36 / 24**2, abs=0.005)


def test_a_shifted_mosaic_is_shifted_by_as_much(tmp_path: Path, placement: Placement) -> None:
    grid = scene.grid_of(0.04, 11.0)
    up = scene.lifted(grid, OFF)
    bands = scene.picture(grid, dict.fromkeys(("red", "green", "blue"), (0.012, -0.016)), up, OFF)
    grey = 255 * np.sqrt(np.clip(bands, 0, 1)) - 20
    scene.write_raster(tmp_path / "ortho.tif", ("red", "green", "blue"), grey.astype(np.float32), grid)
    figures = mosaic_figures(tmp_path / "ortho.tif", placement)
    assert figures["ortho_shift_m"] == pytest.approx(0.02, abs=0.0015)
    assert figures["ortho_shift_p95_m"] == pytest.approx(0.02, abs=0.003)
    assert figures["ortho_patches"] >= 8


def test_bands_are_registered_by_what_lies_between_them(tmp_path: Path, placement: Placement) -> None:
    grid = scene.grid_of(0.04, 11.0)
    up = scene.lifted(grid, OFF)
    shifts = {"green": (0.02, 0.0), "nir": (0.02, 0.009), "rededge": (0.02, 0.0)}
    bands = 3000 * scene.picture(grid, shifts, up, OFF)
    scene.write_raster(tmp_path / "ortho.tif", ("Green", "NIR", "Red edge"), bands.astype(np.float32), grid)
    figures = mosaic_figures(tmp_path / "ortho.tif", placement)
    assert figures["ortho_shift_m"] == pytest.approx(0.02, abs=0.0015)
    assert figures["register_nir_m"] == pytest.approx(0.009, abs=0.001)
    assert figures["register_rededge_m"] < 0.001


def test_a_mosaic_of_something_else_has_no_shift(tmp_path: Path, placement: Placement) -> None:
    grid = scene.grid_of(0.04, 11.0)
    noise = np.random.default_rng(9).normal(100, 20, (3, *grid.shape))
    scene.write_raster(tmp_path / "ortho.tif", ("red", "green", "blue"), noise.astype(np.float32), grid)
    assert math.isnan(mosaic_figures(tmp_path / "ortho.tif", placement)["ortho_shift_m"])


def test_a_patch_without_detail_has_no_shift() -> None:
    flat = np.full((76, 76), 3.0, np.float32)
    assert patch_shift(flat, flat) is None


def test_the_step_between_two_photos_is_found_in_the_grain() -> None:
    rng = np.random.default_rng(4)
    source = np.ones((400, 300), np.float32)
    source[:, 150:] = 2
    source[200:, :150] = 3
    picture = rng.normal(100, 4, source.shape) + np.choose(source.astype(int) - 1, [0.0, 6.0, 1.0])
    assert sorted(seam_steps(picture.astype(np.float32), source)) == pytest.approx([1.0, 5.0, 6.0], abs=0.9)


def test_a_mosaic_of_one_photo_has_no_seam() -> None:
    one = np.ones((300, 300), np.float32)
    assert len(seam_steps(one, one)) == 0


def test_check_points_lie_off_by_what_the_block_does(tmp_path: Path, truth: Truth) -> None:
    shots, cameras = scene.stations(), truth.cameras
    rng = np.random.default_rng(6)
    lines, rows = [scene.CRS], ["point,x,y,z,role"]
    for number in range(8):
        place = np.array([scene.EAST + rng.uniform(-8, 8), scene.NORTH + rng.uniform(-8, 8), 100.0])
        role = "check" if number % 2 else "control"
        rows.append(f"G{number},{place[0]},{place[1]},{place[2]},{role}")
        for name, shot in shots.items():
            x, y = cameras["camera_1"].project(shot.to_camera(place[None]))[0]
            lines.append(f"0 0 0 {x} {y} {name} G{number}")
    (tmp_path / "truth").mkdir()
    (tmp_path / "gcp_list.txt").write_text("\n".join(lines))
    (tmp_path / "truth" / "control_points.csv").write_text("\n".join(rows))
    made = scene.reconstructed(scene.wrong_by(shift=(-0.03, 0.04, 0.07)))
    figures = point_figures(read_points(tmp_path), Placement(truth=truth, made=made))
    assert figures["check_points"] == figures["control_points"] == 4
    assert (figures["check_h_m"], figures["check_v_m"]) == pytest.approx((0.05, 0.07), abs=1e-4)
    assert (figures["control_h_m"], figures["control_v_m"]) == pytest.approx((0.05, 0.07), abs=1e-4)
