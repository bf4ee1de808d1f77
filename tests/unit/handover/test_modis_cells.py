"""MODIS' sinusoidal cells: tiles by hand, areas against polygons, a package on them."""

from __future__ import annotations

from math import cos, radians
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import odc.stac
import pystac
import pytest
from pyproj import CRS, Transformer
from pystac.validation.stac_validator import JsonSchemaSTACValidator
from shapely import Polygon, box

from uav_workflow.domain.grid import Grid
from uav_workflow.errors import RecipeError
from uav_workflow.handover.aggregation import aggregate
from uav_workflow.handover.grids import satellite_grids
from uav_workflow.handover.maps import GridSettings
from uav_workflow.handover.modis import CELLS_A_TILE, SINUSOIDAL, modis_cell_ids, modis_grid, modis_tiles
from uav_workflow.handover.package import make_handover
from uav_workflow.rasters.reader import Raster
from uav_workflow.rasters.writer import cog
from uav_workflow.recipe import load_recipe

UTM = "EPSG:32647"
RADIUS = 6371007.181


def sinusoidal(lon: float, lat: float) -> tuple[float, float]:
    return RADIUS * radians(lon) * cos(radians(lat)), RADIUS * radians(lat)


def around(x: float, y: float, half: float = 1.0) -> tuple[float, float, float, float]:
    return x - half, y - half, x + half, y + half


def test_tile_h25v05_begins_where_its_products_do() -> None:
    """25 tiles east of -20015109.354 m, 5 south of 10007554.677 m; its files say 7783653.637667, 4447802.078667."""
    for name, cells in CELLS_A_TILE.items():
        side = 1111950.5196666666 / cells
        corner = modis_grid(name, (7783653.7, 4447801.9, 7783653.8, 4447802.0))
        assert (corner.x_min, corner.y_max) == pytest.approx((7783653.637667, 4447802.078667), abs=1e-6)
        assert (corner.width, corner.height) == (1, 1)
        assert corner.pixel_m == pytest.approx(side)
        assert modis_tiles(name, corner) == ["h25v05"]
        assert modis_cell_ids(name, corner).tolist() == [[f"{name}_h25v05_0000_0000"]]


def test_a_place_lies_in_its_tile_and_cell() -> None:
    """Tile and cell of 100.01 E, 38.003 N by the sphere's formula, and PROJ's agreement with it."""
    x, y = sinusoidal(100.01, 38.003)
    assert Transformer.from_crs("EPSG:4326", SINUSOIDAL, always_xy=True).transform(100.01, 38.003) == pytest.approx(
        (x, y)
    )
    col, row = (x + 20015109.354) / 463.31271653, (10007554.677 - y) / 463.31271653
    expected = f"modis-500m_h{int(col // 2400):02d}v{int(row // 2400):02d}_{int(row % 2400):04d}_{int(col % 2400):04d}"
    assert expected.startswith("modis-500m_h25v05_")
    assert modis_cell_ids("modis-500m", modis_grid("modis-500m", around(x, y, 0.1))).tolist() == [[expected]]
    assert CRS.from_user_input(SINUSOIDAL).to_epsg() is None


@pytest.mark.parametrize(
    ("lon_lat", "tiles", "code"),
    [((100.0, 38.0), ["h25v05"], "MSIN-2505"), ((-60.0, -3.0), ["h12v09"], "MSIN-1209"), ((0.0, 45.0), None, None)],
)
def test_tiles_of_a_flight(lon_lat: tuple[float, float], tiles: list[str] | None, code: str | None) -> None:
    """At longitude 0 tiles h17 and h18 meet: cells in both, and no code for the whole."""
    zone = f"EPSG:{'327' if lon_lat[1] < 0 else '326'}{int((lon_lat[0] + 180) // 6) + 1:02d}"
    x, y = Transformer.from_crs("EPSG:4326", zone, always_xy=True).transform(*lon_lat)
    (place,) = satellite_grids(around(x, y, 40.0), zone, (), {}, ("modis-250m",))
    assert modis_tiles("modis-250m", place.grid) == (tiles or ["h17v04", "h18v04"])
    assert place.code == code


