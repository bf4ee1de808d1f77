"""First guesses of focal length, and when a photo was taken."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from uav_workflow.domain.tags import Tags
from uav_workflow.flights.lens import focal_guess, principal_point
from uav_workflow.flights.pose import attitude_of, position_of
from uav_workflow.flights.sensors import load_profiles, profile_of
from uav_workflow.flights.times import capture_times

PROFILES = load_profiles()


def focal(model: str, width: int, height: int, make: str = "DJI", **tags: float | str) -> tuple[float | None, str]:
    values = {key.replace("__", ":").replace("_dji", "-dji"): value for key, value in tags.items()}
    return focal_guess(Tags(values), model, width, height, profile_of(make, model, PROFILES))


def test_vendor_calibration_comes_first() -> None:
    guess = focal(
        "FC6310R", 5472, 3648, drone_dji__CalibratedFocalLength=3666.67, EXIF__FocalLengthIn35mmFilm=24,
        EXIF__FocalLength=8.8,
    )  # fmt: skip
    assert guess == (3666.67, "vendor calibration")


def test_dewarp_data() -> None:
    tags = Tags(
        {
            "drone-dji:DewarpData": "2022-07-21;3713.29,3712.07,7.02,-8.72,-0.112,0.014,0,0,-0.027",
            "drone-dji:CalibratedOpticalCenterX": "2640.0",
            "drone-dji:CalibratedOpticalCenterY": "1978.0",
        }
    )
    assert focal_guess(tags, "M3E", 5280, 3956, PROFILES[-1]) == (3713.29, "vendor calibration")
    assert principal_point(tags, 5280, 3956) == pytest.approx((2647.02, 1969.28))


@pytest.mark.parametrize(
    ("resolution", "unit"), [(16393.442623, 2), (6454.11127, 3), (645.411127, 4), (0.645411127, 5)]
)
def test_focal_plane_resolution_in_every_unit(resolution: float, unit: int) -> None:
    value, source = focal(
        "Canon PowerShot SX260 HS", 4000, 3000, make="Canon", EXIF__FocalLength=4.5,
        EXIF__FocalPlaneXResolution=resolution, EXIF__FocalPlaneResolutionUnit=unit, EXIF__ExifImageWidth=4000,
    )  # fmt: skip
    assert (value, source) == (pytest.approx(2904.35, abs=0.01), "focal plane resolution")


def test_a_shrunk_photo_has_a_shrunk_focal_length() -> None:
    value, _ = focal(
        "x", 1000, 750, EXIF__FocalLength=4.5, EXIF__FocalPlaneXResolution=16393.442623,
        EXIF__FocalPlaneResolutionUnit=2, EXIF__ExifImageWidth=4000,
    )  # fmt: skip
    assert value == pytest.approx(2904.35 / 4, abs=0.01)


def test_lens_table_and_zoom() -> None:
    assert focal("FC300S", 4000, 2250) == (pytest.approx(3.61 / 6.25 * 4000), "sensor profile")
    wide, _ = focal("Canon PowerShot SX260 HS", 4000, 3000, make="Canon", EXIF__FocalLength=9.0)
    assert wide == pytest.approx(2 * 4.5 / 6.197 * 4000)


def test_35_mm_equivalent_over_the_diagonal_is_the_last_resort() -> None:
    value, source = focal("unheard of", 4000, 3000, make="Acme", EXIF__FocalLengthIn35mmFilm=20)
    assert (value, source) == (pytest.approx(20 / math.hypot(36, 24) * 5000), "35 mm equivalent")
    assert focal("unheard of", 4000, 3000, make="Acme") == (None, "")


def test_millimetres_without_unit_and_pixels_without_unit() -> None:
    sequoia_rgb = {
        "Camera__PerspectiveFocalLength": "4.829311",
        "EXIF__FocalPlaneXResolution": 746.2686,
        "EXIF__FocalPlaneResolutionUnit": 4,
    }
    value, _ = focal("Sequoia", 4608, 3456, make="Parrot", **sequoia_rgb)  # type: ignore[arg-type]
    assert value == pytest.approx(4.829311 * 746.2686)
    value, _ = focal("RedEdge", 1280, 960, make="MicaSense", Camera__PerspectiveFocalLength="1444.7")
    assert value == 1444.7


# -- times ---------------------------------------------------------------------------------------------------------


def utc(values: dict[str, object], clock: str = "local") -> datetime | None:
    return capture_times(Tags(values), clock)[0]  # type: ignore[arg-type]


LOCAL = {"EXIF:DateTimeOriginal": "2024:07:31 11:00:05", "EXIF:SubSecTimeOriginal": "25"}


def test_gps_stamp_gives_the_zone_and_the_camera_the_fraction() -> None:
    stamp = {"GPS:GPSTimeStamp": (3.0, 0.0, 6.0), "GPS:GPSDateStamp": "2024:07:31"}
    assert utc(LOCAL | stamp) == datetime(2024, 7, 31, 3, 0, 5, 250_000, tzinfo=UTC)


def test_a_wrong_camera_clock_yields_to_the_gps_stamp() -> None:
    stamp = {"GPS:GPSTimeStamp": (3.0, 4.0, 6.0), "GPS:GPSDateStamp": "2024:07:31"}
    assert utc(LOCAL | stamp) == datetime(2024, 7, 31, 3, 4, 6, tzinfo=UTC)


def test_a_stamp_without_date_takes_the_nearest_day() -> None:
    night = {"EXIF:DateTimeOriginal": "2024:08:01 00:30:00", "GPS:GPSTimeStamp": (22.0, 30.0, 0.0)}
    assert utc(night) == datetime(2024, 7, 31, 22, 30, tzinfo=UTC)


@pytest.mark.parametrize(("zone", "hour", "minute"), [("+08:00", 3, 0), ("-05:30", 16, 30), ("+0545", 5, 15)])
def test_offset_time(zone: str, hour: int, minute: int) -> None:
    found = utc(LOCAL | {"EXIF:OffsetTimeOriginal": zone})
    assert found == datetime(2024, 7, 31, hour, minute, 5, 250_000, tzinfo=UTC)


def test_a_vendor_utc_tag_and_a_utc_clock() -> None:
    tag = {"drone-dji:UTCAtExposure": "2024-07-31T03:00:05.123456"}
    assert utc(LOCAL | tag) == datetime(2024, 7, 31, 3, 0, 5, 123_456, tzinfo=UTC)
    assert utc(LOCAL, "utc") == datetime(2024, 7, 31, 11, 0, 5, 250_000, tzinfo=UTC)
    assert capture_times(Tags(LOCAL), "utc")[1] is None


@pytest.mark.parametrize(
    ("sub", "microseconds"), [("025", 25_000), ("-173936", -173_936), ("200173789", 200_174), ("", 0), ("x", 0)]
)
def test_fractions_of_a_second(sub: str, microseconds: int) -> None:
    values = {"EXIF:DateTimeOriginal": "2024:07:31 11:00:05", "EXIF:SubSecTime": sub}
    whole = datetime(2024, 7, 31, 11, 0, 5, tzinfo=UTC)
    found = utc(values, "utc")
    assert found is not None
    assert round((found - whole).total_seconds() * 1e6) == microseconds


@pytest.mark.parametrize("text", ["0000:00:00 00:00:00", "1970:01:01 00:02:30", "2024:13:40 11:00:00", "yesterday", ""])
def test_impossible_times_are_unknown(text: str) -> None:
    assert capture_times(Tags({"EXIF:DateTimeOriginal": text}), "local") == (None, None)


# -- positions -----------------------------------------------------------------------------------------------------


def test_no_fix_and_null_island_are_no_position() -> None:
    fix = {"GPS:GPSLatitude": (41.0, 25.0, 45.0), "GPS:GPSLatitudeRef": "S"}
    fix |= {"GPS:GPSLongitude": (81.0, 36.0, 20.0), "GPS:GPSLongitudeRef": "W"}
    found = position_of(Tags(fix))  # type: ignore[arg-type]
    assert found is not None
    assert (found.lat, found.lon) == (pytest.approx(-41.429167, abs=1e-6), pytest.approx(-81.605556, abs=1e-6))
    assert position_of(Tags(fix | {"GPS:GPSStatus": "V"})) is None  # type: ignore[arg-type]
    assert position_of(Tags({"GPS:GPSLatitude": 0.0, "GPS:GPSLongitude": 0.0})) is None


def test_rtk_accuracy_and_depth_below_the_sea() -> None:
    values = {"GPS:GPSLatitude": 31.5, "GPS:GPSLongitude": 35.4, "GPS:GPSAltitude": 390.0, "GPS:GPSAltitudeRef": 1}
    values |= {"drone-dji:RtkStdLon": "0.012", "drone-dji:RtkStdLat": "0.015", "drone-dji:RtkStdHgt": "0.03"}  # type: ignore[dict-item]
    found = position_of(Tags(values))
    assert found is not None
    assert (found.alt_m, found.sigma_h_m, found.sigma_v_m) == (-390.0, 0.015, 0.03)


def test_attitudes_of_gimbal_and_rig_share_one_convention() -> None:
    gimbal = {
        f"drone-dji:Gimbal{name}Degree": text for name, text in (("Yaw", "+44"), ("Pitch", "-89.9"), ("Roll", "+0"))
    }
    rig = {"Camera:Yaw": "44", "Camera:Pitch": "0.1", "Camera:Roll": "0"}
    one, two = attitude_of(Tags(gimbal)), attitude_of(Tags(rig))
    assert one is not None
    assert two is not None
    assert (one.yaw_deg, one.pitch_deg) == (pytest.approx(two.yaw_deg), pytest.approx(two.pitch_deg))
