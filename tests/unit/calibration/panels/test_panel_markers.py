"""Panels beside ArUco and AprilTag markers, at a place a person gives, and in tables of the recipe."""

import cv2
import numpy as np
import pytest

from calibration.captures import calibrate_captures
from calibration.panels.albedo import PanelTable
from calibration.panels.markers import PanelMarker, read_marker, shipped_markers
from calibration.panels.region import PanelGeometry
from calibration.panels.search import PanelPlace, PanelSearch, find_panels
from calibration.planning.settings import CalibrationSettings
from uav_workflow.domain.flight import Capture
from uav_workflow.errors import CalibrationError, RecipeError
from uav_workflow.recipe import load_recipe

SHAPE = (480, 480)
LIGHT = 1.2
PANEL = 0.5
MINE = PanelMarker(
    family="DICT_APRILTAG_25h9",
    number=7,
    serial="MINE-7",
    geometry=PanelGeometry(code_half=60.0, region=80.0, offset=(0.0, -150.0)),
    turned=False,
)
OWN = {"MINE-7": {400.0: PANEL, 900.0: PANEL}, "SENTERA-23": {400.0: PANEL, 900.0: PANEL}}


def _scene(family, number, *, side, offset, panel, turn=0):
    """Dark ground with a marker of `side` pixels and a panel of `panel` pixels, turned by quarter turns."""
    ground = np.random.default_rng(3).uniform(0.04, 0.12, SHAPE)
    dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, family))
    marker = cv2.aruco.generateImageMarker(dictionary, number, side)
    x, y = (240 - np.array(offset) // 2 - side // 2).astype(int)
    ground[y - 15 : y + side + 15, x - 15 : x + side + 15] = 0.85
    ground[y : y + side, x : x + side] = np.where(marker > 127, 0.85, 0.03)
    px, py = (240 - np.array(offset) // 2 + np.array(offset) - panel // 2).astype(int)
    ground[py : py + panel, px : px + panel] = PANEL
    return np.rot90(ground, turn).copy()


def _search(**options):
    return PanelSearch(table=PanelTable.load(values=OWN), **options)


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_the_panel_of_an_aruco_marker_on_whatever_side_it_lies(rededge, shoot, turn):
    """Shipped: marker 70 mm, panel 60 mm beside it; here 140 pixels and 120."""
    image = shoot("p.tif", _scene("DICT_6X6_250", 23, side=140, offset=(160, 0), panel=110, turn=turn), LIGHT)
    markers = (PanelMarker.of(_row(side_mm="70", x_mm="80", y_mm="0", region_mm="40"), "x"),)
    (reading,) = find_panels([Capture(capture_id="c", images=(image,))], rededge, _search(markers=markers))
    assert (reading.found_by, reading.serial) == ("marker", "SENTERA-23")
    assert reading.irradiance == pytest.approx(LIGHT, rel=2e-3)
    assert reading.cv < 0.01


def _row(**changes):
    row = {"family": "DICT_6X6_250", "id": "23", "serial": "SENTERA-23", "side_mm": "70", "x_mm": "60", "y_mm": "0"}
    return row | {"region_mm": "40", "turned": "yes"} | changes


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_the_panel_of_an_april_tag_lies_where_its_offset_says(rededge, shoot, turn):
    """Marker of 120 mm as 120 pixels, panel 150 mm below it; brighter ground on another side does not count."""
    scene = _scene("DICT_APRILTAG_25h9", 7, side=120, offset=(0, 150), panel=100)
    scene[20:110, 200:280] = 0.8
    image = shoot("p.tif", np.rot90(scene, turn).copy(), LIGHT)
    (reading,) = find_panels([Capture(capture_id="c", images=(image,))], rededge, _search(markers=(MINE,)))
    assert reading.serial == "MINE-7"
    assert reading.irradiance == pytest.approx(LIGHT, rel=2e-3)


def test_a_marker_nobody_told_of_is_none(rededge, shoot):
    scene = _scene("DICT_6X6_250", 24, side=140, offset=(160, 0), panel=110)
    assert read_marker(np.clip(scene * 60000, 0, 65520).astype(np.uint16), shipped_markers()) is None
    image = shoot("p.tif", scene, LIGHT)
    assert find_panels([Capture(capture_id="c", images=(image,))], rededge) == ()


def test_a_known_marker_whose_panel_nobody_knows_is_an_error(shoot, flight_of, tmp_path):
    image = shoot("p.tif", _scene("DICT_6X6_250", 23, side=140, offset=(130, 0), panel=110), LIGHT, after_s=-60)
    survey = shoot("s.tif", np.full(SHAPE, 0.2), LIGHT)
    captures = [Capture(capture_id=image.name, images=(image,)) for image in (image, survey)]
    with pytest.raises(CalibrationError, match="SENTERA-23"):
        calibrate_captures(flight_of(captures), tmp_path / "out")
    settings = CalibrationSettings(panels=OWN)
    made = calibrate_captures(flight_of(captures), tmp_path / "out", settings=settings)
    assert made.facts["panel_captures"] == ["p.tif"]


@pytest.mark.parametrize("change", [{"family": "DICT_9X9"}, {"id": "a"}, {"side_mm": ""}, {"family": "aruco"}])
def test_a_wrong_marker_says_where(change):
    with pytest.raises(CalibrationError, match=r"mine\.csv"):
        PanelMarker.of(_row(**change), "mine.csv")


def test_a_place_that_a_person_gives_is_read_and_nothing_is_searched(rededge, shoot):
    scene = np.full(SHAPE, 0.1)
    scene[100:200, 300:400] = PANEL
    image = shoot("p.tif", scene, LIGHT)
    place = PanelPlace(serial="MINE-7", corners=((300, 100), (400, 100), (400, 200), (300, 200)))
    search = _search(places={"p.tif": place})
    (reading,) = find_panels([Capture(capture_id="c", images=(image,))], rededge, search)
    assert reading.found_by == "given place"
    assert reading.irradiance == pytest.approx(LIGHT, rel=1e-3)
    assert reading.pixels == pytest.approx(6400, rel=0.05)


def test_a_picture_of_the_panel_shows_the_region(shoot, flight_of, tmp_path):
    import json

    scene = np.full(SHAPE, 0.1)
    scene[100:200, 300:400] = PANEL
    image = shoot("f/p.tif", scene, LIGHT, after_s=-60)
    survey = shoot("f/s.tif", np.full(SHAPE, 0.2), LIGHT)
    captures = [Capture(capture_id=image.name, images=(image,)) for image in (image, survey)]
    place = PanelPlace(serial="MINE-7", corners=((300, 100), (400, 100), (400, 200), (300, 200)))
    settings = CalibrationSettings(panels=OWN, panel_places={"f/p.tif": place})
    calibrate_captures(flight_of(captures), tmp_path / "out", settings=settings)
    (row,) = json.loads((tmp_path / "out/calibration.json").read_text())["panels"]
    assert row["picture"] == "panel_pictures/f/p.tif.png"
    shown = cv2.imread(str(tmp_path / "out" / row["picture"]))
    assert max(shown.shape) == 480
    coloured = np.ptp(shown.astype(int), axis=2) > 60
    rows, columns = np.nonzero(coloured)
    inside = shown[(rows.min() + rows.max()) // 2, (columns.min() + columns.max()) // 2]
    assert inside.min() > 220
    assert 0.002 < coloured.mean() < 0.05


def test_values_of_the_recipe_come_before_tables(tmp_path):
    own = tmp_path / "own.csv"
    own.write_text("serial,centre_nm,albedo\nX,560,0.4\n")
    table = PanelTable.load([own], {"X": {560.0: 0.5}})
    assert table.albedo("X", None, 560).value == 0.5
    with pytest.raises(CalibrationError, match="recipe"):
        PanelTable.load(values={"X": {560.0: 67.0}})


def test_the_recipe_holds_the_values_of_a_panels_card():
    recipe = load_recipe(overrides=["calibration.panels={MINE-7: {560: 0.5, 840: 0.45}}"])
    settings = CalibrationSettings(panels=recipe.calibration.panels)
    assert settings.search.table.albedo("MINE-7", None, 700).value == pytest.approx(0.475)
    assert recipe.recipe_id != load_recipe().recipe_id
    with pytest.raises(RecipeError, match="panels"):
        load_recipe(overrides=["calibration.panels={MINE-7: {560: 50}}"])


def test_the_recipe_holds_markers_and_places():
    recipe = load_recipe(
        overrides=[
            "calibration.panel_markers=[{family: DICT_APRILTAG_25h9, id: 7, serial: MINE-7, side_mm: 120, x_mm: 0, "
            "y_mm: -150, region_mm: 80, turned: false}]",
            "calibration.panel_places={f/p.tif: {serial: MINE-7, corners: [[300, 100], [400, 100], [400, 200], "
            "[300, 200]]}}",
        ]
    )
    settings = CalibrationSettings.of(recipe.calibration)
    assert settings.panel_markers == (MINE,)
    assert settings.search.markers[0] == MINE
    corners = ((300, 100), (400, 100), (400, 200), (300, 200))
    assert settings.panel_places == {"f/p.tif": PanelPlace(serial="MINE-7", corners=corners)}


@pytest.mark.parametrize(
    "wrong",
    [
        "calibration.panel_places={p.tif: {serial: A, corners: [[0, 0]]}}",
        "calibration.panel_markers=[{family: DICT_6X6_250, id: -1, serial: A, side_mm: 1, x_mm: 0, y_mm: 0}]",
        "calibration.block_adjustment=perhaps",
        "calibration.sky=blue",
    ],
)
def test_a_wrong_value_of_the_recipe_is_refused(wrong):
    with pytest.raises(RecipeError, match="calibration"):
        load_recipe(overrides=[wrong])
