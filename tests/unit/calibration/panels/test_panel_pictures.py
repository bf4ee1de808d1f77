"""Panels drawn into pictures of known radiance, found again."""

import cv2
import numpy as np
import pytest
import tifffile

from calibration.panels.albedo import PanelTable
from calibration.panels.region import candidate_regions, geometry_of, inside, read_code, shrunk
from calibration.panels.search import PanelSearch, find_panels, panel_candidates
from uav_workflow.domain.flight import Capture, Position

SHAPE = (640, 640)
LIGHT = 1.2
PANEL = 0.55
CODES = {2: "RP02-1603036-SC", 4: "RP04-1924106-OB0400550" + "0900550", 6: "RP06-2051037-OB0400550" + "0900550"}


def _scene(version, turn, *, panel=PANEL, seed=3, pixels_a_mm=1.4):
    """Reflectance of dark ground with a code and its panel, turned by quarter turns."""
    rng = np.random.default_rng(seed)
    ground = rng.uniform(0.04, 0.12, (640, 640))
    code = cv2.QRCodeEncoder.create().encode(CODES[version])
    geometry = geometry_of(version)
    side, half = round(2 * geometry.code_half * pixels_a_mm), round(45 * pixels_a_mm)
    modules = cv2.resize(code[2:-2, 2:-2], (side, side), interpolation=cv2.INTER_NEAREST)
    offset = np.array(geometry.offset) * [1, -1] * pixels_a_mm
    x, y = np.rint(320 - offset / 2 - side / 2).astype(int)
    ground[y - 20 : y + side + 20, x - 20 : x + side + 20] = 0.85
    ground[y : y + side, x : x + side] = np.where(modules > 127, 0.85, 0.03)
    px, py = np.rint(320 + offset / 2).astype(int)
    ground[py - half : py + half, px - half : px + half] = panel
    return np.rot90(ground, turn).copy()


@pytest.mark.parametrize("version", [2, 4, 6])
@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_a_panel_is_found_however_it_lies(rededge, shoot, version, turn):
    image = shoot("p.tif", _scene(version, turn), LIGHT)
    (reading,) = find_panels([Capture(capture_id="c", images=(image,))], rededge)
    assert reading.radiance == pytest.approx(PANEL * LIGHT / np.pi, rel=2e-3)
    assert reading.cv < 0.01
    assert reading.serial == CODES[version][:15]
    assert reading.found_by == "qr code"


def test_irradiance_on_the_panel_is_the_light(rededge, shoot):
    image = shoot("p.tif", _scene(6, 0), LIGHT)
    (reading,) = find_panels([Capture(capture_id="c", images=(image,))], rededge)
    assert reading.irradiance == pytest.approx(LIGHT, rel=2e-3)


def test_ground_without_a_panel_gives_nothing(rededge, shoot):
    ground = np.random.default_rng(4).uniform(0.04, 0.6, SHAPE)
    assert find_panels([Capture(capture_id="c", images=(shoot("g.tif", ground, LIGHT),))], rededge) == ()


def test_a_code_whose_panel_is_out_of_the_picture_gives_nothing(rededge, shoot):
    scene = _scene(2, 0)[:, 310:]
    assert read_code(np.clip(scene * 60000, 0, 65520).astype(np.uint16)) is not None
    assert find_panels([Capture(capture_id="c", images=(shoot("g.tif", scene, LIGHT),))], rededge) == ()


def test_saturation_on_the_panel_is_counted(rededge, shoot):
    image = shoot("p.tif", _scene(2, 0, panel=0.84), LIGHT, exposure_s=5e-4)
    (reading,) = find_panels([Capture(capture_id="c", images=(image,))], rededge)
    assert reading.saturated == 1.0


def test_a_shadow_edge_over_the_panel_shows_in_gradient_and_evenness(rededge, shoot):
    scene = _scene(2, 0)
    scene[:, 190:310] *= np.linspace(0.85, 1.0, 120)
    (reading,) = find_panels([Capture(capture_id="c", images=(shoot("p.tif", scene, LIGHT),))], rededge)
    assert reading.gradient > 0.03


def test_the_cameras_own_tags_save_the_search(rededge, shoot):
    scene = np.full(SHAPE, 0.1)
    scene[100:200, 300:400] = PANEL
    image = shoot(
        "p.tif",
        scene,
        LIGHT,
        Camera__CalibrationPicture=2,
        Camera__ReflectArea=("300,100,400,100,400,200,300,200",),
        MicaSense__PanelSerial="RP02-1603036-SC",
    )
    (reading,) = find_panels([Capture(capture_id="c", images=(image,))], rededge)
    assert reading.found_by == "tags"
    assert reading.radiance == pytest.approx(PANEL * LIGHT / np.pi, rel=1e-3)
    assert reading.pixels == pytest.approx(6400, rel=0.05)
    assert reading.albedo.value == pytest.approx(0.68)


