"""Surface and terrain of a synthetic meadow against its truth."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from heightfield_scene import OFFSET, Scene, grounds, meadow, nadir_block, photograph
from numpy.typing import NDArray

from uav_workflow.domain.reconstruction import Reconstruction
from uav_workflow.engine.surface import dense
from uav_workflow.engine.surface.model import Surface, SurfaceSettings, build_surface
from uav_workflow.engine.surface.terrain import build_terrain
from uav_workflow.errors import EngineError


@pytest.fixture(scope="module")
def scene() -> Scene:
    return meadow()


@pytest.fixture(scope="module")
def block(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> tuple[Reconstruction, dict[str, Path]]:
    reconstruction, paths = nadir_block(scene, tmp_path_factory.mktemp("meadow"))
    photograph(scene, reconstruction, paths, lambda texture: np.round(texture).astype(np.uint8))
    return reconstruction, paths


@pytest.fixture(scope="module")
def surface(block: tuple[Reconstruction, dict[str, Path]]) -> Surface:
    seen: list[float] = []
    found = build_surface(*block, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1.0)
    return found


class Cells:
    """Truth on the cells of a surface."""

    def __init__(self, scene: Scene, surface: Surface) -> None:
        relief = surface.relief
        rows, columns = np.indices(surface.dsm.shape)
        x = relief.x0 + (columns + 0.5) * relief.cell
        y = relief.y0 - (rows + 0.5) * relief.cell
        self.x, self.y = x, y
        self.heights = scene.at(scene.heights, x, y)
        self.ground = scene.at(scene.ground, x, y)
        self.inner = (np.abs(x) < 9) & (np.abs(y) < 10)
        self.stand = self.heights - self.ground
        self.open = self.inner & (self.stand < 0.005)


@pytest.fixture(scope="module")
def cells(scene: Scene, surface: Surface) -> Cells:
    return Cells(scene, surface)


def nmad(values: NDArray[np.float32]) -> float:
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def test_open_ground_is_met_within_a_fraction_of_a_pixel(surface: Surface, cells: Cells) -> None:
    gsd = surface.facts["gsd_m"]
    error = (surface.dsm - cells.heights)[cells.open & np.isfinite(surface.dsm)]
    assert nmad(error) < 0.25 * gsd
    assert abs(np.median(error)) < 0.15 * gsd


def test_inner_block_is_covered(surface: Surface, cells: Cells) -> None:
    assert np.isfinite(surface.dsm[cells.inner]).mean() > 0.99
    assert np.isfinite(surface.filled[cells.inner]).all()


def test_grid_is_two_pixels_on_whole_multiples(surface: Surface) -> None:
    grid = surface.grid
    assert grid.pixel_m == pytest.approx(2 * surface.facts["gsd_m"])
    assert grid.x_min / grid.pixel_m == pytest.approx(round(grid.x_min / grid.pixel_m), abs=1e-4)
    assert abs(grid.x_min - OFFSET[0]) < 30


def test_tussocks_survive(surface: Surface, cells: Cells) -> None:
    # within half a metre of the wall a match may lie on either side of it
    wall = cv2.dilate((cells.stand > 0.5).astype(np.uint8), np.ones((13, 13))) > 0
    plants = cells.inner & (cells.stand > 0.1) & ~wall & np.isfinite(surface.dsm)
    height = (surface.dsm - cells.ground)[plants]
    truth = cells.stand[plants]
    assert np.corrcoef(height, truth)[0, 1] > 0.85
    assert np.mean(height) > 0.8 * np.mean(truth)


def test_a_wall_keeps_its_height(surface: Surface, cells: Cells) -> None:
    roof = cells.inner & (cells.stand > 2.5) & np.isfinite(surface.dsm)
    assert abs(np.median((surface.dsm - cells.heights)[roof])) < 0.03


def test_counts_and_spread_say_where_it_was_measured(surface: Surface, cells: Cells) -> None:
    holes = np.isnan(surface.dsm)
    assert (surface.views[holes] == 0).all()
    assert np.isnan(surface.spread[holes]).all()
    assert (surface.views[~holes] > 0).all()
    assert np.median(surface.views[cells.inner]) >= 4


def test_terrain_is_the_ground_not_the_plants(surface: Surface, cells: Cells) -> None:
    terrain = build_terrain(surface)
    gsd = surface.facts["gsd_m"]
    assert terrain.shape == surface.dsm.shape
    assert terrain.dtype == np.float32
    assert np.array_equal(np.isfinite(terrain), np.isfinite(surface.filled))
    error = (terrain - cells.ground)[cells.inner]
    assert np.sqrt(np.mean(error**2)) < 1.0 * gsd
    assert np.abs(error[(cells.stand > 2.5)[cells.inner]]).max() < 0.15


def test_half_size_is_coarser_but_no_worse_than_that(
    block: tuple[Reconstruction, dict[str, Path]], surface: Surface, scene: Scene
) -> None:
    coarse = build_surface(*block, cell_m=surface.grid.pixel_m, settings=SurfaceSettings(full_resolution=False))
    truth = Cells(scene, coarse)
    use = truth.open & np.isfinite(coarse.dsm)
    assert nmad((coarse.dsm - truth.heights)[use]) < 0.35 * coarse.facts["gsd_m"]


def test_photos_matched_in_bands_and_windows_give_the_same_surface(
    block: tuple[Reconstruction, dict[str, Path]], surface: Surface, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dense, "BAND_PIXELS", 60_000)
    monkeypatch.setattr(dense, "WINDOW_CELLS", 5_000)
    parts = build_surface(*block)
    both = np.isfinite(parts.dsm) & np.isfinite(surface.dsm)
    assert both.sum() > 0.998 * np.isfinite(surface.dsm).sum()
    assert np.percentile(np.abs(parts.dsm - surface.dsm)[both], 99) < 0.25 * surface.facts["gsd_m"]


def test_walls_and_shrubs_keep_their_edges(tmp_path: Path) -> None:
    yard = grounds("yard")
    reconstruction, paths = nadir_block(yard, tmp_path, columns=3, rows=3)
    photograph(yard, reconstruction, paths, lambda texture: np.round(texture).astype(np.uint8))
    found = build_surface(reconstruction, paths)
    truth = Cells(yard, found)
    seen = (np.abs(truth.x) < 6) & (np.abs(truth.y) < 8)
    error = (found.dsm - truth.heights)[seen]
    assert np.isfinite(error).mean() > 0.98
    assert np.sqrt(np.nanmean(error**2)) < 4.2 * found.facts["gsd_m"]


def test_one_photo_is_no_surface(block: tuple[Reconstruction, dict[str, Path]]) -> None:
    reconstruction, paths = block
    first = next(iter(paths))
    with pytest.raises(EngineError, match="two placed photos"):
        build_surface(reconstruction, {first: paths[first]})


def test_an_unreadable_photo_is_named(block: tuple[Reconstruction, dict[str, Path]], tmp_path: Path) -> None:
    reconstruction, paths = block
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo")
    name = next(iter(paths))
    with pytest.raises(EngineError, match=r"broken\.jpg"):
        build_surface(reconstruction, {**paths, name: broken})
