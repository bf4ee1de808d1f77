import math
from itertools import pairwise

import numpy as np
import pytest

from calibration.sun.irradiance import firmware_version, horizontal_irradiance, sun_of
from calibration.sun.tilt import fresnel_transmission, sensor_normal, sun_vector
from uav_workflow.sun import SunPosition

HIGH = SunPosition(elevation_deg=60.0, azimuth_deg=130.0)


def _level(picture, **tags):
    return picture(DLS__SpectralIrradiance=1.0, DLS__Yaw=0.0, DLS__Pitch=0.0, DLS__Roll=0.0, **tags)


def test_a_level_sensor_only_loses_what_the_cover_reflects(rededge, picture):
    """cos(angle) = sin(elevation) when the sensor is level, so the horizontal light is E / T."""
    reading = horizontal_irradiance(rededge, _level(picture), HIGH)
    assert reading.horizontal == pytest.approx(1 / fresnel_transmission(math.radians(30)))
    assert reading.tilt_deg == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("yaw_deg", [0, 40, 200])
def test_a_sensor_turned_about_its_axis_reads_the_same(rededge, picture, yaw_deg):
    turned = picture(DLS__SpectralIrradiance=1.0, DLS__Yaw=math.radians(yaw_deg), DLS__Pitch=0.0, DLS__Roll=0.0)
    expected = horizontal_irradiance(rededge, _level(picture), HIGH).horizontal
    assert horizontal_irradiance(rededge, turned, HIGH).horizontal == pytest.approx(expected)


def test_nose_up_turns_the_sensor_backwards_and_a_roll_to_the_right_tips_it_right():
    np.testing.assert_allclose(sensor_normal(0, math.radians(90), 0), [-1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(sensor_normal(0, 0, math.radians(90)), [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(sensor_normal(math.radians(90), 0, math.radians(90)), [-1, 0, 0], atol=1e-12)


def test_what_a_tilted_sensor_would_read_is_turned_back(rededge, picture):
    """Light 6 : 1 direct to diffuse on a tilted sensor: the reading is made here, the horizontal light is known."""
    direct = 1.2
    yaw, pitch, roll = math.radians(70), math.radians(-8), math.radians(5)
    cosine = float(sensor_normal(yaw, pitch, roll) @ sun_vector(HIGH))
    seen = (direct * cosine + direct / 6) * fresnel_transmission(math.acos(cosine))
    image = picture(DLS__SpectralIrradiance=seen, DLS__Yaw=yaw, DLS__Pitch=pitch, DLS__Roll=roll)
    expected = direct * math.sin(math.radians(60)) + direct / 6
    assert horizontal_irradiance(rededge, image, HIGH).horizontal == pytest.approx(expected)


def test_degrees_of_the_camera_copies_equal_radians_of_the_dls_tags(rededge, picture):
    radians = picture(DLS__SpectralIrradiance=1.0, DLS__Yaw=1.0, DLS__Pitch=0.2, DLS__Roll=-0.1)
    degrees = picture(
        Camera__Irradiance=1.0,
        Camera__IrradianceYaw=math.degrees(1.0),
        Camera__IrradiancePitch=math.degrees(0.2),
        Camera__IrradianceRoll=math.degrees(-0.1),
    )
    both = [horizontal_irradiance(rededge, image, HIGH).horizontal for image in (radians, degrees)]
    assert both[0] == pytest.approx(both[1])


def test_without_a_sun_the_reading_stands_and_says_so(rededge, picture):
    reading = horizontal_irradiance(rededge, _level(picture), None)
    assert reading.horizontal == 1.0
    assert not reading.attitude_corrected


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, None])
def test_a_dead_sensor_gives_nothing(rededge, picture, value):
    assert horizontal_irradiance(rededge, picture(DLS__SpectralIrradiance=value), HIGH) is None


DLS2 = {"DLS__DirectIrradiance": 118.038, "DLS__ScatteredIrradiance": 8.146, "DLS__HorizontalIrradiance": 95.320}
REAL_SUN = SunPosition(elevation_deg=math.degrees(0.83088), azimuth_deg=180.0)


@pytest.mark.parametrize(
    ("model", "firmware", "trusted"),
    [
        ("RedEdge-P", "v1.4.1", True),
        ("Altum", "v1.2.3", True),
        ("Altum", "v1.2.2", False),
        ("RedEdge-M", "v5.1.7", True),
        ("RedEdge-M", "v5.1.12", True),
        ("RedEdge-M", "v5.1.6", False),
        ("Unheard-Of", "v9.0", False),
    ],
)
def test_the_ready_made_value_is_trusted_by_firmware(rededge, picture, model, firmware, trusted):
    """Direct 2.0, scattered 0: recomputed light would be 2 sin(60 deg), the stated value is 1."""
    tags = {"DLS__DirectIrradiance": 200.0, "DLS__ScatteredIrradiance": 0.0, "DLS__HorizontalIrradiance": 100.0}
    image = picture(model=model, EXIF__Software=firmware, **tags)
    expected = 1.0 if trusted else 2.0 * math.sin(math.radians(60))
    assert horizontal_irradiance(rededge, image, HIGH).horizontal == pytest.approx(expected)


def test_stated_and_recomputed_light_of_a_real_dls2_agree(rededge, picture):
    stated = horizontal_irradiance(rededge, picture(model="RedEdge-P", EXIF__Software="v1.4.1", **DLS2), REAL_SUN)
    recomputed = horizontal_irradiance(rededge, picture(model="Altum", EXIF__Software="v1.0", **DLS2), REAL_SUN)
    assert stated.horizontal == pytest.approx(0.95320, rel=1e-6)
    assert recomputed.horizontal == pytest.approx(stated.horizontal, rel=1e-4)
    assert stated.direct_to_diffuse == pytest.approx(14.49, abs=0.01)


def test_microwatts_unless_the_tag_says_otherwise(rededge, picture):
    told = picture(model="RedEdge-P", **DLS2, Camera__IrradianceScaleToSIUnits=0.1)
    assert horizontal_irradiance(rededge, told, HIGH).horizontal == pytest.approx(9.532)


def test_dls2_on_old_firmware_needs_the_sun(rededge, picture):
    assert horizontal_irradiance(rededge, picture(model="RedEdge-M", EXIF__Software="v5.0.0", **DLS2), None) is None


def test_firmware_versions_compare_as_numbers():
    assert firmware_version("v2.1.2-34-g05e37eb-local") == (2, 1, 2)
    assert firmware_version("v5.1.12") > firmware_version("5.1.7")
    assert firmware_version("unknown") < firmware_version("0")


def test_transmission_falls_towards_grazing_light():
    angles = np.radians(np.arange(0, 91, 5))
    shares = [fresnel_transmission(angle) for angle in angles]
    assert shares[0] == pytest.approx(0.9421, abs=1e-3)
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(shares))
    assert shares[-1] < 0.15


def test_the_sun_is_unknown_without_time_or_place(picture):
    from dataclasses import replace

    image = picture()
    assert sun_of(image) is not None
    assert sun_of(replace(image, time_utc=None)) is None
    assert sun_of(replace(image, position=None)) is None
