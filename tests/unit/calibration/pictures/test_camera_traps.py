"""Traps of the makers' tags, on pictures made from their formulas."""

import math

import numpy as np
import pytest
from camera_files import START, Shot, light_of, profile_and_image, write_shot

from calibration.outcome.thermal import temperature
from calibration.pictures.response import response
from calibration.sensors.model import RadiometricModel
from calibration.sun.irradiance import horizontal_irradiance
from uav_workflow.errors import CalibrationError
from uav_workflow.flights.photos import read_photo
from uav_workflow.flights.sensors import load_profiles, profile_of

SHAPE = (40, 64)

# -- DJI ---------------------------------------------------------------------------------------------------------

P4M = {
    "drone-dji:BandName": "NIR",
    "drone-dji:BandFreq": "840(+/-26)nm",
    "drone-dji:SensorIndex": 5,
    "drone-dji:Irradiance": "2000.000",
    "drone-dji:SensorGain": "1.044",
    "drone-dji:SensorGainAdjustment": ".998",
    "drone-dji:ExposureTime": "1000",
    "drone-dji:CalibratedOpticalCenterX": "31.5",
    "drone-dji:CalibratedOpticalCenterY": "20.25",
    "drone-dji:VignettingData": "1e-3, 2e-5, 0, 0, 0, 0",
}
M3M = {
    "drone-dji:BandName": "Green",
    "drone-dji:BandFreq": "560(±16)nm",
    "drone-dji:Irradiance": "16078",
    "drone-dji:SensorGain": "2.0",
    "drone-dji:SensorGainAdjustment": "1.05",
    "drone-dji:ExposureTime": "732",
    "drone-dji:CalibratedOpticalCenterX": "30",
    "drone-dji:CalibratedOpticalCenterY": "18",
    "drone-dji:VignettingData": "5e-4, 1e-5, 0, 0, 0, 0",
    "Camera:BlackCurrent": 3200,
}


