"""Inner part, ring and edge share of plots on maps worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from shapely.affinity import rotate

from tests.unit.plots.conftest import CORNER
from uav_workflow.domain.flight import Flight
from uav_workflow.domain.ground import Plot
from uav_workflow.plots.extraction import zonal
from uav_workflow.plots.margins import Margins, surroundings
from uav_workflow.plots.predictors import Maps, make_plot_predictors
from uav_workflow.plots.reading import PlotSettings

Make = Callable[..., Any]


@pytest.fixture
def framed(write_raster: Make) -> Path:
    """A plot of 1 m on 0.1 m pixels: 0.5 inside, 0 on a frame of one pixel, a chessboard of 0.2 and 0.4 outside."""
    rows, cols = np.indices((60, 60))
    values = np.where((rows + cols) % 2 == 0, 0.2, 0.4)
    values[20:30, 20:30] = 0.0
    values[21:29, 21:29] = 0.5
    return Path(write_raster("map.tif", {"height": values}, dtype="float64"))


def test_inner_part_leaves_the_frame_out_and_the_ring_leaves_the_plot_out(framed: Path, square: Make) -> None:
    (one,) = surroundings([square("A", 2, 2)], framed, Margins(inner=0.1, ring=1.0))
    assert one.inner.mean == pytest.approx(0.5, abs=1e-6)
    assert one.inner.n_pixels == pytest.approx(64, abs=1e-3)
    assert one.ring.n_pixels == pytest.approx(900 - 100, abs=1e-2)
    assert one.ring.mean == pytest.approx(0.3, abs=1e-6)
    assert one.ring.sd == pytest.approx(0.1, abs=1e-6)
    assert np.isnan(one.ring.median)


def test_margin_is_a_share_of_the_side(framed: Path, square: Make) -> None:
    (one,) = surroundings([square("A", 2, 2)], framed, Margins(inner=0.05, ring=0.5))
    # half of the frame is left: 81 pixels' area, 64 of them inside it
    assert one.inner.mean == pytest.approx(0.5 * 64 / 81, abs=1e-6)
    assert one.ring.n_pixels == pytest.approx(400 - 100, abs=1e-2)


def test_plot_narrower_than_its_margins_has_no_inner_part(framed: Path) -> None:
    from shapely.geometry import box

    x, y = CORNER
    thin = Plot(plot_id="thin", geometry=box(x + 1, y - 3, x + 4, y - 2.9), crs="EPSG:32647")
    (one,) = surroundings([thin], framed, Margins(inner=0.1))
    assert one.inner.n_pixels == 0
    assert np.isnan(one.inner.mean)


def test_edge_share_counts_pixels_the_outline_cuts(framed: Path, square: Make) -> None:
    shifted = square("B", 2.05, 2.05)
    turned = square("C", 2, 2)
    turned = Plot(plot_id="C", geometry=rotate(turned.geometry, 45), crs=turned.crs)
    aligned, off, diagonal = zonal([square("A", 2, 2), shifted, turned], framed)
    assert aligned.edge_share == pytest.approx(0, abs=1e-4)
    # 9 x 9 whole pixels of 100
    assert off.edge_share == pytest.approx(0.19, abs=1e-3)
    assert 0.15 < diagonal.edge_share < 0.3


def test_columns_of_the_table(framed: Path, square: Make, flown: Callable[..., Flight], tmp_path: Path) -> None:
    maps = Maps(rasters={"canopy_height": framed}, terrain=framed, digests={"map.tif": "0" * 64})
    settings = PlotSettings(margins=Margins(inner=0.1))
    make_plot_predictors(flown([square("A", 2, 2), square("away", 50, 50)]), maps, tmp_path, settings=settings)
    table = gpd.read_parquet(tmp_path / "plot_predictors.parquet")
    rows = table[table["variable"] == "height_mean"].set_index("plot_id")
    assert rows.loc["A", "value"] == pytest.approx(0.32, abs=1e-6)
    assert rows.loc["A", "value_inner"] == pytest.approx(0.5, abs=1e-6)
    assert rows.loc["A", "ring_sd"] == pytest.approx(0.1, abs=1e-6)
    assert rows.loc["A", "z"] == pytest.approx(0.32, abs=1e-6)
    assert rows.loc["A", "source_sha256"] == "0" * 64
    assert rows.loc["away", ["value", "value_inner", "ring_sd", "edge_share", "z"]].isna().all()
    assert rows.loc["away", "reason"] == "outside"
