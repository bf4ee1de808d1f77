"""A drone's bands beside a scene of which they are known to be a straight line."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import odc.stac
import pandas as pd
import pystac
import pytest
import typer
from pystac.validation.stac_validator import JsonSchemaSTACValidator
from typer.testing import CliRunner

from uav_workflow.cli.run import run
from uav_workflow.domain.flight import Band
from uav_workflow.domain.grid import Grid
from uav_workflow.errors import RecipeError
from uav_workflow.handover.bridge import DroneBands, Scene, bridge, mosaic_bands, refuse_absent_bands, write_bridge
from uav_workflow.handover.bridge_files import bridge_files
from uav_workflow.handover.package import make_handover
from uav_workflow.rasters.reader import Raster
from uav_workflow.rasters.writer import cog
from uav_workflow.recipe import load_recipe

FINE = Grid("EPSG:32647", 600003.0, 4200058.0, 0.5, 140, 100)
SCENE = Grid("EPSG:32647", 599990.0, 4200110.0, 10.0, 7, 12)
"""Its cells are the flight's 10 m ones; its eastern border cuts the flight at 600060."""


def raster(path: Path, grid: Grid, **bands: np.ndarray) -> Path:
    with cog(path, grid, tuple(bands)) as target:
        target.write(next(grid.blocks()), np.stack(list(bands.values())))
    return path


@pytest.fixture
def drone(tmp_path: Path) -> DroneBands:
    rng = np.random.default_rng(3)
    red = np.kron(rng.uniform(0.03, 0.2, (10, 14)), np.ones((10, 10)))
    nir = np.kron(rng.uniform(0.2, 0.5, (10, 14)), np.ones((10, 10)))
    nir[30:60, 40:60] = np.nan
    bands = {"red": Band(name="Red", centre_nm=668.0, fwhm_nm=14.0)}
    bands |= {"nir": Band(name="NIR", centre_nm=840.0, fwhm_nm=40.0)}
    path = raster(tmp_path / "reflectance.tif", FINE, red=red, nir=nir)
    return DroneBands(path=path, day=date(2024, 7, 15), quantity="reflectance", bands=bands)


def cell_means(band: np.ndarray) -> np.ndarray:
    """Means of the flight's pixels on the scene's cells by hand, pixels nested in them; NaN unless wholly inside."""
    padded = np.full((240, 140), np.nan)
    padded[104:204, 26:140] = band[:, :114]
    return padded.reshape(12, 20, 7, 20).mean(axis=(1, 3))


def scene(tmp_path: Path, drone: DroneBands, **settings: Any) -> Scene:
    with Raster(drone.path) as source:
        red, nir = (cell_means(band) for band in source.read().astype(float))
    rng = np.random.default_rng(4)
    b4 = np.where(np.isnan(red), 0.07, 1.2 * red + 0.01)
    b8 = np.where(np.isnan(nir), 0.3, 0.85 * nir + 0.173 + rng.normal(0, 0.01, nir.shape))
    path = raster(tmp_path / "scene.tif", SCENE, B04=(b4 + 0.1) * 1e4, B08=(b8 + 0.1) * 1e4)
    given = {"scale": 1e-4, "offset": -0.1, "pairs": {"Red": "B04", "nir": "B08"}}
    return Scene(name="s2", path=path, day=date(2024, 7, 17), **(given | settings))


