"""What the plot table says of reflectance: means, and how sure they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest

from calibration.mosaic.budget import sd_of_mean
from uav_workflow.domain.flight import Flight
from uav_workflow.plots.predictors import Maps, make_plot_predictors
from uav_workflow.plots.reflectance_doubts import reflectance_doubts

Make = Callable[..., Any]


@pytest.fixture
def layers() -> dict[str, np.ndarray]:
    """Both uncertainties of one band over 10 x 10 m at 10 cm; the noise is unknown in the lower half."""
    draw = np.random.default_rng(3)
    shared, pixel = draw.uniform(0.01, 0.02, (100, 100)), draw.uniform(0.05, 0.2, (100, 100))
    pixel[50:] = np.nan
    return {"nir_shared": shared, "nir_pixel": pixel}


@pytest.fixture
def mosaic(write_raster: Make, layers: dict[str, np.ndarray]) -> Path:
    """Reflectance that rises evenly to the right, its uncertainties beside it."""
    write_raster("reflectance_sd.tif", layers)
    return Path(write_raster("reflectance.tif", {"nir": np.tile(np.linspace(0.2, 0.398, 100), (100, 1))}))


def test_noise_averages_out_and_what_pixels_share_does_not(
    square: Make, mosaic: Path, layers: dict[str, np.ndarray]
) -> None:
    found = reflectance_doubts([square("upper", 1, 1), square("lower", 1, 7), square("away", 50, 50)], mosaic)
    for plot_id, rows in (("upper", slice(10, 20)), ("lower", slice(70, 80))):
        wanted = sd_of_mean(layers["nir_shared"][rows, 10:20], layers["nir_pixel"][rows, 10:20])
        assert found[plot_id, "nir"] == pytest.approx(wanted, rel=1e-5)
    assert ("away", "nir") not in found


def test_reflectance_stands_in_the_plot_table(
    flown: Callable[..., Flight], square: Make, mosaic: Path, tmp_path: Path
) -> None:
    make_plot_predictors(flown([square("upper", 1, 1)]), Maps(rasters={"reflectance": mosaic}), tmp_path)
    (row,) = gpd.read_parquet(tmp_path / "plot_predictors.parquet").itertuples()
    assert row.variable == "reflectance_nir_mean"
    assert row.value == pytest.approx(0.2 + 0.002 * 14.5, abs=1e-6)
    assert (row.unit, row.uncertainty_type) == ("1", "sd")
    assert 0.01 < row.uncertainty < 0.03


def test_a_mosaic_without_uncertainty_leaves_it_empty(
    flown: Callable[..., Flight], square: Make, write_raster: Make, tmp_path: Path
) -> None:
    bare = Path(write_raster("bare.tif", {"nir": np.full((100, 100), 0.3)}))
    make_plot_predictors(flown([square("upper", 1, 1)]), Maps(rasters={"reflectance": bare}), tmp_path)
    (row,) = gpd.read_parquet(tmp_path / "plot_predictors.parquet").itertuples()
    assert row.value == pytest.approx(0.3)
    assert np.isnan(row.uncertainty)