def _dji_law(dn, tags, black, exposure_s):
    """P4 Multispectral image processing guide: pixel by pixel, in float64."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    centre = [float(tags[f"drone-dji:CalibratedOpticalCenter{axis}"]) for axis in "XY"]
    r = np.hypot(columns - centre[0], rows - centre[1])
    k = [float(number) for number in tags["drone-dji:VignettingData"].split(",")]
    vignette = 1 + sum(c * r ** (n + 1) for n, c in enumerate(k))
    gain, adjust = float(tags["drone-dji:SensorGain"]), float(tags["drone-dji:SensorGainAdjustment"])
    return (dn.astype(float) - black) / 2**16 * vignette / (gain * exposure_s) * adjust


@pytest.mark.parametrize("elements", [False, True], ids=["attributes", "elements"])
@pytest.mark.parametrize(
    "case",
    [("FC6360", P4M, (4096,) * 4, 4096, 1e-3), ("M3M", M3M, (), 3200, 732e-6)],
)
def test_dji_by_the_makers_guide(tmp_path, elements, case):
    """Microseconds, a vignetting polynomial that multiplies, no pi; exiftool turns attributes into elements."""
    dn = np.random.default_rng(2).integers(5000, 60000, SHAPE, dtype=np.uint16)
    name, tags, black_tag, black, exposure_s = case
    # EXIF rounds the exposure; the maker's tag is the one that counts
    shot = Shot(make="DJI", model=name, exposure_s=0.002, iso=None, black=black_tag, xmp=tags, elements=elements)
    path = write_shot(tmp_path / "x.tif", dn, shot)
    model, image, profile = profile_and_image(path)
    expected = _dji_law(dn, tags, black, exposure_s)
    np.testing.assert_allclose(light_of(path), expected, rtol=1e-4)
    light = horizontal_irradiance(model, image, None).horizontal
    ratio = math.pi * light_of(path).mean() / light
    assert ratio == pytest.approx(expected.mean() / float(tags["drone-dji:Irradiance"]), rel=1e-4)
    assert profile.name == ("dji_p4m" if name == "FC6360" else "dji_m3m")
    width = 52 if name == "FC6360" else 32
    assert (image.band.centre_nm, image.band.fwhm_nm) == (840 if width == 52 else 560, width)


def test_dji_falls_back_to_the_camera_copies_and_to_seconds(tmp_path):
    tags = {
        "Camera:BandName": "NIR",
        "Camera:BlackCurrent": 3200,
        "Camera:VignettingCenter": "30,18",
        "Camera:VignettingPolynomial": ["5e-4", "1e-5"],
        "Camera:RadiometricCalibration": "1.05, 0, 0",
        "Camera:Irradiance": 16078,
        "drone-dji:SensorGain": 2.0,
    }
    dn = np.random.default_rng(3).integers(5000, 60000, SHAPE, dtype=np.uint16)
    path = write_shot(tmp_path / "x.tif", dn, Shot(make="DJI", model="M3M", exposure_s=732e-6, iso=None, xmp=tags))
    copies = M3M | {"drone-dji:VignettingData": "5e-4, 1e-5"}
    np.testing.assert_allclose(light_of(path), _dji_law(dn, copies, 3200, 732e-6), rtol=1e-4)


def test_dji_without_its_gain_adjustment_is_refused_not_wrong_by_a_quarter(tmp_path):
    tags = {key: value for key, value in P4M.items() if not key.endswith("SensorGainAdjustment")}
    shot = Shot(make="DJI", model="FC6360", black=(4096,), iso=None, xmp=tags)
    path = write_shot(tmp_path / "x.tif", np.full(SHAPE, 9000, np.uint16), shot)
    with pytest.raises(CalibrationError, match="SensorGainAdjustment"):
        light_of(path)


# -- MicaSense, Sequoia, Sentera, Pix4D ---------------------------------------------------------------------------

RIG = {
    "MicaSense:RadiometricCalibration": ["1.5e-4", "1.2e-7", "1.4e-6"],
    "Camera:BandName": "Red",
    "Camera:VignettingCenter": ["32", "20"],
    "Camera:VignettingPolynomial": ["-1e-3", "0", "0", "0", "0", "0"],
}


@pytest.mark.parametrize(
    "uri", ["http://pix4d.com/1.0", "http://pix4d.com/camera/1.0", "http://pix4d.com/camera/1.0/", "urn:else"]
)
@pytest.mark.parametrize("listed", [list, lambda items: [", ".join(items)], ",".join, ", ".join])
def test_any_uri_of_camera_and_any_form_of_a_list(tmp_path, uri, listed):
    tags = {key: listed(value) if isinstance(value, list) else value for key, value in RIG.items()}
    shot = Shot(make="MicaSense", model="RedEdge-M", black=(4800,) * 4, camera_uri=uri, xmp=tags)
    path = write_shot(tmp_path / "x.tif", np.full(SHAPE, 20000, np.uint16), shot)
    light = light_of(path)
    expected = 1.5e-4 * (20000 - 4800) / (2**16 * 1e-3)
    assert light[20, 32] == pytest.approx(expected / (1 + 1.2e-7 * 20 / 1e-3 - 1.4e-6 * 20), rel=1e-5)
    assert light[0, 32] == pytest.approx(expected / (1 - 0.02), rel=1e-5)


def test_black_levels_of_the_four_channels_are_averaged(tmp_path):
    shot = Shot(make="MicaSense", model="RedEdge-P", black=(3800, 3864, 3800, 3864), xmp=RIG)
    path = write_shot(tmp_path / "x.tif", np.full(SHAPE, 9000, np.uint16), shot)
    model, image, _ = profile_and_image(path)
    assert response(model, image).black == 3832


@pytest.mark.parametrize(
    ("text", "milliseconds"), [("-173936", -174), ("-050000", -50), ("050000", 50), ("5", 500), ("200174000", 200)]
)
def test_fractions_of_a_second_negative_and_with_leading_zeros(tmp_path, text, milliseconds):
    shot = Shot(make="MicaSense", model="RedEdge-M", sub_second=text, xmp=RIG)
    path = write_shot(tmp_path / "x.tif", np.full(SHAPE, 9000, np.uint16), shot)
    moment = read_photo(path, tmp_path).time_utc
    assert (moment - START).total_seconds() * 1000 == pytest.approx(milliseconds, abs=1)


@pytest.mark.parametrize(("unit", "focal"), [("mm", 5.4), (None, 5.4), (None, 1440.0)])
def test_a_focal_length_without_its_unit_is_pixels_unless_no_picture_is_so_small(tmp_path, unit, focal):
    """Firmware 2.1 writes pixels without a unit; read as millimetres it made an empty picture elsewhere."""
    tags = RIG | {"Camera:PerspectiveFocalLength": focal}
    if unit:
        tags |= {"Camera:PerspectiveFocalLengthUnits": unit}
    shot = Shot(make="MicaSense", model="RedEdge", xmp=tags)
    path = write_shot(tmp_path / "x.tif", np.full((960, 1280), 9000, np.uint16), shot)
    image = read_photo(path, tmp_path)
    if focal > 100:
        assert (image.focal_px, image.focal_source) == (1440.0, "vendor calibration")
    else:
        assert image.focal_px is None


def test_the_thermal_band_is_a_temperature(tmp_path):
    profile = profile_of("MicaSense", "Altum", load_profiles())
    celsius = temperature(RadiometricModel.of(profile), np.full((4, 5), 29815, np.uint16))
    assert celsius.dtype == np.float32
    np.testing.assert_allclose(celsius, 25.0, atol=1e-4)


def test_the_sequoia_uses_its_own_black_level_and_takes_it_off_first(tmp_path):
    """B of the law is not the mean of the EXIF tag; vignetting before black would brighten the corner."""
    surface = ["1", "-0.4", "-0.4"]
    tags = {
        "Camera:BandName": "NIR",
        "Camera:SensorModel": "271665.8,5008.3,2581.1",
        "Camera:VignettingPolynomial2D": surface,
        "Camera:VignettingPolynomial2DName": ["0", "0", "1", "0", "0", "1"],
    }
    shot = Shot(
        make="Parrot",
        model="Sequoia",
        exposure_s=0.003,
        iso=600,
        iso_tag=34855,
        black=(5470, 5470, 5470, 5470),
        xmp=tags,
    )
    path = write_shot(tmp_path / "x.tif", np.full(SHAPE, 9000, np.uint16), shot)
    corner = 1 - 0.4 * 63 / 64 - 0.4 * 39 / 40
    expected = 2.2**2 * (9000 - 5008.3) / (271665.8 * 0.003 * 600 + 2581.1) / corner
    assert light_of(path)[-1, -1] == pytest.approx(expected, rel=1e-5)
    wrong = 2.2**2 * (9000 / corner - 5008.3) / (271665.8 * 0.003 * 600 + 2581.1)
    assert wrong / expected > 1.3


def test_sentera_writes_the_highest_power_of_its_vignetting_first(tmp_path):
    tags = {
        "Camera:BandName": ["NIR"],
        "Camera:VignettingCenter": ["0", "0"],
        "Camera:VignettingPolynomial": ["-1e-4", "-2e-3"],
        "Camera:BandSensitivity": ["0.5"],
        "Camera:SunSensor": ["120.0"],
    }
    shot = Shot(make="Sentera", model="21214-00_3.2MP-GS-0001", iso=200, exposure_s=0.002, xmp=tags)
    path = write_shot(tmp_path / "x.tif", np.full(SHAPE, 2048, np.uint16), shot)
    model, image, profile = profile_and_image(path)
    assert profile.name == "sentera_6x"
    assert image.band.centre_nm == 840
    assert light_of(path)[0, 10] == pytest.approx(0.5 / (2.0 * 0.002) / 0.5 / (1 - 2e-3 * 10 - 1e-4 * 100), rel=1e-5)
    assert horizontal_irradiance(model, image, None).horizontal == pytest.approx(math.pi * 120)
    assert model.saturation_of(image) == 4094


PIX4D = {"Camera:BandName": "Violet", "Camera:CentralWavelength": 410, "Camera:BlackCurrent": 256}


def test_an_unknown_maker_is_taken_by_the_convention_of_pix4d(tmp_path):
    tags = PIX4D | {"Camera:BandSensitivity": 0.25, "Camera:SunSensor": 3.0}
    path = write_shot(
        tmp_path / "x.tif", np.full(SHAPE, 33024, np.uint16), Shot(make="Nobody", model="N1", iso=200, xmp=tags)
    )
    model, image, profile = profile_and_image(path)
    assert profile.name == "pix4d_convention"
    assert (image.band.name, image.band.centre_nm) == ("Violet", 410)
    np.testing.assert_allclose(light_of(path), 0.5 / (2 * 1e-3) / 0.25, rtol=1e-6)
    assert model.saturation_of(image) == 65534
    assert model.quantity == "relative"


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        (PIX4D | {"Camera:IsNormalized": 1}, "normalised"),
        ({"Camera:BandName": "Violet"}, "black level"),
        (PIX4D | {"Camera:BandSensitivity": 0}, "BandSensitivity"),
    ],
)
def test_what_the_convention_leaves_open_is_refused(tmp_path, tags, why):
    path = write_shot(tmp_path / "x.tif", np.full(SHAPE, 9000, np.uint16), Shot(make="N", model="N", xmp=tags))
    with pytest.raises(CalibrationError, match=why):
        light_of(path)
