"""A scene half a cell off its place, and scenes that are not."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from uav_workflow.domain.grid import Grid
from uav_workflow.handover.bridge import DroneBands, Scene, bridge
from uav_workflow.handover.lattice import lattice_findings
from uav_workflow.handover.shift import MOVES, ShiftTest, shift_test
from uav_workflow.rasters.writer import cog

SIDE = 12
"""Cells a side; the flight's pixels are tenths of them."""
CELLS = Grid("EPSG:32647", 600000.0, 4200120.0, 10.0, SIDE, SIDE)
FINE = Grid("EPSG:32647", 600000.0, 4200120.0, 1.0, 10 * SIDE, 10 * SIDE)


def landscape(seed: int, smooth_m: float) -> NDArray[np.float64]:
    """Reflectance of the ground, one metre pixels, 30 m beyond the flight on every side."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(10 * SIDE + 60, 10 * SIDE + 60)), smooth_m)
    return np.asarray(0.2 + 0.03 * noise / noise.std())


def seen_by_satellite(truth: NDArray[np.float64], east: int, north: int) -> NDArray[np.float64]:
    """Means of the ground that lies so many half cells from where the cells are said to lie."""
    top, left = 30 - 5 * north, 30 + 5 * east
    window = truth[top : top + 10 * SIDE, left : left + 10 * SIDE]
    return np.asarray(window.reshape(SIDE, 10, SIDE, 10).mean(axis=(1, 3)))


def drone(tmp_path: Path, truth: NDArray[np.float64], gap: slice | None = None) -> Path:
    path = tmp_path / "drone.tif"
    ground = truth[30:-30, 30:-30].copy()
    if gap is not None:
        ground[gap] = np.nan
    with cog(path, FINE, ("red",)) as target:
        target.write(next(FINE.blocks()), ground[None])
    return path


def judged(path: Path, scene: NDArray[np.float64]) -> ShiftTest:
    return shift_test(path, {"red": "B04"}, {"B04": scene}, CELLS)


@pytest.mark.parametrize("move", [move for move in MOVES if move != "none"])
def test_the_direction_is_found(tmp_path: Path, move: str) -> None:
    truth = landscape(3, smooth_m=8.0)
    scene = 1.1 * seen_by_satellite(truth, *MOVES[move]) - 0.02
    found = judged(drone(tmp_path, truth), scene)
    assert (found.best, found.is_shifted) == (move, True)
    # there the scene is a straight line of the flight, to the file's float32
    assert found.r[move] == pytest.approx(1, abs=1e-6)
    assert found.gain == pytest.approx(found.r[move] - found.r["none"])
    assert 0 < found.gain_low < found.gain
    assert found.n == (SIDE - 2) ** 2
    assert found.blocks == 36  # pairs of cells 1 - 10: 0 | 2, 3 | ... | 8, 9 | 10


@pytest.mark.parametrize("smooth_m", [3.0, 10.0, 30.0])
@pytest.mark.parametrize("noise", [0.0, 0.01, 0.03])
def test_noise_raises_no_alarm(tmp_path: Path, smooth_m: float, noise: float) -> None:
    for seed in range(4):
        truth = landscape(seed, smooth_m)
        scene = seen_by_satellite(gaussian_filter(truth, 5.0), 0, 0)
        scene += np.random.default_rng(seed + 100).normal(0, noise, scene.shape)
        assert not judged(drone(tmp_path, truth), scene).is_shifted


def test_blur_and_noise_do_not_hide_it(tmp_path: Path) -> None:
    for seed in range(4):
        truth = landscape(seed, smooth_m=8.0)
        scene = seen_by_satellite(gaussian_filter(truth, 5.0), 1, -1)
        scene += np.random.default_rng(seed + 100).normal(0, 0.003, scene.shape)
        found = judged(drone(tmp_path, truth), scene)
        assert (found.best, found.is_shifted) == ("south-east", True)


def test_few_cells_and_flat_ones_are_not_told(tmp_path: Path) -> None:
    truth = landscape(3, smooth_m=8.0)
    path = drone(tmp_path, truth, gap=slice(50, None))
    few = judged(path, seen_by_satellite(truth, 1, 1))
    assert (few.is_shifted, few.n, dict(few.r)) == (False, 30, {})
    assert few.to_json()["told"] is False
    flat = judged(drone(tmp_path, truth), np.full(CELLS.shape, 0.2))
    assert (flat.is_shifted, dict(flat.r)) == (False, {})
    unlike = judged(drone(tmp_path, truth), landscape(9, 8.0)[:SIDE, :SIDE])
    assert not unlike.is_shifted


def test_the_bridge_says_it_and_moves_nothing(tmp_path: Path) -> None:
    truth = landscape(3, smooth_m=8.0)
    path = drone(tmp_path, truth)
    for north, codes in ((0, []), (1, ["bridge-half-cell"])):
        with cog(tmp_path / f"scene{north}.tif", CELLS, ("red",)) as target:
            target.write(next(CELLS.blocks()), seen_by_satellite(truth, north, north)[None])
        scene = Scene(name="s2", path=tmp_path / f"scene{north}.tif", day=date(2024, 7, 17))
        made = bridge(DroneBands(path=path, day=date(2024, 7, 15), quantity="reflectance"), scene)
        assert [finding.code for finding in made.findings] == codes
        assert made.grid == CELLS
    assert "to the north-east" in made.findings[0].message
    assert made.pairs[0].r < 0.9 < made.shift.r["north-east"]


@pytest.mark.parametrize(
    ("crs", "corner", "side", "code"),
    [
        ("EPSG:32647", (600000, 4200060), 10.0, None),
        ("EPSG:32647", (600005, 4200065), 10.0, "warning"),
        ("EPSG:32647", (600005, 4200060), 10.0, "warning"),
        ("EPSG:32647", (600010, 4200060), 20.0, "warning"),
        ("EPSG:32647", (600003, 4200062), 10.0, None),
        ("EPSG:32647", (600015, 4200045), 30.0, None),  # Landsat
        ("EPSG:32647", (600000, 4200060), 30.0, "info"),  # HLS on Sentinel-2's tiles
        ("EPSG:32647", (600008, 4200061), 16.0, None),  # Gaofen has no grid of its own
        ("EPSG:4547", (600005, 4200065), 10.0, None),
    ],
)
def test_pixels_half_off_the_lattice_are_said(
    crs: str, corner: tuple[float, float], side: float, code: str | None
) -> None:
    found = lattice_findings("template", Grid(crs, *corner, side, 5, 5))
    assert [str(finding.level.value) for finding in found] == ([code] if code else [])
    assert all(finding.code == "grid-half-pixel" for finding in found)
