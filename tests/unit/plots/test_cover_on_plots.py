"""What the plot table says of cover: uncertainty, doubt, and photos that look straight down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest

from uav_workflow.domain.flight import Flight
from uav_workflow.plots import reading
from uav_workflow.plots.cover_doubts import cover_doubts
from uav_workflow.plots.predictors import Maps, make_plot_predictors
from uav_workflow.plots.schema import PlotFlag
from uav_workflow.vegetation.cover_frames import FrameCover

Make = Callable[..., Any]


@pytest.fixture
def cover(write_raster: Make) -> Path:
    """10 x 10 m at 10 cm: 60 % green; the second method agrees in the north and finds 20 points more in the south."""
    green = np.full((100, 100), 0.6)
    second = green.copy()
    second[50:] += 0.2
    write_raster("cover_opinions.tif", {"ndvi_otsu": second, "sd": np.full((100, 100), 0.03)})
    return Path(write_raster("cover.tif", {"fvc_green": green, "shadow": np.zeros((100, 100))}))


def test_spread_and_fit_are_added_in_squares(square: Make, cover: Path) -> None:
    found = cover_doubts([square("north", 1, 1), square("south", 1, 7), square("away", 50, 50)], cover)
    assert found["north"].sd == pytest.approx(0.03, abs=1e-6)
    assert found["south"].sd == pytest.approx(np.hypot(0.03, np.std([0.6, 0.8], ddof=1)), abs=1e-6)
    assert (found["north"].disagrees, found["south"].disagrees) == (False, True)
    assert "away" not in found


def test_uncertainty_reaches_the_plot_table(
    flown: Callable[..., Flight], square: Make, cover: Path, tmp_path: Path
) -> None:
    make_plot_predictors(
        flown([square("north", 1, 1), square("south", 1, 7)]), Maps(rasters={"cover": cover}), tmp_path
    )
    table = gpd.read_parquet(tmp_path / "plot_predictors.parquet").set_index("plot_id")
    assert table["uncertainty_type"].tolist() == ["sd", "sd"]
    assert table.loc["north", "uncertainty"] == pytest.approx(0.03, abs=1e-6)
    assert not table.loc["north", "qc_flag"] & PlotFlag.COVER_DISAGREES
    assert table.loc["south", "qc_flag"] & PlotFlag.COVER_DISAGREES


def test_photos_stand_beside_the_map(
    flown: Callable[..., Flight], square: Make, cover: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [
        FrameCover(plot_id="north", values=(0.5, 0.54, 0.62), n_pixels=100),
        FrameCover(plot_id="south", values=(), n_pixels=100),
    ]
    monkeypatch.setattr(reading, "frame_cover", lambda plots, source: said)

    class Source:
        class fit:  # noqa: N801
            name = "a_star_otsu"

    plots = [square("north", 1, 1), square("south", 1, 7)]
    made = make_plot_predictors(flown(plots), Maps(rasters={"cover": cover}, frames=Source()), tmp_path)  # type: ignore[arg-type]
    assert "fvc_green_frames" in made.facts["variables"]  # type: ignore[operator]
    table = gpd.read_parquet(tmp_path / "plot_predictors.parquet")
    rows = table[table["variable"] == "fvc_green_frames"].set_index("plot_id")
    assert rows.loc["north", "value"] == pytest.approx(0.54)
    assert rows.loc["north", "uncertainty"] == pytest.approx(
        np.hypot(np.std([0.5, 0.54, 0.62], ddof=1), 0.03), abs=1e-6
    )
    assert rows.loc["north", "method"] == "a_star_otsu:median_of_3_photos"
    assert np.isnan(rows.loc["south", "value"])
    assert rows.loc["south", "reason"] == "no-photo-straight-down"


@pytest.mark.parametrize("sd", [0.07, np.nan])
def test_total_cover_has_its_own_uncertainty(
    flown: Callable[..., Flight], square: Make, write_raster: Make, tmp_path: Path, sd: float
) -> None:
    whole = np.ones((100, 100))
    path = write_raster("cover.tif", {"fvc_green": 0.2 * whole, "fvc_total": 0.6 * whole, "shadow": 0 * whole})
    write_raster("cover_opinions.tif", {"sd": 0.03 * whole, "sd_total": sd * whole})
    make_plot_predictors(flown([square("A", 1, 1)]), Maps(rasters={"cover": path}), tmp_path)
    table = gpd.read_parquet(tmp_path / "plot_predictors.parquet").set_index("variable")
    assert table.loc["fvc_green", "uncertainty"] == pytest.approx(0.03, abs=1e-6)
    assert table.loc["fvc_total", "uncertainty"] == pytest.approx(sd, abs=1e-6, nan_ok=True)


def test_two_methods_are_compared_though_the_fit_does_not_know_its_error(
    flown: Callable[..., Flight], square: Make, write_raster: Make, tmp_path: Path
) -> None:
    whole = np.ones((100, 100))
    path = write_raster("cover.tif", {"fvc_green": 0.2 * whole, "shadow": 0 * whole})
    write_raster("cover_opinions.tif", {"ndvi_otsu": 0.8 * whole, "sd": np.nan * whole})
    make_plot_predictors(flown([square("A", 1, 1)]), Maps(rasters={"cover": path}), tmp_path)
    table = gpd.read_parquet(tmp_path / "plot_predictors.parquet").set_index("variable")
    assert np.isnan(table.loc["fvc_green", "uncertainty"])
    assert int(table.loc["fvc_green", "qc_flag"]) & PlotFlag.COVER_DISAGREES