def test_the_line_is_found(tmp_path: Path, drone: DroneBands) -> None:
    made = bridge(drone, scene(tmp_path, drone, centres_nm={"B04": 664.6}, fwhm_nm={"B04": 31.0}))
    red, nir = made.pairs
    # whole columns 600010 - 600060, whole rows 4200010 - 4200050
    assert red.n == 20
    assert (red.slope, red.intercept) == pytest.approx((1.2, 0.01), abs=1e-5)
    assert red.r == pytest.approx(1)
    assert red.days == 2
    assert (red.drone_centre_nm, red.drone_fwhm_nm, red.scene_centre_nm, red.scene_fwhm_nm) == (668, 14, 664.6, 31)
    assert np.isnan(nir.scene_centre_nm)
    assert 15 <= nir.n < 20  # the hole took cells
    assert abs(nir.slope - 0.85) < 3 * nir.slope_se
    means = made.drone["red"].mean[made.drone["red"].coverage > 0.999]
    inside = made.drone["red"].coverage[:, :6] > 0.9  # of the flight's own columns those the scene has
    ours = made.drone["red"].mean[:, :6][inside]
    assert red.bias == pytest.approx(float(np.mean(ours - (1.2 * ours + 0.01))), abs=1e-6)
    assert red.bias_low < red.bias < red.bias_high
    assert means.size > 20
    assert made.findings == ()


def test_a_table_a_pair_of_bands(tmp_path: Path, drone: DroneBands) -> None:
    made = bridge(drone, scene(tmp_path, drone))
    write_bridge([made, made], tmp_path / "bridge.csv")
    table = pd.read_csv(tmp_path / "bridge.csv")
    assert list(table["drone_band"]) == ["red", "nir"] * 2
    assert {"slope", "intercept", "bias", "r", "n", "days", "drone_centre_nm", "drone_fwhm_nm"} <= set(table.columns)


def test_a_rig_with_two_greens_keeps_their_wavelengths(tmp_path: Path, drone: DroneBands) -> None:
    """A mosaic names them apart where the photos have one name; a band without a partner has its centre too."""
    seen = [Band(name="Green", centre_nm=531.0, fwhm_nm=14.0), Band(name="Green", centre_nm=560.0, fwhm_nm=27.0)]
    seen += [Band(name="Red edge", centre_nm=717.0, fwhm_nm=12.0)]
    bands = mosaic_bands(["green_531", "green_560", "red_edge", "other"], [531.0, 560.0, 717.0, None], seen)
    assert [(band.centre_nm, band.fwhm_nm) for band in bands.values()] == [
        (531, 14),
        (560, 27),
        (717, 12),
        (None, None),
    ]
    alone = scene(tmp_path, drone, pairs={"Red": "B04"})
    (drawn,) = bridge_files(bridge(drone, alone), tmp_path)[:1]
    assert [band.get("eo:center_wavelength") for band in drawn.bands] == [0.668, 0.84, None]


def test_bands_pair_however_a_recipe_writes_them(tmp_path: Path, drone: DroneBands) -> None:
    given = raster(tmp_path / "edge.tif", FINE, red_edge=np.random.default_rng(1).uniform(0.1, 0.3, (100, 140)))
    for name in ("Red edge", "red_edge", "RED EDGE"):
        edge = scene(tmp_path, drone, pairs={name: "B04"})
        assert [pair.drone_band for pair in bridge(replace(drone, path=given), edge).pairs] == ["red_edge"]


def test_unscaled_numbers_and_relative_mosaics_are_said(tmp_path: Path, drone: DroneBands) -> None:
    made = bridge(replace(drone, quantity="relative"), scene(tmp_path, drone, scale=1.0, offset=0.0))
    assert [finding.code for finding in made.findings] == ["bridge-scene-unscaled", "bridge-drone-relative"]


def test_a_scene_elsewhere_draws_no_line(tmp_path: Path, drone: DroneBands) -> None:
    far = raster(tmp_path / "far.tif", Grid("EPSG:32647", 700000.0, 4200100.0, 10.0, 5, 5), red=np.ones((5, 5)))
    made = bridge(drone, Scene(name="far", path=far, day=date(2024, 7, 15)))
    assert [finding.code for finding in made.findings] == ["bridge-few-cells"]
    assert made.pairs[0].n == 0
    assert np.isnan(made.pairs[0].slope)


def test_bands_are_never_paired_by_a_guess(tmp_path: Path, drone: DroneBands) -> None:
    with pytest.raises(RecipeError, match="name the pairs"):
        bridge(drone, scene(tmp_path, drone, pairs={}))
    with pytest.raises(RecipeError, match="the scene's B05"):
        bridge(drone, scene(tmp_path, drone, pairs={"red": "B05"}))
    with pytest.raises(RecipeError, match="the flight's blue"):
        bridge(drone, scene(tmp_path, drone, pairs={"blue": "B04"}))


