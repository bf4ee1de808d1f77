"""A forest that learns four classes from shapes a user drew."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import Point, box

from uav_workflow.errors import FlightDataError, NotMade
from uav_workflow.rasters.reader import Raster
from uav_workflow.vegetation.cover import CoverSettings, make_cover
from uav_workflow.vegetation.cover_forest import FOREST_JSON, FittedForest, features
from uav_workflow.vegetation.cover_training import CLASSES, TrainingShapes

SPECTRA = {  # red, green, blue, nir
    "green": (0.05, 0.09, 0.03, 0.42),
    "senescent": (0.26, 0.19, 0.10, 0.36),
    "soil": (0.16, 0.13, 0.10, 0.22),
    "shadow": (0.012, 0.012, 0.012, 0.03),
}
SIDE = 40
PIXEL = 0.02
ORIGIN = (5e5, 4.2e6)


def ground(seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """A chequerboard of the four classes, each field `SIDE` pixels, with noise; and the class of every pixel."""
    draw = np.random.default_rng(seed)
    fields = draw.permutation(np.tile(np.arange(4), 12)).reshape(6, 8)
    classes = np.kron(fields, np.ones((SIDE, SIDE), int))
    spectra = np.array(list(SPECTRA.values()))[classes]
    light = np.exp(0.1 * draw.standard_normal(classes.shape))[..., None]
    cube = spectra * light + 0.003 * draw.standard_normal(spectra.shape)
    return dict(zip(("red", "green", "blue", "nir"), np.moveaxis(cube, -1, 0), strict=True)), classes


def draw_shapes(
    classes: np.ndarray, path: Path, *, each: int = 3, points: bool = False, crs: str = "EPSG:4326"
) -> Path:
    """Write shapes inside the first fields of every class, in another CRS than the raster's."""
    rows = []
    for number, name in enumerate(CLASSES):
        fields = np.argwhere(classes[::SIDE, ::SIDE] == number)[:each]
        for row, col in fields:
            x, y = ORIGIN[0] + (col + 0.5) * SIDE * PIXEL, ORIGIN[1] - (row + 0.5) * SIDE * PIXEL
            shape = Point(x, y + 0.15) if points else box(x - 0.2, y, x + 0.2, y + 0.3)
            rows.append({"Class": name.upper(), "geometry": shape})
    gpd.GeoDataFrame(rows, crs="EPSG:32647").to_crs(crs).to_file(path)
    return path


def run(source: Path, training: Path, out: Path) -> tuple[np.ndarray, dict[str, object], list[str]]:
    settings = CoverSettings(method="forest", training=TrainingShapes(path=training))
    made = make_cover(source, out, settings=settings)
    with Raster(out / "cover.tif") as raster:
        assert raster.bands == ("fvc_green", "fvc_total", "shadow")
        return raster.read(), dict(made.facts), [finding.code for finding in made.findings]


