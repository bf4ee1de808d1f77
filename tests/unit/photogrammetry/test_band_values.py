"""What is said of the bands of a mosaic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from uav_workflow.domain.grid import Grid
from uav_workflow.photogrammetry.band_values import check_band_shift, check_reflectance
from uav_workflow.rasters.writer import cog


def mosaic(folder: Path, **bands: NDArray[Any]) -> Path:
    rows, cols = next(iter(bands.values())).shape
    grid = Grid("EPSG:32632", 560000.0, 5183000.0, 0.05, cols, rows)
    with cog(folder / "orthomosaic.tif", grid, tuple(bands)) as target:
        for block in grid.blocks():
            target.write(block, np.stack([band[block.slices] for band in bands.values()]))
    return folder / "orthomosaic.tif"


@pytest.fixture
def texture() -> NDArray[Any]:
    rough = np.random.default_rng(7).normal(size=(200, 200))
    return np.asarray(0.3 + 0.2 * ndimage.gaussian_filter(rough, 1.2))


@pytest.mark.parametrize(
    ("shift", "level"), [((0.0, 0.2), None), ((0.3, 0.6), "warning"), ((0.0, 1.2), "error"), ((2.0, 0.0), "error")]
)
def test_a_shifted_band_is_a_finding_beyond_the_limit(
    tmp_path: Path, texture: NDArray[Any], shift: tuple[float, float], level: str | None
) -> None:
    moved = ndimage.shift(1 - texture, shift, order=3, mode="reflect")
    made = check_band_shift(mosaic(tmp_path, green=texture, nir=moved), 0.5)
    assert [finding.level for finding in made.findings] == ([level] if level else [])
    measured = made.facts["band_shift_px"]["nir"]  # type: ignore[index,call-overload]
    assert (measured["dy"], measured["dx"]) == pytest.approx(shift, abs=0.05)
    if level:
        assert made.findings[0].message.startswith("band nir lies ")


def test_a_band_without_texture_is_said(tmp_path: Path, texture: NDArray[Any]) -> None:
    made = check_band_shift(mosaic(tmp_path, green=texture, nir=np.full_like(texture, 0.4)), 0.5)
    assert [finding.code for finding in made.findings] == ["band-shift-unknown"]
    assert made.facts["band_shift_px"]["nir"]["rms"] is None  # type: ignore[index,call-overload]


def test_values_that_are_no_reflectance(tmp_path: Path, texture: NDArray[Any]) -> None:
    negative, clipped, dark, hole = (texture.copy() for _ in range(4))
    negative[:10] = -0.1
    negative[10:12] = 1.3
    clipped[:40] = 1.0
    clipped[40:50] = 0.0
    hole[:100] = np.nan
    made = check_reflectance(
        mosaic(tmp_path, good=texture, negative=negative, clipped=clipped, dark=dark * 0.01, hole=hole), 0.01
    )
    assert [(finding.code, finding.message.split("band ")[1].split()[0]) for finding in made.findings] == [
        ("reflectance-outside", "negative"),
        ("reflectance-clipped", "clipped"),
        ("reflectance-dark", "dark"),
    ]
    shares: Any = made.facts["value_shares"]
    assert shares["negative"] == {"below_0": pytest.approx(0.05), "at_0": 0, "at_1": 0, "above_1": pytest.approx(0.01)}
    assert (shares["clipped"]["at_1"], shares["clipped"]["at_0"]) == pytest.approx((0.2, 0.05))
