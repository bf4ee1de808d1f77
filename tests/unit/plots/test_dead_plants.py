"""Total cover counts dead plants, green cover does not: from pixels of known spectra to the rows of the plot table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from uav_workflow.domain.flight import Flight
from uav_workflow.domain.grid import Grid
from uav_workflow.domain.ground import Plot
from uav_workflow.plots.predictors import Maps, make_plot_predictors
from uav_workflow.rasters.writer import cog
from uav_workflow.vegetation.cover import CoverSettings, make_cover
from uav_workflow.vegetation.cover_training import CLASSES, TrainingShapes

Ints = NDArray[np.int64]

CRS, WEST, NORTH, PIXEL = "EPSG:32647", 5e5, 4.2e6, 0.02
SIDE, ACROSS, DOWN = 50, 8, 4
"""Pixels of a plot of a square metre; plots in a row, and rows of plots above two rows of training ground."""
GREEN, DEAD, SOIL = range(3)
MATERIALS = (  # red, green, blue, nir; two kinds of each class
    ((0.042, 0.092, 0.030, 0.44), (0.058, 0.092, 0.036, 0.38)),
    ((0.245, 0.185, 0.120, 0.39), (0.125, 0.090, 0.060, 0.27)),
    ((0.170, 0.125, 0.085, 0.25), (0.108, 0.078, 0.050, 0.19)),
)
BANDS = ("red", "green", "blue", "nir")
SHADE = 0.14
"""Light in shadow over light in the sun."""


def patches(shares: NDArray[np.float64], size: int, draw: np.random.Generator) -> tuple[Ints, Ints]:
    """Classes of a plot's pixels in squares of ``size``, by lot; and which of the two kinds each square is."""
    count = -(-SIDE // size)
    grown = [draw.choice(3, (count, count), p=shares), draw.integers(0, 2, (count, count))]
    kinds, ones = (np.kron(each, np.ones((size, size), np.int64))[:SIDE, :SIDE] for each in grown)
    return kinds, ones


def meadow(size: int, seed: int) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Class, kind and shadow of every pixel: plots of all shares of green, dead and soil; below them, pure ground."""
    draw = np.random.default_rng(seed)
    shares = [*np.eye(3), *draw.dirichlet([0.8] * 3, ACROSS * DOWN - 3)]
    pure = [np.eye(3)[index % 3] for index in range(2 * ACROSS)]
    tiles = [patches(share, size, draw) for share in shares] + [patches(share, 25, draw) for share in pure]
    classes, kinds = (
        np.block([[tiles[row * ACROSS + col][part] for col in range(ACROSS)] for row in range(DOWN + 2)])
        for part in (0, 1)
    )
    shade = np.zeros(classes.shape, bool)
    for plot in range(3, ACROSS * DOWN, 3):
        row, col = divmod(plot, ACROSS)
        shade[row * SIDE : (row + 1) * SIDE, col * SIDE : col * SIDE + 8] = True
    shade[-SIDE:, -2 * SIDE :] = True
    return classes, kinds, shade


def write_mosaic(classes: Ints, kinds: Ints, shade: NDArray[np.bool_], path: Path, seed: int) -> None:
    """Reflectance of light that differs from place to place, of a lens that blurs, and of a noisy sensor."""
    draw = np.random.default_rng((seed, 1))
    light = np.exp(0.1 * draw.standard_normal(classes.shape)) * np.where(shade, SHADE, 1)
    sharp = np.array(MATERIALS)[classes, kinds] * light[..., None]
    seen = cv2.GaussianBlur(sharp, (0, 0), 0.7) + 0.003 * draw.standard_normal(sharp.shape)
    with cog(path, Grid(CRS, WEST, NORTH, PIXEL, classes.shape[1], classes.shape[0]), list(BANDS)) as sink:
        for block in Grid(CRS, WEST, NORTH, PIXEL, classes.shape[1], classes.shape[0]).blocks():
            sink.write(block, seen[*block.slices].transpose(2, 0, 1).astype(np.float32))


def square_at(row: float, col: float, side: float) -> BaseGeometry:
    """Square of ``side`` metres whose upper left corner lies so many metres down and right."""
    return box(WEST + col, NORTH - row - side, WEST + col + side, NORTH - row)


def draw_shapes(path: Path) -> Path:
    """Four shapes on every field of pure ground; the last two fields lie in shadow."""
    rows = []
    for index in range(2 * ACROSS):
        row, col = DOWN + index // ACROSS, index % ACROSS
        name = "shadow" if index >= 2 * ACROSS - 2 else CLASSES[index % 3]
        rows += [
            {"class": name, "geometry": square_at(row + down + 0.1, col + right + 0.1, 0.3)}
            for down in (0, 0.5)
            for right in (0, 0.5)
        ]
    gpd.GeoDataFrame(rows, crs=CRS).to_file(path)
    return path


@pytest.fixture(params=[10, 4], ids=["tufts of 20 cm", "tufts of 8 cm"])
def read(request: pytest.FixtureRequest, flown: Callable[..., Flight], tmp_path: Path) -> Callable[[str], Any]:
    """Plot table of a method, with the true shares of green and of all plants on the lit part of every plot."""
    seed = 1
    classes, kinds, shade = meadow(request.param, seed)
    write_mosaic(classes, kinds, shade, tmp_path / "reflectance.tif", seed)
    training = TrainingShapes(path=draw_shapes(tmp_path / "shapes.geojson"))

    def run(method: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        make_cover(tmp_path / "reflectance.tif", tmp_path, settings=CoverSettings(method=method, training=training))
        places = [divmod(index, ACROSS) for index in range(ACROSS * DOWN)]
        plots = [
            Plot(plot_id=f"P{index:02d}", geometry=square_at(row, col, 1.0), crs=CRS)
            for index, (row, col) in enumerate(places)
        ]
        make_plot_predictors(flown(plots), Maps(rasters={"cover": tmp_path / "cover.tif"}), tmp_path)
        parts = [np.s_[row * SIDE : (row + 1) * SIDE, col * SIDE : (col + 1) * SIDE] for row, col in places]
        truth = [
            {"fvc_green": (lit := classes[part][~shade[part]] == GREEN).mean()}
            | {"fvc_total": lit.mean() + (classes[part][~shade[part]] == DEAD).mean()}
            for part in parts
        ]
        table = gpd.read_parquet(tmp_path / "plot_predictors.parquet")
        return table, pd.DataFrame(truth, index=[plot.plot_id for plot in plots])

    return run


def test_a_forest_counts_dead_plants_in_total_and_not_in_green_as_surely_as_it_says(read: Callable[[str], Any]) -> None:
    table, truth = read("forest")
    values = table.pivot_table(index="plot_id", columns="variable", values="value")[["fvc_green", "fvc_total"]]
    off = values - truth
    assert np.sqrt((off["fvc_green"] ** 2).mean()) < 0.02
    assert np.sqrt((off["fvc_total"] ** 2).mean()) < 0.06
    assert off.mean().abs().max() < 0.05
    green, dead, soil = (values.loc[f"P{index:02d}"] for index in (GREEN, DEAD, SOIL))
    assert green.min() > 0.97
    assert dead["fvc_green"] < 0.02
    assert dead["fvc_total"] > 0.97
    assert soil.max() < 0.03
    assert (values["fvc_green"] <= values["fvc_total"]).all()
    # shapes amid one cover are named without an error; edges of dead plants and soil are not, and lean one way
    sd = table[table["variable"] == "fvc_total"].set_index("plot_id")["uncertainty"]
    error = off["fvc_total"].abs()
    assert (error <= 1.645 * sd).mean() >= 0.88
    # nor by stating what nobody could use
    assert np.sqrt((sd**2).mean()) < 2.5 * np.sqrt((error**2).mean())


def test_a_greenness_index_says_nothing_of_total_cover(read: Callable[[str], Any]) -> None:
    table, truth = read("a_star_otsu")
    assert set(table["variable"]) == {"fvc_green"}
    green = table.set_index("plot_id")["value"]
    assert np.sqrt(((green - truth["fvc_green"]) ** 2).mean()) < 0.05
    assert green[f"P{DEAD:02d}"] < 0.05
