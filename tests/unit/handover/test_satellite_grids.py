from __future__ import annotations

import pytest

from uav_workflow.errors import RasterError, UsageError
from uav_workflow.handover.grids import label, satellite_grid

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
