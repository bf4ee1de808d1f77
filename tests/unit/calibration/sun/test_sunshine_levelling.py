"""Tilted sun sensors of Parrot and of the DLS 1: vectors worked by hand, made-up lists, the real lists of garfield."""

import base64
import math
import struct

import numpy as np
import pytest

from calibration.sun.irradiance import horizontal_irradiance, sun_of
from calibration.sun.levelling import AS_READ, Levelling, fit_levelling, seen_share, sun_cosines
from calibration.sun.series import Moments, SeriesRule, sun_series
from calibration.sun.sunshine import SunshineRecords, sunshine_records
from calibration.sun.tilt import fresnel_transmission, sensor_normal, sun_vector
from uav_workflow.flights.photos import read_photo
from uav_workflow.sun import SunPosition

SOUTH = SunPosition(elevation_deg=30.0, azimuth_deg=180.0)
TABLE = "0,600,10,1,1,600,300,37,2,600,6000,626,3,600,65535,15660"


def _records(attitude_deg, irradiance=None):
    attitude = np.array(attitude_deg, dtype=np.float32)
    light = np.ones(len(attitude)) if irradiance is None else np.asarray(irradiance)
    return SunshineRecords(seconds=0.2 * np.arange(len(attitude)), irradiance=light, attitude_deg=attitude)


@pytest.mark.parametrize(
    ("attitude_deg", "cosine"),
    [
        ((0, 0, 0), math.sin(math.radians(30))),  # level: the sine of the sun's height
        ((77, 0, 0), math.sin(math.radians(30))),  # turned about its own axis
        ((180, -10, 0), math.sin(math.radians(40))),  # flying south, nose down: ten degrees towards the sun
        ((0, -10, 0), math.sin(math.radians(20))),  # flying north, nose down: away from it
        ((90, 0, 10), math.sin(math.radians(40))),  # flying east, right wing down: south is to the right
        ((270, 0, 10), math.sin(math.radians(20))),  # flying west: it is to the left
        ((90, 10, 0), math.sin(math.radians(30)) * math.cos(math.radians(10))),  # across the sun: only the cosine
        ((0, -90, 0), -math.cos(math.radians(30))),  # lying on its nose, looking north
    ],
)
def test_the_suns_angle_on_the_sensor_by_hand(attitude_deg, cosine):
    assert sun_cosines(_records([attitude_deg]), SOUTH) == pytest.approx([cosine], abs=1e-7)


def test_a_tilted_reading_is_made_level_by_hand():
    """0.8 of the light from the sun: 0.2 + 0.8 sin(40) / sin(30) = 1.2284602 times what lies on the ground."""
    records = _records([(180, -10, 0), (0, 0, 0), (0, -35, 0)], [1.2284602, 1.0, 1.0])
    level = Levelling(beam=0.8).of(records, SOUTH)
    assert level[:2] == pytest.approx([1.0, 1.0], rel=1e-7)
    assert math.isnan(level[2])  # the sun below the sensor's own horizon
    assert seen_share(np.array([0.8]), np.array([-0.3]), SOUTH)[0] == pytest.approx([0.2])
    assert AS_READ.of(records, SOUTH) == pytest.approx(records.irradiance)
    assert Levelling(beam=0.8).of(records, None) == pytest.approx(records.irradiance)


def test_the_dls_one_by_hand():
    """Light straight down the axis: two layers lose 0.053194 and 0.005450; at 53.7 degrees 0.913 comes through."""
    assert fresnel_transmission(0) == pytest.approx((1 - 0.053194) * (1 - 0.005450), abs=2e-6)
    assert fresnel_transmission(math.radians(53.7)) == pytest.approx(0.913, abs=5e-4)
    # nose ten degrees down, flying south under a sun of 30 degrees in the south: the angle is 50 degrees
    normal = sensor_normal(math.pi, math.radians(-10), 0)
    assert math.degrees(math.acos(normal @ sun_vector(SOUTH))) == pytest.approx(50.0)


def test_a_dls_one_flown_both_ways_reads_one_light(rededge, picture):
    """Nose down by eight degrees: south and north read 28 % apart, and level alike."""
    raw, level = [], []
    for yaw in (math.pi, 0.0):
        cosine = math.sin(math.radians(38 if yaw else 22))
        seen = (1.2 * cosine + 0.2) * fresnel_transmission(math.acos(cosine))
        image = picture(DLS__SpectralIrradiance=seen, DLS__Yaw=yaw, DLS__Pitch=math.radians(-8), DLS__Roll=0.0)
        raw.append(seen)
        level.append(horizontal_irradiance(rededge, image, SOUTH).horizontal)
    assert raw[0] / raw[1] > 1.28
    assert level == pytest.approx([1.2 * 0.5 + 0.2] * 2)


