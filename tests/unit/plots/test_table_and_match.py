"""From maps and harvests to the plot table and its match, with biomass never judged on what it was fitted to."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import from_wkt

from uav_workflow.domain.flight import Flight
from uav_workflow.errors import NotMade
from uav_workflow.plots.matching import make_match
from uav_workflow.plots.predictors import Maps, make_plot_predictors
from uav_workflow.plots.schema import to_frame, write_parquet
from uav_workflow.plots.table import make_plots
from uav_workflow.rasters.reader import Raster
from uav_workflow.vegetation.biomass import BiomassSettings, make_biomass

DAY = date(2026, 7, 20)
Make = Callable[..., Any]
N = 16


@pytest.fixture
def field(
    write_raster: Make, square: Make, observed: Make, flown: Callable[..., Flight]
) -> tuple[Flight, dict[str, Path]]:
    """Sixteen plots of 1 m on a grid of 1 m cells, twelve harvested, one outside; heights by cell, dm pixels."""
    draw = np.random.default_rng(6)
    cell = draw.uniform(0.05, 0.4, (10, 10))
    height = np.kron(cell, np.ones((10, 10))) + 0.01 * draw.standard_normal((100, 100))
    green = (draw.uniform(size=(100, 100)) < np.kron(cell, np.ones((10, 10))) * 2).astype(float)
    maps = {
        "cover": write_raster("cover.tif", {"fvc_green": green, "shadow": 0 * green}, tags={"method": "a_star_otsu"}),
        "canopy_height": write_raster("canopy_height.tif", {"canopy_height": height}),
    }
    places = [(2 * (i % 4), 2 * (i // 4)) for i in range(N)]
    plots = [square(f"P{i:02d}", *place, site_id=f"S{i % 2}") for i, place in enumerate(places)]
    plots.append(square("out", 40, 40))
    truth = [cell[down, right] for right, down in places]
    observations = [
        observed(f"P{i:02d}", "agb_dry", 40 + 2000 * truth[i] + 50 * draw.standard_normal(), DAY + timedelta(days=3))
        for i in range(12)
    ]
    observations += [observed(f"P{i:02d}", "fvc_green", 2 * truth[i] + 0.05 * draw.standard_normal()) for i in range(N)]
    observations += [observed("P00", "lai", 2.5), observed("out", "fvc_green", 0.4)]
    return flown(plots, observations), maps


@pytest.fixture
def made(field: tuple[Flight, dict[str, Path]], tmp_path: Path) -> Path:
    flight, maps = field
    make_plot_predictors(flight, Maps(rasters=maps), tmp_path)
    make_biomass(
        tmp_path / "plot_predictors.parquet",
        {"canopy_height": maps["canopy_height"]},
        tmp_path,
        settings=BiomassSettings(),
    )
    make_plots(flight, tmp_path / "plot_predictors.parquet", tmp_path, tmp_path)
    return tmp_path


def biomass(table: pd.DataFrame) -> pd.DataFrame:
    return table[(table["variable"] == "agb_dry") & (table["source"] == "drone")].set_index("plot_id")


def test_training_plots_are_predicted_without_themselves(made: Path) -> None:
    rows = biomass(gpd.read_parquet(made / "plots.parquet"))
    training = pd.read_csv(made / "training.csv").set_index("plot_id")
    assert len(rows) == N + 1
    assert (rows.loc[training.index, "method"] == "linear_height:left_out").all()
    assert (rows.drop(training.index)["method"] == "linear_height").all()
    np.testing.assert_allclose(rows.loc[training.index, "value"], training["left_out_g_m2"])
    assert not np.allclose(training["left_out_g_m2"], training["fitted_g_m2"], rtol=1e-4)
    assert (rows.loc[training.index, "dt_days"] == 3).all()
    assert rows.loc["P13", "uncertainty_type"] == "sd"
    assert rows.loc["P13", "pi90_lo"] < rows.loc["P13", "value"] < rows.loc["P13", "pi90_hi"]
    assert np.isnan(rows.loc["out", "value"])
    assert rows.loc["out", "reason"] == "outside"


def test_plot_and_cell_of_the_same_ground_have_the_same_biomass(made: Path) -> None:
    """Height means the same on a plot and in a cell."""
    rows = biomass(gpd.read_parquet(made / "plots.parquet"))
    with Raster(made / "biomass.tif") as cells:
        assert cells.grid.pixel_m == pytest.approx(1.0)
        agb, sd, low, high, _ = cells.read()
    for i in range(12, N):
        row, cell = rows.loc[f"P{i:02d}"], (2 * (i // 4), 2 * (i % 4))
        assert (row["value"], row["uncertainty"]) == pytest.approx((agb[cell], sd[cell]), rel=1e-5)
        assert (row["pi90_lo"], row["pi90_hi"]) == pytest.approx((low[cell], high[cell]), rel=1e-5)


def test_csv_has_the_same_rows_and_empty_cells(made: Path) -> None:
    table = gpd.read_parquet(made / "plots.parquet")
    text = (made / "plots.csv").read_text(encoding="utf-8")
    assert "-9999" not in text
    assert "nan" not in text.lower()
    with (made / "plots.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(table)
    assert [row["value"] == "" for row in rows] == table["value"].isna().tolist()
    assert from_wkt(rows[0]["geometry"]).equals(table.geometry.iloc[0])


def test_match_is_the_left_out_one(made: Path) -> None:
    result = make_match(made / "plots.parquet", made)
    card = json.loads((made / "model.json").read_text())
    document = json.loads((made / "match.json").read_text())
    by_variable = {match["variable"]: match for match in document["matches"]}
    assert set(by_variable) == {"agb_dry", "fvc_green"}
    agb = by_variable["agb_dry"]
    assert (agb["n"], agb["n_sites"], agb["n_left_out"]) == (12, 2, 12)
    assert agb["rmse"] == pytest.approx(card["leave_one_out"]["rmse"])
    assert agb["rmse"] > card["in_sample"]["rmse"]
    assert agb["pi90_coverage"] == pytest.approx(card["leave_one_out_interval"]["share"])
    cover = by_variable["fvc_green"]
    drone, ground = (np.array([pair[side] for pair in cover["pairs"]]) for side in ("drone", "ground"))
    assert cover["n"] == N
    assert cover["bias"] == pytest.approx((drone - ground).mean())
    assert cover["r2"] == pytest.approx(1 - ((ground - drone) ** 2).sum() / ((ground - ground.mean()) ** 2).sum())
    assert cover["deming_slope_ci95_lo"] < cover["deming_slope"] < cover["deming_slope_ci95_hi"]
    assert cover["pi90_coverage"] is None
    with (made / "match.csv").open(newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert [float(line["rmse"]) for line in lines] == pytest.approx([agb["rmse"], cover["rmse"]])
    assert lines[1]["pi90_coverage"] == ""
    assert result.findings == ()
    assert json.dumps(dict(result.facts), allow_nan=False)
    slope = np.polyfit(drone, ground, 1)[0]
    assert cover["observed_on_predicted_slope"] == pytest.approx(slope)
    assert cover["theil_sen_slope_ci95_lo"] < cover["theil_sen_slope"] < cover["theil_sen_slope_ci95_hi"]
    with (made / "match_groups.csv").open(newline="") as stream:
        groups = [line for line in csv.DictReader(stream) if line["variable"] == "fvc_green"]
    assert [(line["group"], line["name"], line["n"]) for line in groups] == [("site", "S0", "8"), ("site", "S1", "8")]
    first = np.array([pair["site_id"] == "S0" for pair in cover["pairs"]])
    assert float(groups[0]["bias"]) == pytest.approx((drone - ground)[first].mean())
    assert {row["name"] for row in agb["groups"]} == {"S0", "S1"}
    assert (made / "scatter_agb_dry.png").read_bytes().startswith(b"\x89PNG")
    assert (made / "scatter_fvc_green.png").stat().st_size > 5000


def test_allometry_is_matched_with_every_harvest(field: tuple[Flight, dict[str, Path]], tmp_path: Path) -> None:
    flight, maps = field
    make_plot_predictors(flight, Maps(rasters=maps), tmp_path)
    predictors = tmp_path / "plot_predictors.parquet"
    settings = BiomassSettings(allometry="graminoid", minimum_harvests=20)
    make_biomass(predictors, {"canopy_height": maps["canopy_height"]}, tmp_path, settings=settings)
    make_plots(flight, predictors, tmp_path, tmp_path)
    make_match(tmp_path / "plots.parquet", tmp_path)
    agb = json.loads((tmp_path / "match.json").read_text())["matches"][0]
    assert (agb["method"], agb["n"], agb["n_left_out"]) == ("allometry_graminoid", 12, 0)


def test_without_biomass_or_pairs(
    field: tuple[Flight, dict[str, Path]], flown: Callable[..., Flight], tmp_path: Path
) -> None:
    flight, maps = field
    bare = flown(flight.plots)
    make_plot_predictors(bare, Maps(rasters=maps), tmp_path)
    result = make_plots(bare, tmp_path / "plot_predictors.parquet", None, tmp_path)
    assert result.facts["biomass_rows"] == 0
    with pytest.raises(NotMade, match="no variable was both measured"):
        make_match(tmp_path / "plots.parquet", tmp_path)


def test_far_observations_are_not_paired(
    field: tuple[Flight, dict[str, Path]], flown: Callable[..., Flight], observed: Make, tmp_path: Path
) -> None:
    flight, maps = field
    late = [observed(f"P{i:02d}", "fvc_green", 0.5, DAY + timedelta(days=15)) for i in range(5)]
    two = [observed("P06", "fvc_green", value) for value in (0.4, 0.5)]
    grown = flown(flight.plots, [*late, *two])
    make_plot_predictors(grown, Maps(rasters=maps), tmp_path)
    make_plots(grown, tmp_path / "plot_predictors.parquet", None, tmp_path)
    made = make_match(tmp_path / "plots.parquet", tmp_path)
    (match,) = json.loads((tmp_path / "match.json").read_text())["matches"]
    assert [(pair["plot_id"], pair["ground"]) for pair in match["pairs"]] == [("P06", pytest.approx(0.45))]
    assert match["rmse"] is not None
    assert match["r2"] is None
    assert [finding.code for finding in made.findings] == ["few-pairs"]


def plot_rows(tmp_path: Path, half_width: float, unit: str = "g/m2") -> Path:
    """Forty plots whose biomass the drone sees with an error of 40 g/m2 and an interval of that half width."""
    draw = np.random.default_rng(8)
    truth = draw.uniform(50, 500, 40)
    drone = truth + 40 * draw.standard_normal(40)
    shared = {"variable": "agb_dry", "site_id": "S", "geometry": None, "qc_flag": 0}
    rows = [
        {
            **shared,
            "plot_id": f"P{i}",
            "source": "drone",
            "method": "m",
            "unit": "g/m2",
            "value": drone[i],
            "pi90_lo": drone[i] - half_width,
            "pi90_hi": drone[i] + half_width,
        }
        for i in range(40)
    ]
    rows += [
        {**shared, "plot_id": f"P{i}", "source": "ground", "method": "cut", "unit": unit, "value": truth[i]}
        for i in range(40)
    ]
    write_parquet(to_frame(rows, "EPSG:32647"), tmp_path / "plots.parquet")
    return tmp_path / "plots.parquet"


@pytest.mark.parametrize(("half_width", "codes"), [(66.0, []), (15.0, ["interval-too-narrow"])])
def test_an_interval_of_parameters_is_caught(tmp_path: Path, half_width: float, codes: list[str]) -> None:
    """1.645 sd hold nine in ten plots; the interval of a fitted line is a fraction of that and holds few."""
    made = make_match(plot_rows(tmp_path, half_width), tmp_path)
    assert [finding.code for finding in made.findings] == codes


def test_grams_a_quadrat_are_never_held_against_grams_a_square_metre(tmp_path: Path) -> None:
    with pytest.raises(NotMade):
        make_match(plot_rows(tmp_path, 66.0, unit="g"), tmp_path)
