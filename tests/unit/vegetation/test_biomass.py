"""The biomass map and its model on a canopy made by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from uav_workflow.domain.product import Made
from uav_workflow.errors import NotMade, RecipeError
from uav_workflow.rasters.reader import Raster
from uav_workflow.vegetation.biomass import BiomassSettings, make_biomass
from uav_workflow.vegetation.biomass_map import FLAGS

PIXEL = 0.05


def predictors(path: Path, height: np.ndarray, agb: np.ndarray, area_m2: float = 0.25) -> Path:
    """A plot_predictors table as far as biomass reads it."""
    base = [
        {
            "flight_id": "F1",
            "site_id": "meadow",
            "plot_id": f"P{i:02d}",
            "area_m2": area_m2,
            "x": 3.0 * i,
            "y": 5.0,
            "reason": None,
        }
        for i in range(height.size)
    ]
    drone = [{**b, "source": "drone", "variable": "height_mean", "value": h} for b, h in zip(base, height, strict=True)]
    ground = [{**b, "source": "ground", "variable": "agb_dry", "value": a} for b, a in zip(base, agb, strict=True)]
    pd.DataFrame(drone + ground).astype({"reason": "string"}).to_parquet(path)
    return path


def line_of(made: Made) -> tuple[float, float]:
    """Intercept and slope of the linear model that was chosen."""
    card = made.facts["model"]
    assert card["model"] == "linear_height"  # type: ignore[index,call-overload]
    found = card["parameters"]["coefficients"]  # type: ignore[index,call-overload]
    return found["intercept"], found["height_mean"]  # type: ignore[index,call-overload,return-value]


@pytest.fixture
def canopy(write_raster: Callable[..., Path]) -> Path:
    """25 x 30 cells of 0.5 m and a rest: heights 0 - 0.5 m, one cell of holes, one short of holes, one below 0."""
    heights = np.random.default_rng(0).uniform(0, 0.5, (253, 301))
    heights[:10, :10] = np.nan
    heights[:10, 10:13] = np.nan
    heights[10:20, :10] = -0.5
    return write_raster("canopy_height.tif", {"canopy_height": heights}, pixel_m=PIXEL)


@pytest.fixture
def harvested(tmp_path: Path) -> Path:
    draw = np.random.default_rng(1)
    height = draw.uniform(0.05, 0.4, 14)
    return predictors(tmp_path / "plot_predictors.parquet", height, 30 + 2000 * height + 25 * draw.standard_normal(14))


def test_cell_is_the_side_of_the_plots_nested_in_the_flights_grid(
    canopy: Path, harvested: Path, tmp_path: Path
) -> None:
    made = make_biomass(harvested, {"canopy_height": canopy}, tmp_path, settings=BiomassSettings())
    with Raster(canopy) as fine, Raster(tmp_path / "biomass.tif") as cells:
        assert cells.grid.pixel_m == pytest.approx(0.5)
        assert (cells.grid.x_min, cells.grid.y_max) == (fine.grid.x_min, fine.grid.y_max)
        assert cells.grid.shape == (26, 31)
        assert cells.bands == ("agb_dry", "sd", "pi90_lo", "pi90_hi", "flags")
        heights, (agb, sd, low, high, flags) = fine.read()[0].astype(float), cells.read()
    intercept, slope = line_of(made)
    expected = intercept + slope * np.nanmean(heights[30:40, 20:30])
    assert agb[3, 2] == pytest.approx(expected, rel=1e-5)
    assert low[3, 2] < agb[3, 2] < high[3, 2]
    assert sd[3, 2] > 0
    assert flags[3, 2] == 0
    # no pixel; three tenths missing; below zero; the rest at the edge
    assert np.isnan(agb[0, 0])
    assert np.isnan(agb[0, 1])
    assert agb[1, 0] == low[1, 0] == 0
    assert flags[1, 0] == FLAGS["cut_at_zero"] + FLAGS["outside_training"]
    assert np.isnan(agb[25]).all()
    assert np.isnan(agb[:, 30]).all()
    assert made.facts["map"]["cut_at_zero"] == 1  # type: ignore[index,call-overload]
    assert made.facts["map"]["cells"] == 25 * 30 - 2  # type: ignore[index,call-overload]


def test_partly_measured_cells_count_when_enough_is_there(canopy: Path, harvested: Path, tmp_path: Path) -> None:
    make_biomass(harvested, {"canopy_height": canopy}, tmp_path, settings=BiomassSettings(minimum_valid=0.7))
    with Raster(tmp_path / "biomass.tif") as cells:
        agb, *_, flags = cells.read()
    assert np.isfinite(agb[0, 1])
    assert int(flags[0, 1]) & FLAGS["partly_measured"]


def test_blocks_join_without_a_seam(write_raster: Callable[..., Path], harvested: Path, tmp_path: Path) -> None:
    rows, cols = np.mgrid[:2300, :2300]
    heights = (0.1 + 0.3 * (rows // 10 + cols // 10) / 460).astype(np.float32)
    canopy = write_raster("canopy_height.tif", {"canopy_height": heights}, pixel_m=PIXEL)
    made = make_biomass(harvested, {"canopy_height": canopy}, tmp_path, settings=BiomassSettings())
    intercept, slope = line_of(made)
    with Raster(tmp_path / "biomass.tif") as cells:
        agb = cells.read()[0]
    np.testing.assert_allclose(agb, intercept + slope * heights[5::10, 5::10], rtol=1e-5)


def test_card_tells_leave_one_out_from_in_sample(canopy: Path, harvested: Path, tmp_path: Path) -> None:
    made = make_biomass(harvested, {"canopy_height": canopy}, tmp_path, settings=BiomassSettings())
    card = json.loads((tmp_path / "model.json").read_text())
    assert card == made.facts["model"]
    assert card["leave_one_out"]["n"] == card["in_sample"]["n"] == 14
    assert card["leave_one_out"]["rmse"] > card["in_sample"]["rmse"]
    training = pd.read_csv(tmp_path / "training.csv")
    assert training["plot_id"].tolist() == card["plots"]
    error = training["left_out_g_m2"] - training["agb_dry_g_m2"]
    assert np.sqrt((error**2).mean()) == pytest.approx(card["leave_one_out"]["rmse"])


def test_allometry_has_cells_of_a_metre_and_no_intercept(canopy: Path, tmp_path: Path) -> None:
    made = make_biomass(None, {"canopy_height": canopy}, tmp_path, settings=BiomassSettings(allometry="graminoid"))
    with Raster(canopy) as fine, Raster(tmp_path / "biomass.tif") as cells:
        assert cells.grid.pixel_m == pytest.approx(1.0)
        heights, agb = fine.read()[0], cells.read()[0]
    assert agb[2, 3] == pytest.approx(2898.9 * heights[40:60, 60:80].mean(dtype=float), rel=1e-5)
    assert [finding.code for finding in made.findings] == ["biomass-allometry"]
    assert not (tmp_path / "training.csv").exists()


def test_harvests_win_over_the_allometry(canopy: Path, harvested: Path, tmp_path: Path) -> None:
    made = make_biomass(harvested, {"canopy_height": canopy}, tmp_path, settings=BiomassSettings(allometry="graminoid"))
    assert made.facts["model"]["model"] == "linear_height"  # type: ignore[index,call-overload]


@pytest.mark.parametrize(
    ("height", "agb", "reason"),
    [
        (np.linspace(0.1, 0.3, 5), np.linspace(100, 300, 5), "5 harvested plots"),
        (np.full(8, 0.2), np.linspace(100, 300, 8), "do not vary apart"),
        (np.linspace(0.1, 0.3, 8), np.linspace(300, 100, 8), "does not rise with height"),
        (np.r_[np.nan, np.nan, np.linspace(0.1, 0.3, 5)], np.linspace(100, 300, 7), "5 harvested plots"),
    ],
)
def test_why_there_is_no_biomass(
    canopy: Path, tmp_path: Path, height: np.ndarray, agb: np.ndarray, reason: str
) -> None:
    table = predictors(tmp_path / "p.parquet", height, agb)
    with pytest.raises(NotMade, match=reason):
        make_biomass(table, {"canopy_height": canopy}, tmp_path, settings=BiomassSettings())
    made = make_biomass(table, {"canopy_height": canopy}, tmp_path, settings=BiomassSettings(allometry="forb"))
    assert reason in made.findings[0].message


def test_without_plots_or_allometry(canopy: Path, tmp_path: Path) -> None:
    with pytest.raises(NotMade, match="names an allometry"):
        make_biomass(None, {"canopy_height": canopy}, tmp_path, settings=BiomassSettings())
    with pytest.raises(RecipeError, match="no allometry 'moss'"):
        make_biomass(None, {"canopy_height": canopy}, tmp_path, settings=BiomassSettings(allometry="moss"))


def test_heights_that_say_nothing_are_called_weak(canopy: Path, tmp_path: Path) -> None:
    height = np.linspace(0.1, 0.3, 12)
    agb = 200 + 400 * height + np.resize([80.0, -80.0], 12)
    table = predictors(tmp_path / "p.parquet", height, agb)
    made = make_biomass(table, {"canopy_height": canopy}, tmp_path, settings=BiomassSettings())
    assert "biomass-weak" in [finding.code for finding in made.findings]


def test_a_process_is_applied_flagged_and_kept_out_of_the_manifest(canopy: Path, tmp_path: Path) -> None:
    """Biomass that rises and falls with height; its matrix stands in model.json alone."""
    height = np.linspace(0.0, 0.4, 25)
    table = predictors(tmp_path / "p.parquet", height, 300 + 200 * np.sin(15 * height))
    made = make_biomass(
        table, {"canopy_height": canopy}, tmp_path, settings=BiomassSettings(rungs=("gaussian_process",))
    )
    card = made.facts["model"]
    assert isinstance(card, dict)
    assert card["model"] == "gaussian_process"
    assert "parameters" not in card
    assert "target" in json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))["parameters"]
    with Raster(canopy) as raster:
        cells = raster.read()[0][:250, :300].reshape(25, 10, 30, 10).mean(axis=(1, 3))
    with Raster(tmp_path / "biomass.tif") as raster:
        agb, flags = raster.band("agb_dry")[:25, :30], raster.band("flags")[:25, :30]
    seen = np.isfinite(agb) & np.isfinite(cells) & (cells >= 0) & (cells <= 0.4)
    assert np.abs(agb - (300 + 200 * np.sin(15 * cells)))[seen].max() < 15
    assert (np.asarray(flags[seen], int) & FLAGS["outside_training"] == 0).all()
    beyond = np.isfinite(agb) & (cells < 0)
    assert beyond.any()
    assert (np.asarray(flags[beyond], int) & FLAGS["outside_training"] > 0).all()