def test_a_tagged_albedo_is_used_and_the_users_table_beats_it(rededge, shoot, tmp_path):
    scene = np.full(SHAPE, PANEL)
    tags = {"Camera__CalibrationPicture": 2, "Camera__ReflectArea": ("300,100,400,100,400,200,300,200",)}
    image = shoot("p.tif", scene, LIGHT, **tags, Camera__Albedo=0.5, MicaSense__PanelSerial="RP06-2051037-OB")
    capture = Capture(capture_id="c", images=(image,))
    assert find_panels([capture], rededge)[0].albedo.value == 0.5
    own = tmp_path / "own.csv"
    own.write_text("serial,centre_nm,albedo\nRP06-2051037-OB,668,0.47\n")
    assert find_panels([capture], rededge, PanelSearch(table=PanelTable.load([own])))[0].albedo.value == 0.47


def test_the_search_is_spent_on_ends_low_captures_and_marked_ones(rededge, picture):
    from dataclasses import replace

    def capture(index, alt_m, **tags):
        image = replace(picture(**tags), position=Position(lon=0, lat=0, alt_m=alt_m))
        return Capture(capture_id=str(index), images=(image,))

    heights = [2.0, 3.0, *[60.0] * 20, 4.0, *[60.0] * 10]
    captures = [capture(index, alt) for index, alt in enumerate(heights)]
    captures[10] = capture(10, 60.0, Camera__CalibrationPicture=2, Camera__ReflectArea=("1,2,3,4,5,6,7,8",))
    chosen = {int(c.capture_id) for c in panel_candidates(captures, rededge, PanelSearch.shipped())}
    assert chosen == {0, 1, 2, 10, 22, 30, 31, 32}


def test_a_region_is_drawn_in_towards_its_middle():
    corners = np.array([(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0)])
    np.testing.assert_allclose(shrunk(corners, 0.5), [(2.5, 2.5), (7.5, 2.5), (7.5, 7.5), (2.5, 7.5)])


def test_a_region_that_leaves_the_picture_is_none():
    corners = np.array([(-1.0, 0.0), (10.0, 0.0), (10.0, 10.0), (-1.0, 10.0)])
    assert inside(corners, (50, 50)) is None


def test_candidates_lie_round_the_code():
    from calibration.panels.albedo import PanelCode

    square = np.array([(100.0, 100.0), (184.0, 100.0), (184.0, 184.0), (100.0, 184.0)])
    middles = [place.mean(axis=0) - 142 for place in candidate_regions(PanelCode.parse(CODES[2]), square)]
    assert sorted(np.rint(middles).astype(int).tolist()) == [[-143, 0], [0, -143], [0, 143], [143, 0]]


def test_a_code_too_soft_to_read_in_one_band_is_known_from_the_others(rededge, shoot):
    sharp = _scene(6, 0)
    soft = cv2.GaussianBlur(sharp, (0, 0), 2.4)
    images = (shoot("a.tif", sharp, LIGHT, band="Green"), shoot("b.tif", soft, LIGHT, band="NIR"))
    alone = Capture(capture_id="b", images=images[1:], is_panel=True)
    assert find_panels([alone], rededge) == ()
    readings = find_panels([Capture(capture_id="c", images=images)], rededge)
    assert [reading.band for reading in readings] == ["Green", "NIR"]
    for reading in readings:
        assert reading.radiance == pytest.approx(PANEL * LIGHT / np.pi, rel=5e-3)


def test_an_unmarked_capture_is_given_two_bands(rededge, shoot):
    blank = np.full(SHAPE, 0.1)
    names = ("Green", "NIR", "Blue")
    scenes = {"Green": blank, "NIR": _scene(2, 0), "Blue": blank}
    images = tuple(shoot(f"{name}.tif", scenes[name], LIGHT, band=name) for name in names)
    (reading,) = find_panels([Capture(capture_id="c", images=images)], rededge)
    assert reading.band == "NIR"
    late = (images[0], images[2], images[1])
    assert find_panels([Capture(capture_id="c", images=late)], rededge) == ()
    assert len(find_panels([Capture(capture_id="c", images=late, is_panel=True)], rededge)) == 1


@pytest.mark.shared
def test_codes_of_real_panels_are_read_at_half_their_size(shared_data):
    """Frames of 640 x 480: modules of two pixels; the corners lie where they lie in the whole frame."""
    for band in range(1, 6):
        path = shared_data / f"micasense_rededge/0000SET/000/IMG_0000_{band}.tif"
        whole = tifffile.imread(path)
        half = cv2.resize(whole, (640, 480), interpolation=cv2.INTER_AREA)
        found, reference = read_code(half), read_code(whole)
        assert found is not None
        assert reference is not None
        assert found[0] == reference[0]
        np.testing.assert_allclose(2 * (found[1] + 0.5), reference[1] + 0.5, atol=4.0)
    flown = tifffile.imread(shared_data / "micasense_rededge/0000SET/000/IMG_0001_2.tif")
    assert read_code(cv2.resize(flown, (640, 480), interpolation=cv2.INTER_AREA)) is None
