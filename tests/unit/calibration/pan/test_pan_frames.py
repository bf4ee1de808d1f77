"""Captures of a made-up RedEdge-P: pictures of one painted plain, cameras a little turned, tags a little wrong."""

import shutil

import cv2
import numpy as np
import pytest
import rasterio
import tifffile
from camera_files import Shot, write_shot
from rasterio.errors import NotGeoreferencedWarning
from scipy.spatial.transform import Rotation

from calibration.alone import calibrate_folder
from calibration.pan.rig import align_to_pan
from calibration.pictures.folder import read_pictures
from calibration.planning.settings import CalibrationSettings
from uav_workflow.domain.reconstruction import Camera
from uav_workflow.engine.adjustment.collinearity import undistort

BANDS = {"Red": (668, 16), "NIR": (842, 57)}
SOIL, LEAF = np.array([0.17, 0.24]), np.array([0.05, 0.42])
IN_PAN = np.array([0.90, 0.10])
PAN_F, BAND_F = 900.0, 532.0
TURNED_DEG = {"Red": (-0.25, 0.15, 0.3), "NIR": (0.1, 0.3, -0.2)}
TAGGED_OFF_DEG = 0.12


def _camera(name):
    width, height, f = (576, 448, PAN_F) if name == "Panchro" else (340, 265, BAND_F)
    lens = {"k1": -0.09, "k2": 0.1} if name == "Panchro" else {"k1": -0.1, "k2": 0.13}
    return Camera(camera_id=name, width=width, height=height, fx=f, fy=f, cx=width / 2, cy=height / 2, **lens)


def _plain(seed):
    """Reflectance (bands and the panchromatic one, rows, columns) of leaves on soil; half a fine pixel a cell."""
    rng = np.random.default_rng(seed)
    shape = (1000, 1260)
    leaf = cv2.GaussianBlur(rng.normal(size=shape), (0, 0), 2) > 0.03
    light = np.clip(1 + 3 * cv2.GaussianBlur(rng.normal(size=shape), (0, 0), 4), 0.5, 1.5)
    bands = np.where(leaf, LEAF[:, None, None], SOIL[:, None, None]) * light
    return np.concatenate([bands, np.tensordot(IN_PAN, bands, 1)[None]]).astype(np.float32)


RAYS = 3
"""A side: bare points would make noise of the leaves that no panchromatic pixel has."""


