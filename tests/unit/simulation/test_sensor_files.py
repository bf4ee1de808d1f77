"""What cameras write: tags read back by other people's readers, counts turned back by the maker's formula."""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from uav_workflow.simulation.flight import simulate
from uav_workflow.simulation.options import SimulationOptions, SimulationSummary
from uav_workflow.simulation.panel import PAPER_ALBEDO, code_text, printed_albedo
from uav_workflow.simulation.path import Station, gps_errors, nadir_rotation
from uav_workflow.simulation.rededge import BLACK, Response, digitise
from uav_workflow.simulation.sky import Sky, SkyModel

Flown = tuple[Path, SimulationSummary]


def xmp_of(path: Path) -> str:
    with tifffile.TiffFile(path) as file:
        return bytes(file.pages[0].tags[700].value).decode()


def value(xmp: str, key: str) -> str:
    found = re.search(rf"<{key}>(.*?)</{key}>", xmp, re.S)
    assert found, key
    return found[1]


def numbers(xmp: str, key: str) -> list[float]:
    return [float(text) for text in re.findall(r"<rdf:li>(.*?)</rdf:li>", value(xmp, key))]


def test_jpeg_tags_read_back(rgb_flight: Flown) -> None:
    folder, _ = rgb_flight
    with Image.open(folder / "images" / "DJI_0001.JPG") as photo:
        assert photo.size == (360, 240)
        exif = photo.getexif()
        camera, gps = exif.get_ifd(0x8769), exif.get_ifd(0x8825)
        xmp = photo.info["xmp"].decode()
    assert exif[271] == "DJI"
    assert camera[41989] == 24
    assert camera[36881] == "+08:00"
    assert camera[36867].startswith("2026:07:24 10:4")
    assert float(camera[33434]) > 0
    latitude = gps[2][0] + gps[2][1] / 60 + gps[2][2] / 3600
    assert float(latitude) == pytest.approx(37.61, abs=0.01)
    assert 'drone-dji:GimbalPitchDegree="-90.00"' in xmp
    assert "drone-dji:RelativeAltitude" in xmp


def test_tiff_tags_read_back(rig_flight: Flown) -> None:
    folder, _ = rig_flight
    path = folder / "images" / "IMG_0002_4.tif"
    with tifffile.TiffFile(path) as file:
        tags = file.pages[0].tags
        assert file.pages[0].dtype == np.uint16
        assert tags["Make"].value == "MicaSense"
        assert tags[50714].value == (BLACK,) * 4
        exif = tags["ExifTag"].value
    assert exif["ISOSpeed"] in {100, 200}
    xmp = xmp_of(path)
    assert value(xmp, "Camera:BandName") == "NIR"
    assert value(xmp, "Camera:RigCameraIndex") == "3"
    assert len(numbers(xmp, "Camera:VignettingPolynomial")) == 6
    assert len(numbers(xmp, "MicaSense:RadiometricCalibration")) == 3
    same = {value(xmp_of(folder / "images" / f"IMG_0002_{k}.tif"), "MicaSense:CaptureId") for k in range(1, 6)}
    assert len(same) == 1


def test_tagged_focal_length_is_the_factorys(rig_flight: Flown) -> None:
    folder, _ = rig_flight
    document = json.loads((folder / "truth" / "poses.json").read_text())
    xmp = xmp_of(folder / "images" / "IMG_0001_1.tif")
    pixel_mm = 3.75e-3 * 1280 / 320
    tagged = float(value(xmp, "Camera:PerspectiveFocalLength")) / pixel_mm
    assert tagged == pytest.approx(document["tagged_cameras"]["camera_1"]["fx"], rel=1e-6)
    assert tagged != pytest.approx(document["cameras"]["camera_1"]["fx"], rel=1e-4)


def test_sun_sensor_identity(rig_flight: Flown) -> None:
    """Level irradiance = direct x sin(elevation) + scattered, as on real DLS 2 frames."""
    folder, _ = rig_flight
    xmp = xmp_of(folder / "images" / "IMG_0003_2.tif")
    direct, scattered, level, elevation = (
        float(value(xmp, f"DLS:{key}"))
        for key in ("DirectIrradiance", "ScatteredIrradiance", "HorizontalIrradiance", "SolarElevation")
    )
    assert level == pytest.approx(direct * math.sin(elevation) + scattered, rel=1e-5)
    assert 0.7 < elevation < 1.1