def test_green_and_total_are_kept_apart(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    bands, classes = ground()
    cover, facts, codes = run(write_raster("r.tif", bands), draw_shapes(classes, tmp_path / "t.geojson"), tmp_path)
    green, total, shadow = cover
    assert np.mean(shadow == (classes == 3)) > 0.97
    lit = (shadow == 0) & (classes != 3)
    assert np.mean(green[lit] == (classes[lit] == 0)) > 0.97
    assert np.mean(total[lit] == (classes[lit] <= 1)) > 0.97
    assert np.isnan(green[shadow == 1]).all()
    assert np.isnan(total[shadow == 1]).all()
    accuracy = facts["accuracy"]
    assert isinstance(accuracy, dict)
    assert accuracy["out_of_bag"] > 0.95
    assert accuracy["grouped"] > 0.95
    assert np.trace(np.array(accuracy["confusion"])) == pytest.approx(
        accuracy["grouped"] * np.sum(accuracy["confusion"]), rel=1e-3
    )
    assert codes == []
    confusion = np.array(accuracy["confusion"])
    assert accuracy["plants_missed"] == pytest.approx(confusion[:2, 2].sum() / confusion[:2].sum(), abs=1e-4)
    assert accuracy["plants_false"] == pytest.approx(confusion[2, :2].sum() / confusion[2].sum(), abs=1e-4)
    with Raster(tmp_path / "cover_opinions.tif") as raster:
        sd = raster.band("sd_total")
    # where all trees agree it is the error on shapes held out, and more where they do not
    for side, rate in ((1, accuracy["plants_missed"]), (0, accuracy["plants_false"])):
        assert float(sd[total == side].min()) == pytest.approx(rate, abs=1e-6)
        assert float(np.median(sd[total == side])) == pytest.approx(rate, abs=1e-2)
        assert float(sd[total == side].max()) > rate + 0.2
    assert np.isnan(sd[shadow == 1]).all()


def test_accuracy_is_of_shapes_held_out_whole(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    """Labels drawn by lot: trees remember the pixels of a shape (out of bag), and know nothing of another shape."""
    bands, classes = ground()
    draw = np.random.default_rng(3)
    lots = draw.integers(0, 4, classes[::SIDE, ::SIDE].shape)
    tint = 0.02 * draw.standard_normal((4, *lots.shape))
    for plane, band in zip(tint, bands, strict=True):
        bands[band] = 0.15 + np.kron(plane, np.ones((SIDE, SIDE))) + 0.001 * draw.standard_normal(classes.shape)
    random = np.kron(lots, np.ones((SIDE, SIDE), int))
    _, facts, codes = run(write_raster("r.tif", bands), draw_shapes(random, tmp_path / "t.geojson", each=6), tmp_path)
    accuracy = facts["accuracy"]
    assert isinstance(accuracy, dict)
    assert accuracy["out_of_bag"] > 0.95
    assert accuracy["grouped"] < 0.6
    assert "forest-weak" in codes


def test_points_do_too(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    bands, classes = ground()
    training = draw_shapes(classes, tmp_path / "t.gpkg", each=10, points=True)
    (green, _, shadow), *_ = run(write_raster("r.tif", bands), training, tmp_path)
    lit = shadow == 0
    assert np.mean(green[lit] == (classes[lit] == 0)) > 0.93


def test_a_forest_on_mixed_pixels_is_questioned(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    bands, classes = ground()
    share = np.random.default_rng(1).uniform(size=classes.shape)
    mixed = (np.arange(classes.shape[0]) % 40 > 22)[:, None] & (classes != 3)
    for band, (leaf, _, soil, _) in zip(bands, zip(*SPECTRA.values(), strict=True), strict=True):
        bands[band] = np.where(mixed, share * leaf + (1 - share) * soil, bands[band])
    (green, _, shadow), _, codes = run(
        write_raster("r.tif", bands), draw_shapes(classes, tmp_path / "t.geojson"), tmp_path
    )
    assert "forest-on-mixed-pixels" in codes
    with Raster(tmp_path / "cover_opinions.tif") as raster:
        sd = raster.band("sd_total")
    lit = shadow == 0
    # pixels named whole err by a quarter on average; the fields that are pure stay as sure as the drawn shapes are
    assert float(np.mean(sd[mixed & lit])) > 0.6 * float(np.mean(np.abs(green - share)[mixed & lit]))
    assert float(np.median(sd[~mixed & lit])) < 0.1


def test_a_saved_forest_reads_the_same(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    bands, classes = ground()
    source = write_raster("r.tif", {name: bands[name] for name in ("red", "green", "blue")})
    cover, facts, _ = run(source, draw_shapes(classes, tmp_path / "t.geojson"), tmp_path)
    again = FittedForest.from_json(json.loads((tmp_path / FOREST_JSON).read_text()))
    with Raster(source) as raster:
        found = again.classify(raster.read(bands=again.bands))
    np.testing.assert_array_equal(found.green, cover[0])
    assert again.accuracy == facts["accuracy"]
    assert "nir" not in facts["features"]  # type: ignore[operator]


def test_one_shape_a_class_can_not_be_checked(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    bands, classes = ground()
    _, facts, codes = run(write_raster("r.tif", bands), draw_shapes(classes, tmp_path / "t.geojson", each=1), tmp_path)
    assert facts["accuracy"]["grouped"] is None  # type: ignore[index]
    assert codes == ["forest-not-checked"]
    with Raster(tmp_path / "cover_opinions.tif") as raster:
        assert np.isnan(raster.band("sd")).all()  # not known, which is not none


def test_texture_and_hue_are_what_they_say() -> None:
    draw = np.random.default_rng(0)
    planes = np.full((3, 40, 40), 0.2, np.float32)
    planes[:, 20:] *= np.exp(0.3 * draw.standard_normal((20, 40))).astype(np.float32)
    planes[0, :, :10], planes[1, :, 30:] = 0.5, 0.5
    seen = dict(
        zip(("l", "a", "b", "exg", "hue", "texture"), features(planes, ("red", "green", "blue"), 1.0), strict=True)
    )
    even, rough = seen["texture"][5:15, 15:25], seen["texture"][25:35, 15:25]
    assert even.max() < 0.01
    assert rough.min() > 1
    assert np.abs(seen["hue"][5, 2]) < 1  # red
    assert np.abs(seen["hue"][5, 37]) > 2  # green
    assert seen["exg"][5, 37] > 0.3
    assert seen["exg"][5, 2] < 0


@pytest.mark.parametrize(
    ("rows", "crs", "message"),
    [
        ({"kind": ["green", "soil"]}, "EPSG:32647", "has no column 'class'"),
        ({"class": ["green", "gras"]}, "EPSG:32647", "no class gras"),
        ({"class": ["soil", "soil"]}, "EPSG:32647", "green and at least one other"),
    ],
)
def test_wrong_shapes_are_said(
    write_raster: Callable[..., Path], tmp_path: Path, rows: dict[str, list[str]], crs: str, message: str
) -> None:
    path = tmp_path / "t.geojson"
    shapes = [box(ORIGIN[0], ORIGIN[1] - 1, ORIGIN[0] + 1, ORIGIN[1])] * 2
    gpd.GeoDataFrame(rows, geometry=shapes, crs=crs).to_file(path)
    with pytest.raises(FlightDataError, match=message):
        run(write_raster("r.tif", ground()[0]), path, tmp_path)


def test_no_shapes_no_forest(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(NotMade, match=r"cover\.training"):
        make_cover(write_raster("r.tif", ground()[0]), tmp_path, settings=CoverSettings(method="forest"))


def test_a_class_of_few_pixels_raises_no_warning(write_raster: Callable[..., Path], tmp_path: Path) -> None:
    """Its pixels are drawn for nearly every tree, so that some have no tree that left them out."""
    bands, classes = ground()
    shapes = gpd.read_file(draw_shapes(classes, tmp_path / "all.geojson", each=6))
    rare = shapes["Class"] == "SHADOW"
    shapes.loc[rare, "geometry"] = shapes.to_crs("EPSG:32647").centroid.buffer(0.03).to_crs(shapes.crs)[rare]
    shapes.to_file(tmp_path / "few.geojson")
    _, facts, codes = run(write_raster("r.tif", bands), tmp_path / "few.geojson", tmp_path)
    accuracy = facts["accuracy"]
    assert isinstance(accuracy, dict)
    assert accuracy["out_of_bag"] > 0.95
    assert codes == []
