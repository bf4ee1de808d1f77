"""The table of plots: schema, reasons, gaps in time, shadow."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from uav_workflow.domain.flight import Flight
from uav_workflow.domain.ground import GroundObservation, Plot
from uav_workflow.errors import NotMade
from uav_workflow.plots.predictors import Maps, make_plot_predictors
from uav_workflow.plots.reading import PlotSettings
from uav_workflow.plots.schema import COLUMNS, PlotFlag

DAY = date(2026, 7, 20)
Make = Callable[..., Any]


@pytest.fixture
def maps(write_raster: Make) -> dict[str, Path]:
    """10 x 10 m at 10 cm: green left, shadow in a strip, height rising to the right, a hole below."""
    rows, cols = np.mgrid[:100, :100]
    shadow = ((cols >= 60) & (cols < 66)).astype(float)
    green = np.where(shadow == 1, np.nan, (cols < 35).astype(float))
    height = 0.01 * (cols + 0.5) / 10
    height = np.where(rows >= 80, np.nan, height)
    return {
        "cover": write_raster("cover.tif", {"fvc_green": green, "shadow": shadow}, tags={"method": "a_star_otsu"}),
        "canopy_height": write_raster("canopy_height.tif", {"canopy_height": height}),
        "indices": write_raster("indices.tif", {"GLI": np.full((100, 100), 0.25)}),
    }


@pytest.fixture
def plots(square: Make) -> list[Plot]:
    return [
        square("A", 3, 1, site_id="S1", sigma_h_m=0.02, fix_type="rtk_fixed"),
        square("shady", 5.5, 1),
        square("hole", 1, 8.5),
        square("part", 1, 7.5),
        square("away", 50, 50, sigma_h_m=3.0),
    ]


def rows(out: Path) -> gpd.GeoDataFrame:
    return gpd.read_parquet(out / "plot_predictors.parquet")


def one(table: gpd.GeoDataFrame, plot_id: str, variable: str, source: str = "drone") -> Any:
    found = table[(table["plot_id"] == plot_id) & (table["variable"] == variable) & (table["source"] == source)]
    assert len(found) == 1
    return found.iloc[0]


def test_values_and_columns(
    flown: Callable[..., Flight], plots: list[Plot], maps: dict[str, Path], tmp_path: Path
) -> None:
    made = make_plot_predictors(flown(plots), Maps(rasters=maps), tmp_path)
    table = rows(tmp_path)
    assert list(table.columns) == [*COLUMNS, "geometry"]
    assert table.crs.to_epsg() == 32647
    cover = one(table, "A", "fvc_green")
    assert cover["value"] == pytest.approx(0.5)
    assert (cover["method"], cover["unit"], cover["site_id"], cover["fix_type"]) == (
        "a_star_otsu",
        "1",
        "S1",
        "rtk_fixed",
    )
    assert cover["n_pixels"] == pytest.approx(100)
    assert cover["gsd_m"] == pytest.approx(0.1)
    assert cover["area_m2"] == pytest.approx(1)
    assert (cover["x"], cover["y"]) == pytest.approx((5e5 + 3.5, 4.2e6 - 1.5))
    assert cover["qc_flag"] == 0
    height = one(table, "A", "height_mean")
    assert height["value"] == pytest.approx(0.035, abs=1e-6)
    assert height["unit"] == "m"
    assert one(table, "A", "height_p95")["value"] > 0.038
    assert one(table, "A", "gli_mean")["value"] == pytest.approx(0.25)
    assert one(table, "A", "gli_mean")["method"] == "spyndex"
    assert made.facts["plots"] == 5
    assert json.dumps(dict(made.facts))


def test_what_has_no_value_says_why(
    flown: Callable[..., Flight], plots: list[Plot], maps: dict[str, Path], tmp_path: Path
) -> None:
    made = make_plot_predictors(flown(plots), Maps(rasters=maps), tmp_path)
    table = rows(tmp_path)
    reasons = {plot: one(table, plot, "height_mean")["reason"] for plot in ("hole", "part", "away")}
    assert reasons == {"hole": "no-data", "part": "low-valid-fraction", "away": "outside"}
    empty = table[table["source"].eq("drone") & table["reason"].notna()]
    assert empty["value"].isna().all()
    assert not (table.select_dtypes("number") == -9999).any().any()
    part = one(table, "part", "height_mean")
    assert part["valid_fraction"] == pytest.approx(0.5)
    assert part["qc_flag"] == PlotFlag.LOW_VALID
    away = one(table, "away", "fvc_green")
    assert away["qc_flag"] == PlotFlag.OUTSIDE | PlotFlag.POSITION
    codes = [(finding.code, finding.where) for finding in made.findings]
    assert ("plot-outside", "cover.tif") in codes
    assert ("plot-no-data", "canopy_height.tif") in codes
    assert ("plot-low-valid-fraction", "canopy_height.tif") in codes
    assert ("plot-position", "plots") in codes


def test_plot_without_a_place_says_so(
    flown: Callable[..., Flight], square: Make, maps: dict[str, Path], tmp_path: Path
) -> None:
    wrong = replace(square("wrong", 3, 1), crs="EPSG:4326")
    made = make_plot_predictors(flown([wrong, square("A", 3, 1)]), Maps(rasters=maps), tmp_path)
    row = one(rows(tmp_path), "wrong", "height_mean")
    assert row["reason"] == "no-area"
    assert np.isnan(row["value"])
    assert "plot-no-area" in [finding.code for finding in made.findings]


def test_shadow_is_missing_cover_and_is_reported(
    flown: Callable[..., Flight], plots: list[Plot], maps: dict[str, Path], tmp_path: Path
) -> None:
    make_plot_predictors(flown(plots), Maps(rasters=maps), tmp_path)
    shady = one(rows(tmp_path), "shady", "fvc_green")
    assert shady["shadow_fraction"] == pytest.approx(0.5)
    assert shady["valid_fraction"] == pytest.approx(0.5)
    assert shady["reason"] == "low-valid-fraction"
    assert shady["qc_flag"] & PlotFlag.SHADOW
    make_plot_predictors(flown(plots), Maps(rasters=maps), tmp_path, settings=PlotSettings(minimum_valid=0.4))
    assert one(rows(tmp_path), "shady", "fvc_green")["value"] == 0


def test_ground_rows_travel_with_their_gap(
    flown: Callable[..., Flight],
    plots: list[Plot],
    maps: dict[str, Path],
    observed: Callable[..., GroundObservation],
    tmp_path: Path,
) -> None:
    observations = [
        observed("A", "fvc_green", 0.55, DAY + timedelta(days=2), operator="LW"),
        observed("A", "fvc_green", 0.40, DAY - timedelta(days=9)),
        observed("A", "height_mean", 0.05, DAY + timedelta(days=30)),
        observed("A", "phenophase", None, DAY, text="flowering"),
        observed("A", "lai", 1.2, None),
        observed("part", "lai", 1.4, None),
        observed("part", "lai", 1.6, DAY + timedelta(days=5)),
        observed("nowhere", "lai", 1.0),
    ]
    made = make_plot_predictors(flown(plots, observations), Maps(rasters=maps), tmp_path)
    table = rows(tmp_path)
    ground = table[table["source"] == "ground"]
    cover = ground[ground["variable"] == "fvc_green"].set_index("dt_days")
    assert pd.isna(cover.loc[2.0, "reason"])
    assert cover.loc[2.0, "operator"] == "LW"
    assert cover.loc[2.0, "source_sha256"] == "f00d"
    assert cover.loc[2.0, "obs_datetime_utc"] == "2026-07-22"
    assert cover.loc[-9.0, "reason"] == "another-observation-is-nearer"
    height = one(table, "A", "height_mean", "ground")
    assert (height["reason"], height["value"]) == ("time-gap", 0.05)
    assert height["qc_flag"] & PlotFlag.TIME_GAP
    assert one(table, "A", "phenophase", "ground")["text"] == "flowering"
    assert np.isnan(one(table, "A", "lai", "ground")["dt_days"])
    dated = ground[(ground["plot_id"] == "part") & (ground["variable"] == "lai")].set_index("value")
    assert dated.loc[1.4, "reason"] == "another-observation-is-nearer"
    assert pd.isna(dated.loc[1.6, "reason"])
    assert one(table, "A", "fvc_green")["dt_days"] == 2
    assert np.isnan(one(table, "A", "height_mean")["dt_days"])
    assert {"observation-time-gap", "observation-date-unknown", "observation-without-plot"} <= {
        finding.code for finding in made.findings
    }


def test_file_is_geoparquet_with_a_box_a_row(
    flown: Callable[..., Flight], plots: list[Plot], maps: dict[str, Path], tmp_path: Path
) -> None:
    make_plot_predictors(flown(plots), Maps(rasters=maps), tmp_path)
    meta = json.loads(pq.read_metadata(tmp_path / "plot_predictors.parquet").metadata[b"geo"])
    assert meta["version"] == "1.1.0"
    assert "bbox" in meta["columns"]["geometry"]["covering"]
    inside = gpd.read_parquet(tmp_path / "plot_predictors.parquet", bbox=(5e5 + 3, 4.2e6 - 2, 5e5 + 3.1, 4.2e6 - 1))
    assert set(inside["plot_id"]) == {"A"}


def test_without_plots_or_maps(
    flown: Callable[..., Flight], plots: list[Plot], maps: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(NotMade, match="no plots"):
        make_plot_predictors(flown([]), Maps(rasters=maps), tmp_path)
    with pytest.raises(NotMade, match="no map"):
        make_plot_predictors(flown(plots), Maps(rasters={}), tmp_path)


def test_heights_that_the_surface_can_not_tell_from_ground_are_flagged(
    write_raster: Make, square: Make, flown: Callable[..., Flight], tmp_path: Path
) -> None:
    height = np.full((100, 100), 0.03)
    height[:, 50:] = 0.3
    maps = {
        "canopy_height": write_raster(
            "canopy_height.tif", {"canopy_height": height}, tags={"detection_limit_m": "0.0900"}
        ),
        "indices": write_raster("indices.tif", {"GLI": np.full((100, 100), 0.01)}),
    }
    make_plot_predictors(flown([square("low", 1, 1), square("tall", 7, 1)]), Maps(rasters=maps), tmp_path)
    table = rows(tmp_path)
    flags = [int(one(table, plot, "height_mean")["qc_flag"]) & PlotFlag.BELOW_DETECTION for plot in ("low", "tall")]
    assert flags == [PlotFlag.BELOW_DETECTION, 0]
    assert one(table, "low", "height_mean")["value"] == pytest.approx(0.03, abs=1e-6)
    assert not int(one(table, "low", "gli_mean")["qc_flag"]) & PlotFlag.BELOW_DETECTION