def _seen(layer, camera, turned_deg):
    """Mean of nine rays a pixel, from a camera turned against the panchromatic one."""
    rows, columns = RAYS * camera.height, RAYS * camera.width
    steps = (np.mgrid[:rows, :columns][::-1].reshape(2, -1).T + 0.5) / RAYS
    rays = undistort(camera, steps) @ Rotation.from_euler("XYZ", turned_deg, degrees=True).as_matrix().T
    places = (2 * PAN_F * rays[:, :2] / rays[:, 2:] + np.array(layer.shape[::-1]) / 2 - 0.5).astype(np.float32)
    places = places.reshape(rows, columns, 2)
    values = cv2.remap(layer, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return values.reshape(camera.height, RAYS, camera.width, RAYS).mean(axis=(1, 3), dtype=float)


def _write(path, band, light, *, capture="a", turned_deg=(0.0, 0.0, 0.0)):
    camera = _camera(band)
    nm, width = BANDS.get(band, (634.5, 463))
    tags = {
        "Camera:BandName": band,
        "Camera:CentralWavelength": nm,
        "Camera:WavelengthFWHM": width,
        "MicaSense:CaptureId": capture,
        "MicaSense:RadiometricCalibration": ["1.5e-4", "0", "0"],
        "Camera:VignettingPolynomial2D": ["1.0"],
        "Camera:VignettingPolynomial2DName": ["0", "0"],
        "Camera:PerspectiveFocalLength": camera.fx,
        "Camera:PerspectiveDistortion": [camera.k1, camera.k2, 0, 0, 0],
        "Camera:RigRelatives": ", ".join(f"{angle + TAGGED_OFF_DEG:.4f}" for angle in turned_deg),
    }
    dn = np.clip(np.rint(light / np.pi * 2**16 * 3e-4 / 1.5e-4 + 3832), 0, 65504).astype(np.uint16)
    body = {"make": "MicaSense", "model": "RedEdge-P", "software": "v1.4.1"}
    write_shot(path, dn, Shot(**body, exposure_s=3e-4, black=(3832,) * 4, iso_tag=34867, xmp=tags))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two captures, calibrated and sharpened; and the red of the second on the grid of its panchromatic picture."""
    root = tmp_path_factory.mktemp("pan")
    for number in (1, 2):
        plain = _plain(number)
        for index, (band, layer) in enumerate(zip([*BANDS, "Panchro"], plain, strict=True), start=1):
            turned = TURNED_DEG.get(band, (0.0, 0.0, 0.0))
            seen = _seen(layer, _camera(band), turned)
            path = root / "card" / f"IMG_{number:04d}_{index}.tif"
            _write(path, band, seen, capture=f"c{number}", turned_deg=turned)
    truth = _seen(plain[0], _camera("Panchro"), (0, 0, 0))
    settings = CalibrationSettings(pan_sharpen=True, use_panels=False)
    return calibrate_folder(root / "card", root / "out", settings=settings), truth, root


def _stack(root):
    with (
        pytest.warns(NotGeoreferencedWarning),
        rasterio.open(root / "out/sharpened/IMG_0002_3.tif") as file,
    ):
        return file.read(), file.descriptions, file.units, file.tags()


def test_the_stack_says_what_it_is_and_what_not_to_do_with_it(made):
    done, _, root = made
    values, names, units, tags = _stack(root)
    assert values.shape == (1, 448, 576)
    assert names == ("Red, pan-sharpened",)
    assert units == ("1",)
    assert tags["UAV_QUANTITY"] == "pan-sharpened"
    assert "no statistics" in tags["UAV_USE"]
    sharpened = done.document["sharpened"]
    assert sharpened["files"] == ["sharpened/IMG_0001_3.tif", "sharpened/IMG_0002_3.tif"]
    assert "sharpened/IMG_0002_3.tif" not in done.document["images"]
    assert "pan-sharpened" in {finding.code for finding in done.findings}


def test_a_band_lies_over_the_panchromatic_one_though_the_tags_are_off(made):
    """An eighth of a degree is two pixels of the panchromatic band."""
    _, _, root = made
    pictures, _ = read_pictures(root / "card")
    rays = undistort(_camera("Panchro"), np.random.default_rng(1).uniform((30, 30), (546, 418), (400, 2)))
    laid = align_to_pan(pictures.captures, "Red")
    true = _camera("Red").project(rays @ Rotation.from_euler("XYZ", TURNED_DEG["Red"], degrees=True).as_matrix())
    assert np.linalg.norm(laid.band.pixels(rays, 1e6) - true, axis=1).max() < 0.1


def test_a_band_that_can_not_be_laid_over_it_is_left_alone(made):
    """Leaves bright in the near infrared and dark in the panchromatic band, light bright in both: nothing to match."""
    done, _, _ = made
    rows = {row["band"]: row for row in done.document["sharpened"]["bands"]}
    assert (rows["Red"]["sharpened"], rows["NIR"]["sharpened"]) == (True, False)
    gates = {gate["name"]: gate["verdict"] for gate in done.document["gates"]}
    assert (gates["pan-alignment[Red]"], gates["pan-alignment[NIR]"]) == ("pass", "fail")
    said = {finding.code: finding.where for finding in done.findings}
    assert said["pan-not-aligned"] == "NIR"


def test_detail_is_nearer_to_the_truth_and_the_mean_of_each_pixel_stays(made):
    _, truth, root = made
    (values,), *_ = _stack(root)
    pictures, _ = read_pictures(root / "card")
    place = align_to_pan(pictures.captures, "Red").footprint()
    measured = tifffile.imread(root / "out/IMG_0002_1.tif")
    again, whole = place.means(values)
    held = whole & np.isfinite(again)
    assert held.mean() > 0.85
    assert again[held] == pytest.approx(measured[held], rel=2e-4)
    inner = (slice(30, -30), slice(30, -30))
    errors = [
        np.std(guess[inner] / guess[inner].mean() - truth[inner] / truth[inner].mean())
        for guess in (values, place.enlarged(measured))
    ]
    assert errors[0] < 0.55 * errors[1]


def test_a_camera_without_a_panchromatic_band_says_so(tmp_path):
    _write(tmp_path / "card/IMG_0001_1.tif", "Red", np.full((265, 340), 0.2))
    done = calibrate_folder(tmp_path / "card", tmp_path / "out", settings=CalibrationSettings(pan_sharpen=True))
    assert "no-panchromatic-band" in {finding.code for finding in done.findings}
    assert not (tmp_path / "out/sharpened").exists()


def test_a_broken_picture_costs_its_band_of_one_capture(made, tmp_path):
    _, _, root = made
    shutil.copytree(root / "card", tmp_path / "card")
    broken = tmp_path / "card/IMG_0001_1.tif"
    broken.write_bytes(broken.read_bytes()[:60_000])
    settings = CalibrationSettings(pan_sharpen=True, use_panels=False)
    done = calibrate_folder(tmp_path / "card", tmp_path / "out", settings=settings)
    assert done.document["sharpened"]["files"] == ["sharpened/IMG_0002_3.tif"]
    assert any("IMG_0001_1.tif" in finding.where for finding in done.findings)


def test_ground_without_texture_is_not_sharpened(tmp_path):
    for index, band in enumerate(("Red", "Panchro"), start=1):
        camera = _camera(band)
        flat = np.full((camera.height, camera.width), 0.2)
        _write(tmp_path / f"card/IMG_0001_{index}.tif", band, flat)
    done = calibrate_folder(tmp_path / "card", tmp_path / "out", settings=CalibrationSettings(pan_sharpen=True))
    assert "pan-not-aligned" in {finding.code for finding in done.findings}
    assert done.document["sharpened"]["files"] == []