def test_a_band_the_scene_lacks_is_refused_before_the_run(tmp_path: Path, drone: DroneBands) -> None:
    document = tmp_path / "recipe.yaml"
    path = scene(tmp_path, drone).path
    scenes = f"  scenes:\n  - {{name: s2, raster: {path}, date: 2024-07-17, bands: {{red: B99, nir: B08}}}}\n"
    document.write_text(f"handover:\n{scenes}")
    command = typer.Typer()
    command.command()(run)
    told = CliRunner().invoke(command, [str(tmp_path / "no flight"), "--recipe", str(document)])
    assert isinstance(told.exception, RecipeError)
    assert "names bands that are not there: B99" in str(told.exception)
    refuse_absent_bands("s2", path, ["B04", "B08"])


@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")
@pytest.mark.filterwarnings("ignore:The 'shapely.ops.transform:DeprecationWarning")
def test_the_package_carries_it(tmp_path: Path, drone: DroneBands, order: dict[str, Any]) -> None:
    from rio_cogeo.cogeo import cog_validate

    make_handover(**(order | {"bridges": [bridge(drone, scene(tmp_path, drone))]}))
    assert cog_validate(order["out"] / "reflectance_s2.tif", strict=True) == (True, [], [])
    item = json.loads((order["out"] / "20240715-abc123-bridge-s2.json").read_text())
    red = item["assets"]["reflectance_s2"]["bands"][0]
    assert (red["name"], red["eo:common_name"], red["eo:center_wavelength"]) == ("red", "red", 0.668)
    assert any("/eo/v2" in uri for uri in item["stac_extensions"])
    JsonSchemaSTACValidator().validate_core(item, pystac.STACObjectType.ITEM, "1.1.0")
    read = pystac.Item.from_file(str(order["out"] / "20240715-abc123-bridge-s2.json"))
    loaded = odc.stac.load([read], bands=["reflectance_s2.2"])
    with Raster(order["out"] / "reflectance_s2.tif") as raster:
        assert np.array_equal(loaded["reflectance_s2.2"].values[0], raster.band("nir"), equal_nan=True)
        assert loaded.odc.geobox.transform == raster.grid.transform
    assert item["properties"]["uav:scene_date"] == "2024-07-17"
    assert item["properties"]["uav:half_cell_test"]["told"] is False  # twenty cells
    table = item["assets"]["bridge_s2"]
    assert table["table:row_count"] == 2
    assert {"name": "days", "description": "scene minus flight, days", "type": "int64"} in table["table:columns"]
    assert all(column["description"] and column["type"] for column in table["table:columns"])
    assert pd.read_csv(order["out"] / "bridge_s2.csv")["slope"].iloc[0] == pytest.approx(1.2, abs=1e-4)


def test_a_recipe_names_scene_and_template(tmp_path: Path) -> None:
    path = raster(tmp_path / "gf.tif", SCENE, red=np.ones(SCENE.shape))
    scene_of = f"handover.scenes=[{{name: s2, raster: {path}, date: 2024-07-17, bands: {{red: B04}}}}]"
    recipe = load_recipe(None, [scene_of, f"handover.templates=[{{name: gf6, raster: {path}}}]"])
    assert recipe.handover.scenes[0].date == date(2024, 7, 17)
    assert recipe.handover.templates[0].raster_sha256 == recipe.handover.scenes[0].raster_sha256
    with pytest.raises(RecipeError, match="can't be read"):
        load_recipe(None, ["handover.templates=[{name: gf6, raster: /nowhere.tif}]"])
    with pytest.raises(RecipeError, match="neither a grid nor a template"):
        load_recipe(None, ["handover.grids_m=[]"])
    with pytest.raises(RecipeError, match="pattern"):
        load_recipe(None, [f"handover.templates=[{{name: a/b, raster: {path}}}]"])