def _rocking(rng, yaw_deg, n=20):
    """Attitudes of a drone on a line; rocking by six degrees."""
    return np.stack([rng.normal(yaw_deg, 5, n), rng.normal(-6, 6, n), rng.normal(0, 6, n)], axis=1)


def _lists(beam, *, turned_deg=0.0, count=12, seed=3):
    """Lists of lines south and north in steady light; the attitude written is off by ``turned_deg``."""
    rng = np.random.default_rng(seed)
    lists = []
    for number in range(count):
        attitude = _rocking(rng, 180.0 * (number % 4 // 2))
        true = _records(attitude)
        seen = seen_share(np.array([beam]), sun_cosines(true, SOUTH), SOUTH)[0] * rng.normal(1, 0.005, len(attitude))
        lists.append((_records(attitude + np.array([turned_deg, 0, 0]), seen), SOUTH))
    return lists


def test_the_share_of_the_sun_is_told_by_the_rocking_and_headings_agree():
    lists = _lists(0.75)
    levelling = fit_levelling(lists)
    assert levelling.beam == pytest.approx(0.75, abs=0.051)
    assert levelling.levelled < 0.1 * levelling.as_read
    raw = [records.irradiance.mean() for records, _ in lists]
    level = [np.nanmean(levelling.of(records, sun)) for records, sun in lists]
    assert np.std(level) / np.mean(level) < 0.01
    assert np.std(raw) / np.mean(raw) > 0.1


@pytest.mark.parametrize("case", ["covered sky", "sensor turned on its mast", "few lists", "no sun"])
def test_readings_stand_where_levelling_does_not_help(case):
    lists = {
        "covered sky": _lists(0.0),
        "sensor turned on its mast": _lists(0.75, turned_deg=90),
        "few lists": _lists(0.75, count=3),
        "no sun": [(records, None) for records, _ in _lists(0.75)],
    }[case]
    levelling = fit_levelling(lists)
    assert levelling.beam == 0
    if levelling.lists:
        assert levelling.levelled > 0.8 * levelling.as_read


def _picture_with_list(picture, records, after_s):
    rows = zip(records.irradiance, records.attitude_deg, strict=True)
    raw = b"".join(
        struct.pack("<Q4H3f", int(2e5 * n), round(light * 20000), 1, 1, 100, *attitude)
        for n, (light, attitude) in enumerate(rows)
    )
    listed = {"IrradianceList": base64.b64encode(raw).decode(), "IrradianceCalibrationMeasurement": TABLE}
    return picture(f"{after_s}.tif", after_s=after_s, **{f"Camera__{key}": value for key, value in listed.items()})


def test_a_flights_series_is_levelled_by_its_own_lists(picture, sequoia):
    rng = np.random.default_rng(8)
    images = []
    for number in range(16):
        attitude = _rocking(rng, 180.0 * (number // 4 % 2) + 20)
        sun = sun_of(picture(after_s=5 * number))
        seen = seen_share(np.array([0.7]), sun_cosines(_records(attitude), sun), sun)[0]
        images.append(_picture_with_list(picture, _records(attitude, seen), 5 * number))
    known = {"survey": np.ones(16, bool)}
    moments = Moments.of(images)
    level, raw = (
        sun_series(images, moments, sequoia, rule=SeriesRule(smooth=False, light_from=way), **known)
        for way in ("sun", "sky")
    )
    assert level.levelling.beam == pytest.approx(0.7, abs=0.051)
    assert raw.levelling == AS_READ
    spread = [np.std(one.irradiance) / np.mean(one.irradiance) for one in (level, raw)]
    assert spread[0] < 0.2 * spread[1]
    assert level.tilt_deg > 5


@pytest.mark.parametrize("band", ["GRE", "RED", "REG", "NIR"])
def test_the_real_lists_of_a_cloudy_flight_are_not_levelled(shared_data, band):
    """The drone rocks by 18 degrees, readings move by 1 - 2 %, 8 % at a cloud's edge: the sun told nothing."""
    images = [read_photo(path, path.parent) for path in sorted((shared_data / "garfield_sequoia").glob(f"*{band}.TIF"))]
    lists = [(sunshine_records(image), sun_of(image)) for image in images]
    levelling = fit_levelling(lists)
    assert levelling.lists == 4
    assert levelling.beam == 0
    # as the DLS 1 would be levelled, six parts of the sun to one of the sky
    wrong = [Levelling(beam=6 * 0.46 / (6 * 0.46 + 1)).of(records, sun) for records, sun in lists]
    raw = [records.irradiance for records, _ in lists]
    scatter = [[np.nanstd(light) / np.nanmean(light) for light in lights] for lights in (wrong, raw)]
    assert all(level > 1.5 * read for level, read in zip(*scatter, strict=True))