def test_weights_equal_the_areas_of_sheared_pixels(tmp_path: Path) -> None:
    """Over the corner of four cells, where a square of UTM is sheared by some 45 degrees."""
    grid = modis_grid("modis-250m", around(*sinusoidal(100.0, 38.0), 200.0))
    corner = grid.x_min + grid.pixel_m, grid.y_max - grid.pixel_m
    x, y = Transformer.from_crs(SINUSOIDAL, UTM, always_xy=True).transform(*corner)
    fine = Grid(UTM, x - 15.0, y + 12.0, 0.9, 31, 27)
    rng = np.random.default_rng(5)
    values = rng.uniform(0, 1, fine.shape).astype(np.float32).astype(float)
    values[rng.random(fine.shape) < 0.2] = np.nan
    with cog(tmp_path / "a.tif", fine, ("fvc",)) as target:
        target.write(next(fine.blocks()), values[None])
    found = aggregate(tmp_path / "a.tif", ("fvc",), grid)["fvc"]
    to_modis = Transformer.from_crs(UTM, SINUSOIDAL, always_xy=True)
    area, first = np.zeros((2, 2)), np.zeros((2, 2))
    for i, j in np.argwhere(np.isfinite(values)):
        left, top = fine.x_min + 0.9 * j, fine.y_max - 0.9 * i
        quad = Polygon([to_modis.transform(left + a * 0.9, top - b * 0.9) for a, b in ((0, 0), (1, 0), (1, 1), (0, 1))])
        for row, col in np.ndindex(2, 2):
            x_0, y_1 = grid.x_min + col * grid.pixel_m, grid.y_max - row * grid.pixel_m
            shared = quad.intersection(box(x_0, y_1 - grid.pixel_m, x_0 + grid.pixel_m, y_1)).area
            area[row, col] += shared
            first[row, col] += shared * values[i, j]
    assert (area > 1).all()
    assert found.coverage[:2, :2] * grid.pixel_m**2 == pytest.approx(area, rel=1e-5)
    assert found.mean[:2, :2] == pytest.approx(first / area, rel=1e-5)
    assert found.total == pytest.approx(first.sum(), rel=1e-6)


@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")
@pytest.mark.filterwarnings("ignore:The 'shapely.ops.transform:DeprecationWarning")
def test_a_package_on_modis_cells(order: dict[str, Any], tmp_path: Path) -> None:
    settings = GridSettings(cells_m=(10.0,), named=("modis-250m",))
    made = make_handover(**(order | {"grids": settings}))
    # 70 x 50 m are 7 % of a cell: handed over, and said to train nothing
    assert {finding.code for finding in made.findings} == {"handover-cells-partial"}
    for name in ("fvc_green", "agb_dry"):
        facts = made.facts["modis-250m"][name]  # type: ignore[index,call-overload]
        assert facts["conservation_error"] < 1e-6  # type: ignore[index,call-overload,operator]
    with Raster(order["maps"].cover) as fine:
        seen = float(np.isfinite(fine.band("fvc_green")).sum()) * fine.grid.pixel_m**2
    with Raster(order["out"] / "fvc_green_modis-250m.tif") as raster:
        value, coverage = raster.read(bands=("value", "coverage_fraction")).astype(float)
        covered = coverage.sum() * raster.grid.pixel_m**2
    # sphere and ellipsoid, UTM's scale: areas agree to a per cent
    assert covered == pytest.approx(seen, rel=0.01)
    assert np.nansum(value * coverage) / coverage.sum() == pytest.approx(0.4, abs=0.01)
    item = pystac.Item.from_file(str(order["out"] / "20240715-abc123-modis-250m.json"))
    assert item.properties["grid:code"] == "MSIN-2505"
    assert item.properties["uav:modis_tiles"] == ["h25v05"]
    assert item.properties["proj:code"] is None
    assert 'PROJCRS["MODIS_Sinusoidal"' in item.properties["proj:wkt2"]
    assert CRS.from_wkt(item.properties["proj:wkt2"]).ellipsoid.semi_major_metre == RADIUS
    assert not {key for key in item.properties if key.startswith("mgrs:")}
    JsonSchemaSTACValidator().validate_core(item.to_dict(), pystac.STACObjectType.ITEM, "1.1.0")
    loaded = odc.stac.load([item], bands=["fvc_green_modis-250m"])
    assert np.array_equal(loaded["fvc_green_modis-250m"].values[0], value.astype(np.float32), equal_nan=True)
    with Raster(order["out"] / "fvc_green_modis-250m.tif") as raster:
        assert loaded.odc.geobox.transform == raster.grid.transform
    table = gpd.read_parquet(order["out"] / "samples.parquet")
    own = table[table["grid"] == "modis-250m"]
    assert own["cell_id"].str.match(r"^modis-250m_h25v05_\d{4}_\d{4}$").all()
    assert set(own["grid_code"]) == {"MSIN-2505"}
    assert (own["flags"] & 3 == 3).all()
    assert own.to_crs(SINUSOIDAL).geometry.area.to_numpy() == pytest.approx(231.656358**2, rel=1e-6)


def test_a_recipe_names_them() -> None:
    recipe = load_recipe(None, ["handover.grids=[modis-250m, modis-1km]", "handover.grids_m=[]"])
    assert recipe.handover.grids == ["modis-250m", "modis-1km"]
    with pytest.raises(RecipeError, match="modis-500m"):
        load_recipe(None, ["handover.grids=[modis-2km]"])
