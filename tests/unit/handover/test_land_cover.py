"""Land cover of cells: the largest class by exact area, and silence where the map is silent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pystac
import pytest
import rasterio
from pyproj import Transformer
from rasterio.transform import Affine

from uav_workflow.errors import RasterError
from uav_workflow.handover.land_cover import LandCoverMap, land_cover_of
from uav_workflow.handover.package import make_handover

GRASS, SHRUB, BARE = 30, 20, 60
CLASSES = {GRASS: "Grassland", SHRUB: "Shrubland"}


def land_map(
    path: Path, codes: Any, transform: Affine, crs: str | None = "EPSG:32647", dtype: str = "uint8"
) -> LandCoverMap:
    planes = np.atleast_3d(np.asarray(codes, dtype)).transpose(2, 0, 1)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=planes.shape[2],
        height=planes.shape[1],
        count=len(planes),
        dtype=dtype,
        nodata=0,
        crs=crs,
        transform=transform,
    ) as target:
        target.write(planes)
    return LandCoverMap(name="Made land 2024", path=path, classes=CLASSES)


def square(x: float, y: float, side: float) -> Any:
    return np.array([[[x, y], [x + side, y], [x + side, y - side], [x, y - side]]])


def test_the_largest_class_by_area(tmp_path: Path) -> None:
    """A cell of 10 m from x = 6 over pixels of 8 m: 2 m of grass, 8 m of shrub, and nothing known of the south."""
    source = land_map(tmp_path / "land.tif", [[GRASS, SHRUB], [0, 0]], Affine(8, 0, 0, 0, -8, 100))
    found = land_cover_of(source, square(6, 98, 10), "EPSG:32647")
    assert found.code.tolist() == [SHRUB]
    assert found.share[0] == pytest.approx(8 * 6 / 100)
    assert found.label.tolist() == ["Shrubland"]


def test_of_equal_halves_the_smaller_code(tmp_path: Path) -> None:
    source = land_map(tmp_path / "land.tif", [[GRASS, SHRUB]], Affine(10, 0, 0, 0, -10, 100))
    found = land_cover_of(source, square(5, 100, 10), "EPSG:32647")
    assert (found.code[0], found.share[0]) == (SHRUB, pytest.approx(0.5))


def test_a_map_in_degrees(tmp_path: Path) -> None:
    """Pixels wider than high, as national maps have them: the border of two classes lies where the ground has it."""
    to_degrees = Transformer.from_crs("EPSG:32647", "EPSG:4326", always_xy=True)
    west, north = to_degrees.transform(600000, 4200100)
    middle, _ = to_degrees.transform(600007, 4200016)  # meridians are turned against the grid by 0.7 degrees here
    source = land_map(
        tmp_path / "land.tif",
        [[GRASS, SHRUB]],
        Affine(middle - west, 0, west, 0, -0.01, north),
        "EPSG:4326",
    )
    found = land_cover_of(source, square(600002, 4200020, 8), "EPSG:32647")
    assert (found.code[0], found.share[0]) == (GRASS, pytest.approx(5 / 8, abs=0.01))


def test_where_the_map_says_nothing_the_cell_is_empty(tmp_path: Path) -> None:
    source = land_map(tmp_path / "land.tif", [[0, GRASS]], Affine(10, 0, 0, 0, -10, 100))
    rings = np.concatenate([square(0, 100, 10), square(500, 100, 10)])
    found = land_cover_of(source, rings, "EPSG:32647")
    assert np.isnan([found.code, found.share]).all()
    assert found.label.tolist() == [None, None]


@pytest.mark.parametrize(
    ("codes", "crs", "dtype", "said"),
    [
        (np.ones((2, 2, 3)), "EPSG:32647", "uint8", "3 bands"),
        ([[1, 2]], None, "uint8", "no CRS"),
        ([[1.5, 2]], "EPSG:32647", "float32", "1.5 is no class"),
    ],
)
@pytest.mark.filterwarnings("ignore:CRS not found")
def test_a_map_that_is_none_is_refused(tmp_path: Path, codes: Any, crs: str | None, dtype: str, said: str) -> None:
    source = land_map(tmp_path / "land.tif", codes, Affine(10, 0, 0, 0, -10, 100), crs, dtype)
    with pytest.raises(RasterError, match=said):
        land_cover_of(source, square(0, 100, 10), "EPSG:32647")


def test_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(RasterError, match="land cover can't be read"):
        land_cover_of(LandCoverMap(name="none", path=tmp_path / "no.tif"), square(0, 100, 10), "EPSG:32647")


def test_samples_carry_it_and_the_catalog_says_whose_it_is(order: dict[str, Any], tmp_path: Path) -> None:
    """West of x = 600040 grass, east of it bare ground that nobody explained, nothing north of y = 4200050."""
    codes = np.full((10, 10), GRASS)
    codes[:, 4:] = BARE
    source = land_map(tmp_path / "land.tif", codes, Affine(10, 0, 600000, 0, -10, 4200050))
    made = make_handover(**(order | {"maps": replace(order["maps"], land_cover=source)}))
    table = gpd.read_parquet(order["out"] / "samples.parquet")
    cells = table[table["grid"] == "10m"]
    north = cells["y"] > 4200050
    assert north.any()
    assert cells.loc[north, ["land_cover", "land_cover_share", "land_cover_label"]].isna().all(axis=None)
    west, east = cells[~north & (cells["x"] < 600040)], cells[~north & (cells["x"] > 600040)]
    assert set(west["land_cover"]) == {GRASS}
    assert set(west["land_cover_label"]) == {"Grassland"}
    assert set(east["land_cover"]) == {BARE}
    assert east["land_cover_label"].isna().all()
    assert west["land_cover_share"].to_numpy() == pytest.approx(np.ones(len(west)))
    flat = pd.read_csv(order["out"] / "samples.csv", dtype={"land_cover": "Int64"})
    assert flat["land_cover"].equals(pd.Series(table["land_cover"]))
    assert {finding.code for finding in made.findings} == {"land-cover-absent", "land-cover-unnamed"}
    assert any("60" in finding.message for finding in made.findings if finding.code == "land-cover-unnamed")
    item = pystac.Item.from_file(str(order["out"] / "20240715-abc123-samples.json"))
    described = {row["name"]: row["description"] for row in item.assets["samples"].extra_fields["table:columns"]}
    assert described["land_cover"].endswith("here Made land 2024")
    assert list(described) == list(table.columns)
