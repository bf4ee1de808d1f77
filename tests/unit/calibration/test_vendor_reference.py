"""Every frame of radiometry_reference.json: radiance, irradiance and panels against the vendor's own code."""

import json
import math
from datetime import datetime

import numpy as np
import pytest

from calibration.panels.search import find_panels
from calibration.pictures.image_file import read_picture
from calibration.pictures.response import radiance, response
from calibration.sun.irradiance import horizontal_irradiance, sun_of
from calibration.sun.sunshine import sunshine_records
from uav_workflow.domain.flight import Capture
from uav_workflow.flights.photos import read_photo
from uav_workflow.sun import SunPosition

pytestmark = pytest.mark.shared

SETS = "micasense_rededge/0000SET/000/IMG_000{}_{}.tif"
FRAMES = [
    *(SETS.format(capture, band) for capture in (0, 1) for band in (1, 2, 3, 4, 5)),
    "micasense_rededge/0001SET/000/IMG_0002_4.tif",
    "micasense_rededge/0001SET/000/IMG_0003_1.tif",
]
SEQUOIA = "micasense_rededge/Sequoia/0077/IMG_180413_080658_0000_{}.TIF"


@pytest.fixture(scope="module")
def reference(shared_reference):
    return json.loads((shared_reference / "radiometry_reference.json").read_text())


def test_every_micasense_frame_is_tested(reference):
    assert set(FRAMES) == set(reference["micasense_images"])


def _probes(light, wanted):
    return {key: light[int(key.split(",")[1]), int(key.split(",")[0])] for key in wanted}


@pytest.mark.parametrize("frame", FRAMES)
def test_radiance(shared_data, reference, rededge, frame):
    truth = reference["micasense_images"][frame]["radiance"]
    image = read_photo(shared_data / frame, shared_data)
    light = np.maximum(radiance(rededge, image, read_picture(image.path).dn)[0], 0)
    assert light.mean(dtype=float) == pytest.approx(truth["mean"], rel=1e-4)
    assert light.max() == pytest.approx(truth["max"], rel=1e-4)
    assert light.std(dtype=float) == pytest.approx(truth["std"], rel=1e-4)
    assert _probes(light, truth["probe"]) == pytest.approx(truth["probe"], rel=1e-4)


@pytest.mark.parametrize("frame", FRAMES)
def test_vignetting_and_exposure(shared_data, reference, rededge, frame):
    truth = reference["micasense_images"][frame]
    own = response(rededge, read_photo(shared_data / frame, shared_data))
    assert own.exposure_s == pytest.approx(truth["exposure_s"], rel=1e-6)
    assert _probes(own.vignette, truth["vignette_mult"]) == pytest.approx(truth["vignette_mult"], rel=1e-4)


@pytest.mark.parametrize("frame", FRAMES[:-1])
def test_irradiance_of_the_dls(shared_data, reference, rededge, frame):
    truth = reference["micasense_images"][frame]
    image = read_photo(shared_data / frame, shared_data)
    same_sun = SunPosition(*(math.degrees(truth[f"solar_{name}_rad"]) for name in ("elevation", "azimuth")))
    expected = truth["horizontal_irradiance_W_m2_nm"]
    assert horizontal_irradiance(rededge, image, same_sun).horizontal == pytest.approx(expected, rel=1e-5)
    assert horizontal_irradiance(rededge, image, sun_of(image)).horizontal == pytest.approx(expected, rel=1e-4)
    assert abs((image.time_utc - datetime.fromisoformat(truth["utc"])).total_seconds()) < 1.0


def test_a_frame_without_dls_has_no_irradiance(shared_data, rededge):
    image = read_photo(shared_data / FRAMES[-1], shared_data)
    assert horizontal_irradiance(rededge, image, sun_of(image)) is None


def test_the_panel_is_found_in_all_five_bands(shared_data, reference, rededge):
    images = tuple(read_photo(shared_data / SETS.format(0, band), shared_data) for band in range(1, 6))
    readings = find_panels([Capture(capture_id="0000", images=images)], rededge)
    assert {reading.band for reading in readings} == {"Blue", "Green", "Red", "NIR", "Red edge"}
    for reading in readings:
        chain = reference["panel_chain_0000SET"][reading.band]
        assert reading.serial == "RP02-1603036-SC"
        assert reading.radiance == pytest.approx(chain["panel_radiance"], rel=0.005)
        assert reading.albedo.value == pytest.approx(chain["albedo"])
        assert reading.irradiance == pytest.approx(chain["panel_irradiance"], rel=0.005)
        assert reading.cv < 0.03
        assert reading.saturated == 0
        assert reading.pixels > 5000


def test_flight_frames_show_no_panel(shared_data, rededge):
    images = tuple(read_photo(shared_data / SETS.format(1, band), shared_data) for band in range(1, 6))
    alone = [Capture(capture_id=image.name, images=(image,)) for image in images]
    assert find_panels([Capture(capture_id="0001", images=images), *alone], rededge) == ()


@pytest.mark.parametrize(("frame", "serial"), [(FRAMES[-2], "RP03-1731029-SC"), (FRAMES[-1], "RP02-1543087-SC")])
def test_odd_single_frames_show_panels_nobody_knows(shared_data, reference, rededge, frame, serial):
    image = read_photo(shared_data / frame, shared_data)
    (reading,) = find_panels([Capture(capture_id="x", images=(image,))], rededge)
    expected = reference["micasense_images"][frame]["panel"]["radiance_mean_std_n"][0]
    assert reading.serial == serial
    assert reading.radiance == pytest.approx(expected, rel=0.005)
    assert reading.albedo is None
    assert math.isnan(reading.irradiance)


@pytest.mark.parametrize("band", ["GRE", "RED", "REG", "NIR"])
def test_sequoia_law(shared_data, reference, sequoia, band):
    """The reference code turned the pixels by the EXIF orientation (180 degrees) but not the vignetting."""
    frame = SEQUOIA.format(band)
    truth = reference["sequoia"][frame]["black_first_irradiance_arb"]
    image = read_photo(shared_data / frame, shared_data)
    assert image.orientation == 3
    light, _ = radiance(sequoia, image, read_picture(image.path).dn[::-1, ::-1])
    assert light.mean(dtype=float) == pytest.approx(truth["mean"], rel=1e-4)
    assert _probes(light, truth["probe"]) == pytest.approx(truth["probe"], rel=1e-4)


def test_sunshine_sensor_of_every_sequoia_frame(shared_data, reference, sequoia):
    assert len(reference["sequoia"]) == 8
    for frame, truth in reference["sequoia"].items():
        image = read_photo(shared_data / frame, shared_data)
        records = sunshine_records(image)
        assert len(records.seconds) == truth["n_records"]
        assert records.irradiance.mean() == pytest.approx(truth["own_irr_rel_ch0_mean"], rel=1e-4)
        reading = horizontal_irradiance(sequoia, image, None)
        assert reading.horizontal == pytest.approx(truth["own_irr_rel_ch0_last"], rel=1e-4)
