from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from uav_workflow.domain.grid import Block, Grid
from uav_workflow.errors import RasterError, UsageError
from uav_workflow.handover.grids import label, satellite_grid, satellite_grids, template_grid
from uav_workflow.handover.mgrs import Zone, sentinel_tiles, tile_corner
from uav_workflow.rasters.writer import cog

BOUNDS = (300123.4, 4900017.0, 300187.0, 4900055.5)


def test_sentinel_2_edges_lie_on_whole_cells() -> None:
    grid = satellite_grid(BOUNDS, 10, "EPSG:32631")
    assert grid.bounds == (300120, 4900010, 300190, 4900060)
    # Tile 31TCJ has its corner at 300000, 4900020: its cells and these coincide.
    assert (grid.x_min - 300000) % 10 == 0
    assert (4900020 - grid.y_max) % 10 == 0


def test_landsat_centres_lie_on_whole_cells() -> None:
    grid = satellite_grid(BOUNDS, 30, "EPSG:32631")
    assert grid.bounds == (300105, 4900005, 300195, 4900065)
    assert (grid.x_min + 15) % 30 == 0
    assert (grid.y_max + 15) % 30 == 0


def test_landsat_counts_northings_from_the_equator_in_the_south() -> None:
    grid = satellite_grid((300123.4, 6300000.0, 300187.0, 6300055.5), 30, "EPSG:32719")
    assert (grid.y_max - 10_000_000 + 15) % 30 == 0
    assert grid.bounds[1] <= 6300000.0
    assert grid.bounds[3] >= 6300055.5
    assert grid.height == 3


def test_sentinel_2_in_the_south_keeps_whole_cells() -> None:
    assert satellite_grid((300123.4, 6300003.0, 300187.0, 6300055.5), 10, "EPSG:32719").bounds[1] % 10 == 0


def test_a_flight_on_the_edges_gets_no_cell_too_many() -> None:
    grid = satellite_grid((300000, 4900020, 300040, 4900060), 10, "EPSG:32631")
    assert (grid.width, grid.height) == (4, 4)


@pytest.mark.parametrize("cell", [0, -10, float("nan"), float("inf")])
def test_impossible_cells_are_refused(cell: float) -> None:
    with pytest.raises(UsageError):
        satellite_grid(BOUNDS, cell, "EPSG:32631")


@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:4326", "EPSG:25832", "EPSG:32661", "EPSG:32600"])
def test_other_systems_are_refused(crs: str) -> None:
    with pytest.raises(RasterError, match="UTM on WGS84"):
        satellite_grid(BOUNDS, 10, crs)


def test_labels() -> None:
    assert [label(10.0), label(30), label(2.5)] == ["10m", "30m", "2.5m"]


@pytest.mark.parametrize(
    ("bounds", "crs", "code"),
    [
        ((310000, 4850000, 310100, 4850100), "EPSG:32631", "31TCJ"),
        ((600000, 4200000, 600100, 4200100), "EPSG:32647", "47SPC"),
        ((500010, 4649000, 500110, 4649100), "EPSG:32632", "32TNM"),
        ((350000, 6250000, 350100, 6250100), "EPSG:32719", "19HCC"),
    ],
)
def test_tiles_of_sentinel_2(bounds: tuple[float, float, float, float], crs: str, code: str) -> None:
    assert sentinel_tiles(bounds, crs)[0] == code


def test_the_corner_of_tile_31tcj() -> None:
    assert tile_corner(3, 48) == (300000, 4900020)
    assert tile_corner(4, 48) == (399960, 4900020)


def test_a_flight_in_the_overlap_of_tiles_lies_in_both() -> None:
    # 400020 is in the square 31TDJ, and in the last kilometres of 31TCJ
    assert sentinel_tiles((400020, 4850000, 400120, 4850100), "EPSG:32631") == ["31TDJ", "31TCJ"]


def test_a_flight_across_a_square_lies_in_the_tile_that_holds_all_of_it() -> None:
    # 399900 is in 31TCJ alone, 400100 in both: the tile of the centre's square does not hold the west of it
    assert sentinel_tiles((399900, 4850000, 400200, 4850100), "EPSG:32631") == ["31TCJ"]


def test_zones() -> None:
    assert Zone.at(101.99, 38.5) == Zone(47, False)
    assert Zone.at(102.0, 38.5) == Zone(48, False)
    assert Zone.at(4.0, 60.0) == Zone(32, False)
    assert Zone.at(20.0, 78.0) == Zone(33, False)
    assert Zone.at(180.0, -20.0) == Zone(1, True)
    assert Zone(7, True).crs == "EPSG:32707"


def template(path: Path, grid: Grid) -> Path:
    with cog(path, grid, ("nir",)) as target:
        target.write(Block(0, 0, *grid.shape), np.ones((1, *grid.shape)))
    return path


@pytest.mark.parametrize(("pixel", "x", "y"), [(2.0, 600000.7, 4200001.3), (8.0, 599999.0, 4200003.5), (16.0, 1.5, 2)])
def test_a_template_gives_its_own_pixels(tmp_path: Path, pixel: float, x: float, y: float) -> None:
    path = template(tmp_path / "gf.tif", Grid("EPSG:32647", x, y, pixel, 20, 20))
    bounds = (600100.0, 4199800.0, 600181.0, 4199871.0)
    grid = template_grid(bounds, "EPSG:32647", path)
    assert grid.pixel_m == pixel
    assert (grid.x_min - x) % pixel == pytest.approx(0)
    assert (y - grid.y_max) % pixel == pytest.approx(0)
    assert grid.bounds[0] <= bounds[0] < grid.bounds[0] + pixel
    assert grid.bounds[3] >= bounds[3] > grid.bounds[3] - pixel
    assert grid.bounds[1] <= bounds[1]
    assert grid.bounds[2] >= bounds[2]


def test_a_template_of_landsat_has_landsat_cells(tmp_path: Path) -> None:
    path = template(tmp_path / "lc09.tif", Grid("EPSG:32631", 300105.0, 4900065.0, 30.0, 9, 9))
    assert template_grid(BOUNDS, "EPSG:32631", path) == satellite_grid(BOUNDS, 30, "EPSG:32631")


def test_a_template_in_degrees_is_refused(tmp_path: Path) -> None:
    path = template(tmp_path / "degrees.tif", Grid("EPSG:4326", 100.0, 38.0, 1e-4, 9, 9))
    with pytest.raises(RasterError, match="degrees"):
        template_grid(BOUNDS, "EPSG:32647", path)


def test_two_grids_never_share_a_name(tmp_path: Path) -> None:
    path = template(tmp_path / "a.tif", Grid("EPSG:32631", 300000.0, 4900065.0, 8.0, 9, 9))
    with pytest.raises(UsageError, match="10m"):
        satellite_grids(BOUNDS, "EPSG:32631", (10.0,), {"10m": path})
