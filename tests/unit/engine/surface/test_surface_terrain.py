"""The ground filter on surfaces whose ground is known in closed form."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from heightfield_scene import grounds
from numpy.typing import NDArray

from uav_workflow.domain.grid import Grid
from uav_workflow.engine.surface import terrain
from uav_workflow.engine.surface.ground_filter import GroundRules
from uav_workflow.engine.surface.model import Surface
from uav_workflow.engine.surface.terrain import TerrainSettings, build_terrain

CELL = 0.06
GSD = 0.046
SIDE = 600


def surface_of(heights: NDArray[np.float64], holes: NDArray[np.bool_] | None = None, *, cell: float = CELL) -> Surface:
    filled = heights.astype(np.float32)
    dsm = filled.copy()
    if holes is not None:
        dsm[holes] = np.nan
    return Surface(
        grid=Grid("EPSG:32632", 600_000.0, 5_100_036.0, cell, *heights.shape[::-1]),
        offset=(600_000.0, 5_100_000.0),
        dsm=dsm,
        filled=filled,
        views=np.isfinite(dsm).astype(np.uint8) * 5,
        spread=np.zeros_like(dsm),
        facts={},
    )


def meadow_on(slope: float, seed: int = 11) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(ground, heights): canopy of 2 - 40 cm over 60 % of the area, bare patches between, noise of 1 cm."""
    rng = np.random.default_rng(seed)
    row, column = np.indices((SIDE, SIDE)) * CELL
    ground = 1200 + slope * column + 0.8 * np.sin(row / 6) + 0.4 * np.cos(column / 5)
    canopy = np.zeros_like(ground)
    for _ in range(900 * SIDE**2 // 600**2):
        i, j = rng.integers(14, SIDE - 14, 2)
        radius, tall = rng.uniform(0.2, 0.8), rng.uniform(0.02, 0.4)
        part = (slice(i - 14, i + 15), slice(j - 14, j + 15))
        distance = np.hypot(row[part] - row[i, j], column[part] - column[i, j]) / radius
        dome = np.where(distance < 1, tall * np.sqrt(1 - np.minimum(distance, 1) ** 2), 0)
        canopy[part] = np.maximum(canopy[part], dome)
    return ground, ground + canopy + rng.normal(0, 0.01, ground.shape)


@pytest.mark.parametrize("slope", [0.0, 0.2, 0.466])
def test_meadow_on_a_slope(slope: float) -> None:
    ground, heights = meadow_on(slope)
    found = build_terrain(surface_of(heights))
    error = (found - ground)[40:-40, 40:-40]
    assert np.sqrt(np.mean(error**2)) < 0.045
    assert abs(np.mean(error)) < 0.03


def test_a_barn_is_taken_off() -> None:
    ground, heights = meadow_on(0.1)
    heights[250:380, 220:360] = ground[250:380, 220:360].max() + 4
    error = (build_terrain(surface_of(heights)) - ground)[250:380, 220:360]
    assert np.abs(error).max() < 0.4
    assert np.sqrt(np.mean(error**2)) < 0.2


def test_holes_are_bridged_from_their_surroundings() -> None:
    ground, heights = meadow_on(0.3)
    holes = np.zeros(heights.shape, bool)
    holes[200:260, 300:380] = True
    error = (build_terrain(surface_of(heights, holes)) - ground)[holes]
    assert np.abs(error).max() < 0.25


def test_a_plane_stays_a_plane() -> None:
    row, column = np.indices((SIDE, SIDE)) * CELL
    plane = 800 + 0.2 * column - 0.1 * row
    found = build_terrain(surface_of(plane))
    assert np.abs(found - plane)[30:-30, 30:-30].max() < 0.02


@pytest.mark.parametrize("kind", ["yard", "hillside", "terraces"])
@pytest.mark.parametrize("seed", [5, 21])
def test_one_setting_serves_every_kind_of_land(kind: str, seed: int) -> None:
    scene = grounds(kind, seed=seed)
    at = (np.arange(400) + 0.5) * 0.092 - 18.4
    x, y = np.meshgrid(at, -at)
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 1, x.shape), (0, 0), 1.0)
    heights = scene.at(scene.heights, x, y) + 0.2 * GSD * noise / noise.std()
    error = (build_terrain(surface_of(heights, cell=0.092)) - scene.at(scene.ground, x, y))[30:-30, 30:-30]
    assert np.sqrt(np.mean(error**2)) < 1.5 * GSD


def test_tiles_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    surface, settings = surface_of(meadow_on(0.2)[1]), TerrainSettings(rules=GroundRules(max_window_m=5.0))
    whole = build_terrain(surface, settings)
    monkeypatch.setattr(terrain, "TILE_CELLS", 192)
    off = np.abs(build_terrain(surface, settings) - whole)
    assert np.percentile(off, 99) < 0.001
    assert off.max() < 0.02
