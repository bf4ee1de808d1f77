import base64
import struct

import pytest

from calibration.sun.sunshine import sunshine_records

TABLE = "0,600,10,1,1,600,300,37,2,600,6000,626,3,600,65535,15660"


def _listed(*rows):
    raw = b"".join(struct.pack("<Q4H3f", int(t * 1e6), ch0, 1, gain, ms, 1.0, 2.0, 3.0) for t, ch0, gain, ms in rows)
    return "\n" + base64.b64encode(raw).decode() + "\n"


def _image(picture, listed, **tags):
    return picture(
        Camera__IrradianceList=listed,
        **{"Camera__IrradianceCalibrationMeasurement": TABLE, **tags},
    )


def test_gain_comes_from_the_sensors_own_table_not_from_the_index(picture):
    """Gain 2 is 6000 / 300 = 20 times gain 1: the same light reads 20 times as many counts."""
    records = sunshine_records(_image(picture, _listed((1.0, 50, 1, 100), (1.2, 1000, 2, 100), (1.4, 100, 1, 200))))
    assert records.irradiance.tolist() == pytest.approx([0.5, 0.5, 0.5])
    assert records.seconds.tolist() == pytest.approx([1.0, 1.2, 1.4])
    assert records.attitude_deg[0].tolist() == [1.0, 2.0, 3.0]


def test_light_at_the_moment_of_the_picture_on_the_boot_clock(picture):
    image = _image(
        picture,
        _listed((100.0, 100, 1, 100), (101.0, 200, 1, 100)),
        EXIF__DateTimeDigitized="1970:01:01 00:01:40",
        EXIF__SubSecTimeDigitized="250000",
    )
    records = sunshine_records(image)
    assert records.at(image, records.irradiance) == pytest.approx(1.25)


def test_without_a_boot_clock_the_last_record_counts(picture):
    image = _image(
        picture, _listed((1.0, 100, 1, 100), (2.0, 300, 1, 100)), EXIF__DateTimeDigitized="2018:04:13 08:06:58"
    )
    records = sunshine_records(image)
    assert records.at(image, records.irradiance) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("listed", "table"),
    [
        ("not base64!", TABLE),
        (base64.b64encode(b"12345").decode(), TABLE),
        (_listed((1.0, 50, 7, 100)), TABLE),
        (_listed((1.0, 50, 1, 0)), TABLE),
        (_listed((1.0, 50, 1, 100)), "1,2,3"),
        (_listed((1.0, 50, 1, 100)), ""),
        ("", TABLE),
    ],
)
def test_a_damaged_list_gives_nothing(picture, listed, table):
    image = _image(picture, listed, Camera__IrradianceCalibrationMeasurement=table)
    assert sunshine_records(image) is None
