from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from shapely.geometry import box

from uav_workflow.domain.grid import Grid
from uav_workflow.domain.ground import Plot
from uav_workflow.quality.maps import MapStyle, draw_map, hillshade
from uav_workflow.rasters.writer import cog

GRID = Grid("EPSG:32647", 500000.0, 4200000.0, 0.1, 300, 200)


def picture(uri: str) -> Image.Image:
    head, data = uri.split(",", 1)
    assert head == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_a_plain_is_lit_by_the_sine_of_the_elevation() -> None:
    assert hillshade(np.full((5, 5), 3.0), 1.0, elevation_deg=30) == pytest.approx(np.full((5, 5), 0.5))


def test_the_slope_towards_the_light_is_brighter() -> None:
    rising_east = np.tile(np.arange(6.0), (6, 1))
    assert hillshade(rising_east, 1.0, azimuth_deg=270)[2, 2] > hillshade(rising_east, 1.0, azimuth_deg=90)[2, 2]


def test_a_map_is_drawn_with_its_plots(tmp_path: Path) -> None:
    path = tmp_path / "cover.tif"
    with cog(path, GRID, ["fvc_green"]) as writer:
        for block in GRID.blocks():
            writer.write(block, np.zeros((block.height, block.width), np.float32))
    plot = Plot(plot_id="P1", geometry=box(500010, 4199988, 500014, 4199992), crs="EPSG:32647")
    style = MapStyle(title="Cover", band="fvc_green", unit="1", limits=(0, 1))
    without, with_plot = picture(draw_map(path, style)), picture(draw_map(path, style, [plot]))
    assert with_plot.size == without.size
    red = np.asarray(with_plot.convert("RGB")).astype(int)
    assert ((red[..., 0] > 150) & (red[..., 1] < 0.6 * red[..., 0]) & (red[..., 2] < 0.7 * red[..., 0])).sum() > 50


def test_an_empty_raster_says_so_instead_of_failing(tmp_path: Path) -> None:
    path = tmp_path / "dsm.tif"
    with cog(path, GRID, ["dsm"]) as writer:
        for block in GRID.blocks():
            writer.write(block, np.full((block.height, block.width), np.nan, np.float32))
    assert picture(draw_map(path, MapStyle(title="DSM", band="dsm", unit="m", shaded=True))).size[0] > 100
