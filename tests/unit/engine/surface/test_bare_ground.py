from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from uav_workflow.domain.grid import Grid
from uav_workflow.engine.surface.bare_ground import MARGIN_CELLS, bare_ground
from uav_workflow.rasters.writer import cog

PIXELS = Grid("EPSG:32647", 500000.0, 4200000.0, 0.02, 400, 300)
CELLS = Grid("EPSG:32647", 500000.0, 4200000.0, 0.04, 200, 150)


def write(path: Path, bands: dict[str, np.ndarray]) -> Path:
    with cog(path, PIXELS, list(bands)) as writer:
        for block in PIXELS.blocks():
            writer.write(block, np.stack([plane[block.slices] for plane in bands.values()]))
    return path


def halves(left: float, right: float, rng: np.random.Generator) -> np.ndarray:
    plane = np.full(PIXELS.shape, left) + rng.normal(0, 0.003, PIXELS.shape)
    plane[:, 200:] += right - left
    return plane.astype(np.float32)


@pytest.mark.parametrize("near_infrared", [True, False])
def test_soil_is_told_from_grass_with_a_margin(tmp_path: Path, near_infrared: bool) -> None:
    rng = np.random.default_rng(2)
    bands = {"red": halves(0.17, 0.04, rng), "green": halves(0.12, 0.09, rng), "blue": halves(0.08, 0.03, rng)}
    if near_infrared:
        bands["nir"] = halves(0.25, 0.42, rng)
    bare = bare_ground(write(tmp_path / "mosaic.tif", bands), CELLS)
    assert bare is not None
    assert bare[5:-5, 5 : 98 - MARGIN_CELLS].all()
    assert not bare[:, 100 - MARGIN_CELLS :].any()


def test_ground_between_low_plants_counts_and_sward_does_not(tmp_path: Path) -> None:
    """Soil, open turf, sward: a terrain on soil alone would bridge the turf on its leaves."""
    rng = np.random.default_rng(3)
    red, nir = (np.full(PIXELS.shape, value, np.float32) for value in (0.17, 0.25))
    for part, share in ((slice(130, 270), 0.45), (slice(270, 400), 1.0)):
        ndvi = 0.19 + share * (0.83 - 0.19)
        red[:, part], nir[:, part] = 0.21 * (1 - ndvi), 0.21 * (1 + ndvi)
    bands = {"red": red + rng.normal(0, 0.002, red.shape), "nir": nir + rng.normal(0, 0.002, red.shape)}
    bare = bare_ground(
        write(tmp_path / "mosaic.tif", {name: plane.astype(np.float32) for name, plane in bands.items()}), CELLS
    )
    assert bare is not None
    assert bare[5:-5, 5:60].all()
    assert bare[5:-5, 70 : 134 - MARGIN_CELLS].mean() > 0.9
    assert not bare[:, 136:].any()


def test_one_colour_tells_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    bands = {"red": halves(0.17, 0.17, rng), "green": halves(0.12, 0.12, rng), "blue": halves(0.08, 0.08, rng)}
    assert bare_ground(write(tmp_path / "mosaic.tif", bands), CELLS) is None


def test_a_single_band_tells_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    assert bare_ground(write(tmp_path / "mosaic.tif", {"green": halves(0.1, 0.3, rng)}), CELLS) is None
