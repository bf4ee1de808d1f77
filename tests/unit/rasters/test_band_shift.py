"""Shifts between bands against textures whose shift is known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from uav_workflow.domain.grid import Grid
from uav_workflow.rasters.band_shift import LIMIT_PX, MOST_TILES, SIDE, _tiles, band_shifts, shift_between
from uav_workflow.rasters.writer import cog

FINE = 8
"""Scene cells a pixel: a shift of an eighth of a pixel is exact, nothing is interpolated."""
WHOLE = SIDE + 2 * LIMIT_PX


class Meadow:
    """Plants over soil at an eighth of a pixel: bright soil and dark plants in red, the other way round in nir."""

    def __init__(self, seed: int, rows: int = WHOLE, cols: int = WHOLE) -> None:
        rng = np.random.default_rng(seed)
        self.shape = (rows, cols)
        fine = ((rows + 32) * FINE, (cols + 32) * FINE)
        frequency = np.hypot(np.fft.fftfreq(fine[0])[:, None], np.fft.rfftfreq(fine[1])[None]) * FINE
        power = np.where((frequency > 0) & (frequency < 4), np.maximum(frequency, 1 / 64) ** -1.2, 0)
        relief = np.fft.irfft2(np.fft.rfft2(rng.normal(size=fine)) * power, fine)
        relief /= relief.std()
        plants = relief > 0.3
        self.bands = {
            "red": np.where(plants, 0.05 + 0.01 * relief, 0.15 + 0.02 * relief),
            "green": np.where(plants, 0.08 + 0.01 * relief, 0.12 + 0.015 * relief),
            "nir": np.where(plants, 0.45 + 0.05 * relief, 0.25 + 0.02 * relief),
        }

    def photograph(self, band: str, dx: float = 0.0, dy: float = 0.0) -> NDArray[np.float64]:
        """Box means over pixels; what lay at (x, y) lies at (x + dx, y + dy), whole eighths of a pixel."""
        row, col = 16 * FINE - round(dy * FINE), 16 * FINE - round(dx * FINE)
        rows, cols = self.shape
        cut = self.bands[band][row : row + rows * FINE, col : col + cols * FINE]
        return np.asarray(cut.reshape(rows, FINE, cols, FINE).mean(axis=(1, 3)))


@pytest.mark.parametrize("seed", [11, 12, 13])
@pytest.mark.parametrize("band", ["red", "nir"])
def test_shift_is_right_to_a_twentieth_of_a_pixel(band: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    dx, dy = rng.integers(-24, 25, 2) / FINE
    meadow = Meadow(seed)
    noise = rng.normal(0, 0.003, (2, WHOLE, WHOLE))
    shift = shift_between(meadow.photograph("green") + noise[0], meadow.photograph(band, dx, dy) + noise[1])
    assert shift.known
    assert (shift.dx, shift.dy) == pytest.approx((dx, dy), abs=0.05)
    assert 0 < shift.correlation <= 1


def test_noise_is_told_to_a_factor_of_one_and_a_half() -> None:
    meadow = Meadow(41)
    clean = (meadow.photograph("green"), meadow.photograph("nir", 0.25, -0.5))
    rng = np.random.default_rng(1)
    shifts = [
        shift_between(*(band + 0.3 * band.std() * rng.normal(size=band.shape) for band in clean)) for _ in range(30)
    ]
    scatter = math.sqrt(np.mean([(shift.dx - 0.25) ** 2 + (shift.dy + 0.5) ** 2 for shift in shifts]))
    assert scatter / 1.5 < np.mean([shift.noise for shift in shifts]) < 1.5 * scatter


def test_a_gap_in_one_band_does_not_pull() -> None:
    meadow = Meadow(21)
    second = meadow.photograph("nir", 0.75, -0.5)
    second[40:60, 50:90] = np.nan
    shift = shift_between(meadow.photograph("red"), second)
    assert (shift.dx, shift.dy) == pytest.approx((0.75, -0.5), abs=0.05)


def test_what_has_no_common_texture_has_no_shift() -> None:
    flat = np.full((WHOLE, WHOLE), 0.3)
    meadow = Meadow(5).photograph("red")
    light = np.linspace(0, 1, WHOLE)[None] * np.ones((WHOLE, 1))
    rng = np.random.default_rng(0)
    for first, second in (
        (flat, flat),
        (flat, meadow),
        (np.full_like(flat, np.nan), meadow),
        (light, light**2),
        (meadow, Meadow(6).photograph("red")),
    ):
        shift = shift_between(first, second)
        assert not shift.known
        assert math.isnan(shift.dy)
    for blur in (0.0, 1.5, 4.0):
        one, two = (ndimage.gaussian_filter(rng.normal(size=(WHOLE, WHOLE)), blur) for _ in range(2))
        assert not shift_between(one / one.std() + light, two / two.std() + light).known


def mosaic(path: Path, bands: dict[str, NDArray[Any]]) -> Path:
    rows, cols = next(iter(bands.values())).shape
    with cog(path, Grid("EPSG:32632", 560000.0, 5183000.0, 0.05, cols, rows), tuple(bands)) as target:
        for block in target_blocks(rows, cols):
            target.write(block, np.stack([band[block.slices] for band in bands.values()]))
    return path


@pytest.mark.parametrize("shape", [(40, 60), (144, 144), (150, 900), (1600, 1700), (20000, 15000)])
def test_tiles_lie_on_the_mosaic_and_stay_few(shape: tuple[int, int]) -> None:
    tiles = list(_tiles(Grid("EPSG:32632", 0.0, 0.0, 1.0, shape[1], shape[0])))
    assert 1 <= len(tiles) <= 1.3 * MOST_TILES
    for tile in tiles:
        assert 0 <= tile.row <= tile.row + tile.height <= shape[0]
        assert 0 <= tile.col <= tile.col + tile.width <= shape[1]
    assert len({(tile.row, tile.col) for tile in tiles}) == len(tiles)


def target_blocks(rows: int, cols: int) -> Any:
    return Grid("EPSG:32632", 0.0, 0.0, 1.0, cols, rows).blocks()


def test_every_band_of_a_mosaic_is_measured_against_green(tmp_path: Path) -> None:
    meadow = Meadow(31, 300, 420)
    bands = {
        "red": meadow.photograph("red", 0.25, 0.0),
        "green": meadow.photograph("green"),
        "nir": meadow.photograph("nir", -1.5, 0.625),
        "thermal": np.random.default_rng(2).normal(size=(300, 420)),
    }
    bands["green"][:, :60] = np.nan  # a border nobody saw
    found = {shift.band: shift for shift in band_shifts(mosaic(tmp_path / "m.tif", bands))}
    assert set(found) == {"red", "nir", "thermal"}
    assert {shift.against for shift in found.values()} == {"green"}
    for name, dx, dy in (("red", 0.25, 0.0), ("nir", -1.5, 0.625)):
        shift = found[name]
        assert shift.tiles >= 2
        assert (shift.dx, shift.dy) == pytest.approx((dx, dy), abs=0.05)
        assert shift.rms == pytest.approx(math.hypot(dx, dy), abs=0.05)
        assert shift.rms <= shift.largest + 0.02
    assert found["thermal"].tiles == 0
    assert math.isnan(found["thermal"].rms)


def test_a_mosaic_smaller_than_a_tile_is_one_tile(tmp_path: Path) -> None:
    meadow = Meadow(33, 80, 90)
    bands = {"red": meadow.photograph("red"), "nir": meadow.photograph("nir", 0.5, 0.5)}
    (shift,) = band_shifts(mosaic(tmp_path / "m.tif", bands))
    assert (shift.against, shift.tiles) == ("red", 1)
    assert (shift.dx, shift.dy) == pytest.approx((0.5, 0.5), abs=0.08)
