"""Zonal statistics against weights worked out pixel by pixel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from shapely.affinity import rotate
from shapely.geometry import MultiPolygon, Point, Polygon, box

from uav_workflow.domain.ground import Plot
from uav_workflow.errors import RasterError
from uav_workflow.plots.extraction import zonal

CRS = "EPSG:32647"
X, Y = 5e5, 4.2e6
PIXEL = 0.1


def weights(polygon: Polygon, shape: tuple[int, int]) -> np.ndarray:
    """Share of every pixel the polygon covers, by plain polygon intersection."""
    cells = [
        box(X + c * PIXEL, Y - (r + 1) * PIXEL, X + (c + 1) * PIXEL, Y - r * PIXEL)
        for r in range(shape[0])
        for c in range(shape[1])
    ]
    return np.array([cell.intersection(polygon).area for cell in cells]).reshape(shape) / PIXEL**2


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).normal(0.2, 0.1, (40, 50))


@pytest.mark.parametrize(
    "polygon",
    [
        box(X + 0.537, Y - 2.81, X + 1.041, Y - 2.309),
        rotate(box(X + 1, Y - 2, X + 2, Y - 1), 31),
        Point(X + 2.2, Y - 2.2).buffer(0.77),
        Polygon([(X + 1, Y - 1), (X + 3, Y - 1.2), (X + 2.7, Y - 3.1), (X + 1.9, Y - 1.9)]),
        MultiPolygon([box(X + 0.5, Y - 1, X + 1, Y - 0.5), box(X + 3.3, Y - 3.33, X + 4, Y - 3)]),
    ],
    ids=["square", "turned", "circle", "concave", "parts"],
)
def test_weighted_statistics_to_1e_9(write_raster: Callable[..., Path], values: np.ndarray, polygon: Polygon) -> None:
    path = write_raster("map.tif", {"height": values, "other": values**2}, dtype="float64")
    height, other = zonal([Plot(plot_id="A", geometry=polygon, crs=CRS)], path)
    w = weights(polygon, values.shape)
    mean = np.average(values, weights=w)
    assert height.mean == pytest.approx(mean, abs=1e-9)
    assert height.sd == pytest.approx(np.sqrt(np.average((values - mean) ** 2, weights=w)), abs=1e-9)
    assert other.mean == pytest.approx(np.average(values**2, weights=w), abs=1e-9)
    assert height.n_pixels == pytest.approx(w.sum(), abs=1e-6)
    assert (height.min, height.max) == (values[w > 0].min(), values[w > 0].max())
    assert height.valid_fraction == pytest.approx(1, abs=1e-7)  # shares are float32 inside exactextract
    assert (height.band, other.band, height.plot_id) == ("height", "other", "A")


def test_plot_inside_one_pixel_has_its_value(write_raster: Callable[..., Path], values: np.ndarray) -> None:
    """Centre-in rules see no pixel here."""
    path = write_raster("map.tif", {"height": values}, dtype="float64")
    (zone,) = zonal([Plot(plot_id="A", geometry=box(X + 1.01, Y - 1.04, X + 1.03, Y - 1.01), crs=CRS)], path)
    assert zone.mean == pytest.approx(values[10, 10], abs=1e-9)
    assert zone.n_pixels == pytest.approx(0.06, abs=1e-6)


def test_holes_and_edges_are_missing_not_zero(write_raster: Callable[..., Path], values: np.ndarray) -> None:
    values[:, :20] = np.nan
    path = write_raster("map.tif", {"height": values}, dtype="float64")
    half = Plot(plot_id="half", geometry=box(X + 1.5, Y - 2, X + 2.5, Y - 1), crs=CRS)
    hole = Plot(plot_id="hole", geometry=box(X + 0.5, Y - 2, X + 1.5, Y - 1), crs=CRS)
    edge = Plot(plot_id="edge", geometry=box(X + 4.75, Y - 2, X + 5.75, Y - 1), crs=CRS)
    away = Plot(plot_id="away", geometry=box(X + 90, Y - 2, X + 91, Y - 1), crs=CRS)
    rows = {row.plot_id: row for row in zonal([half, hole, edge, away], path)}
    assert rows["half"].mean == pytest.approx(values[10:20, 20:25].mean(), abs=1e-9)
    assert rows["half"].valid_fraction == pytest.approx(0.5)
    assert rows["half"].inside_fraction == pytest.approx(1)
    assert rows["hole"].n_pixels == 0
    assert np.isnan(rows["hole"].mean)
    assert rows["edge"].valid_fraction == pytest.approx(0.25)
    assert rows["edge"].inside_fraction == pytest.approx(0.25)
    assert (rows["away"].n_pixels, rows["away"].inside_fraction, rows["away"].valid_fraction) == (0, 0, 0)


def test_plots_come_from_any_crs_in_their_own_order(write_raster: Callable[..., Path], values: np.ndarray) -> None:
    path = write_raster("map.tif", {"height": values}, dtype="float64")
    here = [box(X + i, Y - i - 1, X + i + 1, Y - i) for i in range(4)]
    there = list(gpd.GeoSeries(here, crs=CRS).to_crs("EPSG:4326"))
    mixed = [
        Plot(plot_id=f"P{i}", geometry=(there if i % 2 else here)[i], crs="EPSG:4326" if i % 2 else CRS)
        for i in range(4)
    ]
    rows = zonal(mixed, path)
    assert [row.plot_id for row in rows] == ["P0", "P1", "P2", "P3"]
    for i, row in enumerate(rows):
        assert row.mean == pytest.approx(values[10 * i : 10 * i + 10, 10 * i : 10 * i + 10].mean(), abs=1e-6)


def test_geometry_that_has_no_place_has_no_pixel(write_raster: Callable[..., Path], values: np.ndarray) -> None:
    path = write_raster("map.tif", {"height": values})
    metres_called_degrees = Plot(plot_id="A", geometry=box(X, Y - 1, X + 1, Y), crs="EPSG:4326")
    good = Plot(plot_id="B", geometry=box(X, Y - 1, X + 1, Y), crs=CRS)
    bad, fine = zonal([metres_called_degrees, good], path)
    assert (bad.n_pixels, bad.inside_fraction) == (0, 0)
    assert fine.n_pixels == pytest.approx(100)
    assert zonal([metres_called_degrees], path)[0].n_pixels == 0


def test_unknown_band(write_raster: Callable[..., Path], values: np.ndarray) -> None:
    with pytest.raises(RasterError, match="no band depth"):
        zonal([], write_raster("map.tif", {"height": values}), ["depth"])