def test_panel_is_read_and_measures_its_albedo(tmp_path: Path) -> None:
    folder = tmp_path / "flight"
    options = SimulationOptions(
        sensor="rededge", captures=1, gsd_cm=1.0, seed=3, plots=0, harvested=0, texel_m=0.025, image_size=(1280, 960)
    )
    simulate(folder, options)
    with (folder / "truth" / "panels.csv").open() as file:
        rows = list(csv.DictReader(file))
    for index, row in enumerate(rows, start=1):
        path = folder / "panels" / f"IMG_0000_{index}.tif"
        picture = tifffile.imread(path)
        text, corners, _ = cv2.QRCodeDetector().detectAndDecode((picture >> 8).astype(np.uint8))
        assert text == code_text(), path.name
        corners = corners.reshape(4, 2)
        down = (corners[2] + corners[3] - corners[0] - corners[1]) / 2 / 82.0
        column, row_px = np.rint(corners.mean(axis=0) + 130.84 * down).astype(int)
        grey = picture[row_px - 15 : row_px + 16, column - 15 : column + 16].astype(float) - BLACK
        assert grey.std() / grey.mean() < 0.04
        printed, true = float(row["printed"]), float(row["true"])
        assert printed == pytest.approx(printed_albedo(float(row["centre_nm"])), abs=1e-5)
        assert abs(true / printed - 1) <= 0.01
        # the paper around the code is known too: counts go with reflectance
        edge = corners.mean(axis=0) - 47.0 * down
        paper = (
            picture[int(edge[1]) - 2 : int(edge[1]) + 3, int(edge[0]) - 20 : int(edge[0]) + 21].astype(float) - BLACK
        )
        assert grey.mean() / paper.mean() == pytest.approx(true / PAPER_ALBEDO, rel=0.08)


def test_counts_turn_back_into_radiance() -> None:
    response = Response(a1=2e-4, a2=8e-8, a3=5e-6)
    radiance = np.linspace(0.01, 0.12, 200 * 300, dtype=np.float32).reshape(200, 300)
    brightness = np.full((200, 300), 0.8, np.float32)
    exposure_s, gain = 1.2e-3, 2.0
    counts = response.counts(radiance, brightness, exposure_s, gain)
    y = np.arange(200)[:, None]
    row = 1 / (1 + response.a2 * y / exposure_s - response.a3 * y)
    back = response.a1 / gain * row * counts / brightness / exposure_s / 65536
    np.testing.assert_allclose(back, radiance, rtol=1e-4)


def test_noise_is_unbiased_and_grows_with_light() -> None:
    rng = np.random.default_rng(1)
    dim, bright = (digitise(np.full((200, 200), level, np.float32), 1.0, rng) for level in (500.0, 40_000.0))
    assert dim.mean() - BLACK == pytest.approx(500, abs=10)
    assert bright.mean() - BLACK == pytest.approx(40_000, rel=1e-3)
    assert bright.std() > 2 * dim.std()
    assert np.all(dim % 16 == 0)
    assert digitise(np.full((4, 4), 90_000, np.float32), 1.0, rng).max() == 65520


def test_nadir_rotation_of_a_level_airframe() -> None:
    north = nadir_rotation(0, 0, 0)
    np.testing.assert_allclose(north, [[1, 0, 0], [0, -1, 0], [0, 0, -1]], atol=1e-12)
    east = nadir_rotation(90, 0, 0)
    np.testing.assert_allclose(-east[1], [1, 0, 0], atol=1e-12)  # the image's top looks east
    up = nadir_rotation(0, 10, 0)
    assert up[2, 1] > 0.15  # nose up: looks ahead
    right = nadir_rotation(0, 0, 10)
    assert right[2, 0] < -0.15  # right side down: looks left
    np.testing.assert_allclose(up @ up.T, np.eye(3), atol=1e-12)


def test_gps_drifts_slowly_by_a_metre() -> None:
    stations = [
        Station(centre=np.zeros(3), rotation=np.eye(3), yaw_deg=0, pitch_deg=0, roll_deg=0, seconds=float(second))
        for second in range(900)
    ]
    errors = gps_errors(stations, np.random.default_rng(2))
    smooth = np.array([errors[k : k + 20].mean(axis=0) for k in range(0, 880, 20)])
    assert 0.8 < np.linalg.norm(smooth, axis=1).max() < 1.35
    assert np.diff(errors, axis=0).std() / math.sqrt(2) == pytest.approx(0.38, abs=0.05)


def test_skies_differ_as_skies_do() -> None:
    clear, overcast = SkyModel(Sky.CLEAR, 1).at(0, 50), SkyModel(Sky.OVERCAST, 1).at(0, 50)
    assert clear.direct_share.min() > 0.7
    assert clear.direct_share[0] < clear.direct_share[3]
    assert overcast.direct_share.max() < 0.15
    assert 0.15 < (overcast.level / clear.level).mean() < 0.5
    broken = SkyModel(Sky.BROKEN, 1)
    level = np.array([broken.at(second, 50).level[1] for second in range(0, 240, 2)])
    assert level.max() / level.min() > 1.8
