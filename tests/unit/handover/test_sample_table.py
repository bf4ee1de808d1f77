from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import Transformer

from uav_workflow.domain.grid import Grid
from uav_workflow.domain.product import Made
from uav_workflow.handover.folds import spatial_folds
from uav_workflow.handover.grids import SatelliteGrid
from uav_workflow.handover.maps import GridSettings
from uav_workflow.handover.package import make_handover
from uav_workflow.handover.samples import COLUMNS, cell_ids, weights
from uav_workflow.handover.variables import FlightMaps
from uav_workflow.handover.when import Visit
from uav_workflow.rasters.reader import Raster
from uav_workflow.rasters.writer import cog

NAMED = {
    *("cell_id", "geometry", "x", "y", "variable", "value", "sd", "within_sd", "coverage", "n_pixels", "weight"),
    *("fold_id", "flight_id", "site_id", "date"),
}
"""Columns an upscaling reads."""


def test_rows_are_the_cells_of_the_maps(made: tuple[Path, Made]) -> None:
    out, said = made
    table = gpd.read_parquet(out / "samples.parquet")
    assert list(table.columns) == [*COLUMNS, "geometry"]
    assert set(table.columns) >= NAMED
    assert table.crs.to_epsg() == 32647
    assert said.facts["samples"]["rows"] == len(table)  # type: ignore[index,call-overload]
    part = table[(table["grid"] == "10m") & (table["variable"] == "agb_dry")]
    with Raster(out / "agb_dry_10m.tif") as raster:
        bands, grid = dict(zip(raster.bands, raster.read(), strict=True)), raster.grid
    assert len(part) == (bands["coverage_fraction"] > 0).sum()
    row = ((grid.y_max - part["y"]) // 10).astype(int).to_numpy()
    col = ((part["x"] - grid.x_min) // 10).astype(int).to_numpy()
    beside = {"value": "value", "sd": "model_sd", "within_sd": "sd_within", "coverage": "coverage_fraction"}
    for column, band in {**beside, "n_pixels": "n", "p10": "p10", "p90": "p90"}.items():
        assert part[column].to_numpy() == pytest.approx(bands[band][row, col], rel=1e-6)
    assert (shapely.area(part.geometry) == 100).all()
    assert part["cell_id"].iloc[0] == f"EPSG:32647_10m_{grid.x_min + 10 * col[0]:.0f}_{grid.y_max - 10 * row[0]:.0f}"
    assert set(part["grid_code"]) == {"MGRS-47SPC"}
    assert table[table["grid"] == "30m"]["grid_code"].isna().all()
    assert (set(table["flight_id"]), set(table["site_id"]), set(table["date"])) == (
        {"20240715-abc123"},
        {"Haibei"},
        {"2024-07-15"},
    )
    assert not table.duplicated(["cell_id", "variable"]).any()


def test_the_csv_holds_the_same(made: tuple[Path, Made]) -> None:
    table, flat = gpd.read_parquet(made[0] / "samples.parquet"), pd.read_csv(made[0] / "samples.csv")
    assert list(flat.columns) == list(table.columns)
    for name in ("x", "value", "sd", "weight", "fold_id"):
        assert flat[name].to_numpy() == pytest.approx(table[name].to_numpy(), rel=1e-6, nan_ok=True)
    assert shapely.from_wkt(flat["geometry"].iloc[3]).equals(table.geometry.iloc[3])


def test_the_terrain_of_cells(made: tuple[Path, Made]) -> None:
    """The fixture's ground rises 0.1 m a metre to the east and 0.05 to the south."""
    table = gpd.read_parquet(made[0] / "samples.parquet")
    whole = table[(table["coverage"] > 0.9) & (table["grid"] == "10m")]
    slope = np.degrees(np.arctan(np.hypot(0.1, 0.05)))
    assert whole["slope_deg"].to_numpy() == pytest.approx(np.full(len(whole), slope), abs=0.01)
    downhill = np.degrees(np.arctan2(-0.1, 0.05)) % 360  # west by north: where it falls
    assert whole["aspect_deg"].to_numpy() == pytest.approx(np.full(len(whole), downhill), abs=0.05)
    assert np.corrcoef(whole["elevation_m"], 0.1 * whole["x"] - 0.05 * whole["y"])[0, 1] == pytest.approx(1, abs=1e-6)


def test_without_a_terrain_model_its_columns_are_empty(order: dict[str, Any]) -> None:
    make_handover(**(order | {"maps": replace(order["maps"], terrain=None)}))
    table = gpd.read_parquet(order["out"] / "samples.parquet")
    assert table[["elevation_m", "slope_deg", "aspect_deg"]].isna().all(axis=None)


def test_one_ground_is_in_one_fold_on_every_grid_and_for_every_variable(made: tuple[Path, Made]) -> None:
    table = gpd.read_parquet(made[0] / "samples.parquet")
    side = made[1].facts["samples"]["block_m"]  # type: ignore[index,call-overload]
    blocks = pd.Series(list(zip(table["x"] // side, table["y"] // side, strict=True)))
    assert (table["fold_id"].groupby(blocks.to_numpy()).nunique() == 1).all()
    assert table["fold_id"].nunique() >= 5


def test_cells_of_a_neighbouring_zone_stand_in_the_tables_own_system(tmp_path: Path) -> None:
    x, y = Transformer.from_crs("EPSG:4326", "EPSG:32647", always_xy=True).transform(102.0, 38.5)
    fine = Grid("EPSG:32647", x - 30, y + 30, 0.25, 240, 240)
    with cog(tmp_path / "cover.tif", fine, ("fvc_green",)) as target:
        target.write(next(fine.blocks()), np.full((1, *fine.shape), 0.5))
    make_handover(
        Visit.of("20240715-a", "Edge", None, None),
        FlightMaps(cover=tmp_path / "cover.tif"),
        tmp_path,
        grids=GridSettings(cells_m=(10.0,)),
        lineage={},
    )
    table = gpd.read_parquet(tmp_path / "samples.parquet")
    turned = table[table["grid"] == "10m-48n"]
    assert turned["cell_id"].str.startswith("EPSG:32648_10m_").all()
    assert (turned["crs"] == "EPSG:32647").all()
    inside = turned[turned["coverage"] > 0.5]
    assert inside["x"].between(x - 36, x + 36).all()
    assert shapely.area(inside.geometry).tolist() == pytest.approx([100] * len(inside), rel=1e-3)


def test_weights_are_relative_and_capped() -> None:
    sd = np.array([1.0, 2.0, 4.0, 0.1, np.nan])
    coverage = np.array([1.0, 1.0, 0.5, 1.0, 0.8])
    typical = np.median([1, 4, 16, 0.01])
    assert weights(sd, coverage) == pytest.approx([typical, typical / 4, 0.5 * typical / 16, 4, 0.8])
    assert weights(np.full(5, np.nan), coverage) == pytest.approx(coverage)


def test_ids_of_cells() -> None:
    grid = SatelliteGrid(name="gf", family="gf", grid=Grid("EPSG:32647", 600000.5, 4200020.0, 8.0, 2, 1))
    assert cell_ids(grid).tolist() == [["EPSG:32647_8m_600000.5_4200020", "EPSG:32647_8m_600008.5_4200020"]]
    assert grid.code is None


def test_blocks_are_as_wide_as_values_are_alike() -> None:
    """Patches of 40 m among which values are independent: the range lies between one side and three.

    An exponential model, whose practical range it is, rises more slowly than the patches' straight line.
    """
    rng = np.random.default_rng(5)
    x, y = (side.ravel() for side in np.meshgrid(np.arange(5.0, 600, 10), np.arange(5.0, 600, 10)))
    patches = rng.normal(size=(16, 16))
    alike = patches[(y // 40).astype(int), (x // 40).astype(int)] + 0.05 * rng.normal(size=x.size)
    folds = spatial_folds(x, y, alike, 10.0)
    assert 40 <= folds.side <= 120
    assert folds.n == 10
    alone = spatial_folds(x, y, rng.normal(size=x.size), 10.0)
    assert alone.side == 30.0


def test_a_flight_too_small_for_its_range_says_so() -> None:
    x, y = (side.ravel() for side in np.meshgrid(np.arange(5.0, 100, 10), np.arange(5.0, 100, 10)))
    folds = spatial_folds(x, y, x + y, 10.0)
    assert folds.n >= 5
    assert "not independent" in folds.note
    assert spatial_folds(x[:3], y[:3], x[:3], 10.0).n == 3
