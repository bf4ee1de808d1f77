"""Cells of a neighbouring UTM zone against polygons of the pixels themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyproj import Transformer
from shapely import Polygon, box

from uav_workflow.domain.grid import Grid
from uav_workflow.handover import aggregation
from uav_workflow.handover.aggregation import aggregate, conservation_error
from uav_workflow.handover.grids import satellite_grids
from uav_workflow.rasters.writer import cog

WEST, EAST = "EPSG:32647", "EPSG:32648"


def flight(pixel: float, width: int, height: int) -> Grid:
    """Over 102 E, the edge of zones 47 and 48, at 38.5 N."""
    x, y = Transformer.from_crs("EPSG:4326", WEST, always_xy=True).transform(102.0, 38.5)
    return Grid(WEST, x - width * pixel / 2, y + height * pixel / 2, pixel, width, height)


def write(path: Path, grid: Grid, values: np.ndarray) -> Path:
    with cog(path, grid, ("fvc",)) as target:
        for block in grid.blocks():
            target.write(block, values[block.slices][None])
    return path


def test_a_flight_across_the_edge_gets_cells_in_both_zones() -> None:
    grids = satellite_grids(flight(0.5, 400, 300).bounds, WEST, (10.0, 30.0), {})
    assert [(g.name, g.grid.crs) for g in grids] == [
        ("10m", WEST),
        ("30m", WEST),
        ("10m-48n", EAST),
        ("30m-48n", EAST),
    ]
    assert all(g.grid.x_min % 10 == 0 for g in grids if g.family == "Sentinel-2")
    inside = Grid(WEST, 600000.0, 4200000.0, 1.0, 100, 100)
    assert [g.name for g in satellite_grids(inside.bounds, WEST, (10.0,), {})] == ["10m"]


def test_weights_equal_the_areas_of_turned_pixels(tmp_path: Path) -> None:
    fine = flight(0.9, 31, 27)
    rng = np.random.default_rng(6)
    values = rng.uniform(0, 1, fine.shape).astype(np.float32).astype(float)
    values[rng.random(fine.shape) < 0.2] = np.nan
    grid = satellite_grids(fine.bounds, WEST, (10.0,), {})[1].grid
    cells = aggregate(write(tmp_path / "a.tif", fine, values), ("fvc",), grid, quantiles=("fvc",))["fvc"]
    to_east = Transformer.from_crs(WEST, EAST, always_xy=True)
    area, first = np.zeros(grid.shape), np.zeros(grid.shape)
    for i, j in np.argwhere(np.isfinite(values)):
        x, y = fine.x_min + 0.9 * j, fine.y_max - 0.9 * i
        quad = Polygon([to_east.transform(x + a * 0.9, y - b * 0.9) for a, b in ((0, 0), (1, 0), (1, 1), (0, 1))])
        left, bottom, right, top = quad.bounds
        for row in range(int((grid.y_max - top) // 10), int((grid.y_max - bottom) // 10) + 1):
            for col in range(int((left - grid.x_min) // 10), int((right - grid.x_min) // 10) + 1):
                x0, y1 = grid.x_min + 10 * col, grid.y_max - 10 * row
                shared = quad.intersection(box(x0, y1 - 10, x0 + 10, y1)).area
                area[row, col] += shared
                first[row, col] += shared * values[i, j]
    assert cells.coverage == pytest.approx(area / 100, abs=1e-6)
    seen = area > 0.5
    assert cells.mean[seen] == pytest.approx(first[seen] / area[seen], abs=1e-5)
    assert np.isfinite(cells.p10[cells.n > 0]).all()
    assert (cells.p10[cells.n > 0] <= cells.p90[cells.n > 0]).all()


@pytest.mark.parametrize(("pixel", "cell"), [(0.2, 10.0), (0.31, 2.0), (0.2, 30.0), (7.0, 20.0)])
def test_sums_are_conserved_across_zones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pixel: float, cell: float
) -> None:
    monkeypatch.setattr(aggregation, "WORK_PIXELS", 100)  # many blocks, whose edges pixels lie across
    fine = flight(pixel, 210, 190)
    rng = np.random.default_rng(9)
    values = (rng.random(fine.shape) < 0.4).astype(float)
    values[rng.random(fine.shape) < 0.1] = np.nan
    values[40:70, 60:150] = np.nan
    grid = satellite_grids(fine.bounds, WEST, (cell,), {})[1].grid
    cells = aggregate(write(tmp_path / "a.tif", fine, values), ("fvc",), grid)["fvc"]
    assert conservation_error(cells, grid) < 1e-6
    assert cells.n.sum() == np.isfinite(values).sum()
    # the same sum in the flight's own metres, but for the two zones' scale
    assert cells.total == pytest.approx(np.nansum(values) * pixel**2, rel=2e-4)
