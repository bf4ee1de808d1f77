import math

import numpy as np
import pytest

from calibration.pictures.response import radiance, response
from calibration.sensors.model import RadiometricModel
from uav_workflow.domain.flight import SensorProfile
from uav_workflow.errors import CalibrationError


def test_the_cameras_own_formula_is_undone(rededge, picture, numbers):
    image = picture()
    truth = np.random.default_rng(5).uniform(0.01, 0.3, (48, 64))
    light, invalid = radiance(rededge, image, numbers(truth, image))
    assert light.dtype == np.float32
    assert not invalid.any()
    one_number = 1.5e-4 / (2**16 * 3e-4)
    np.testing.assert_allclose(light, truth, atol=0.6 * one_number)


def test_below_black_stays_negative(rededge, picture):
    light, _ = radiance(rededge, picture(), np.full((48, 64), 4700, np.uint16))
    assert (light < 0).all()


def test_saturation_is_marked_before_anything_is_divided(rededge, picture):
    dn = np.full((48, 64), 20000, np.uint16)
    dn[3, 4], dn[5, 6] = 65000, 64999
    _, invalid = radiance(rededge, picture(), dn)
    assert invalid.sum() == 1
    assert invalid[3, 4]


def test_float_numbers_are_taken_too(rededge, picture):
    dn = np.full((48, 64), 20000, np.uint16)
    assert np.array_equal(radiance(rededge, picture(), dn)[0], radiance(rededge, picture(), dn.astype(np.float32))[0])


@pytest.mark.parametrize(("model", "seconds"), [("RedEdge", 2.74e-4), ("Altum", 1 / 6329)])
def test_the_exposure_that_early_firmware_writes_wrongly(rededge, picture, model, seconds):
    assert rededge.exposure_s(picture(exposure_s=1 / 6329, model=model)) == pytest.approx(seconds)


def test_an_honest_short_exposure_is_left_alone(rededge, picture):
    assert rededge.exposure_s(picture(exposure_s=1.7e-4)) == 1.7e-4


@pytest.mark.parametrize(
    "tag",
    [
        "EXIF__ExposureTime",
        "EXIF__ISOSpeed",
        "EXIF__BlackLevel",
        "MicaSense__RadiometricCalibration",
        "Camera__VignettingPolynomial",
    ],
)
def test_without_a_tag_the_formula_needs_there_is_no_radiance(rededge, picture, tag):
    with pytest.raises(CalibrationError, match="IMG_0001_1.tif"):
        response(rededge, picture(**{tag: None}))


def test_a_vignetting_polynomial_that_falls_to_zero_is_damage(rededge, picture):
    with pytest.raises(CalibrationError, match="vignetting"):
        response(rededge, picture(Camera__VignettingPolynomial=("-0.1",)))


def test_vignetting_surface_of_x_and_y(rededge, picture):
    image = picture(
        Camera__VignettingPolynomial2D=("0.5", "0.25", "0.125"),
        Camera__VignettingPolynomial2DName=("0", "0", "1", "0", "0", "2"),
    )
    vignette = response(rededge, image).vignette
    expected = 1 / (0.5 + 0.25 * 16 / 64 + 0.125 * (12 / 48) ** 2)
    assert vignette[12, 16] == pytest.approx(expected, rel=1e-6)


def test_vignetting_may_be_a_multiplier(rededge, picture):
    divide = response(rededge, picture()).vignette
    rule = rededge.vignette.model_copy(update={"apply": "multiply"})
    multiply = response(rededge.model_copy(update={"vignette": rule}), picture()).vignette
    np.testing.assert_allclose(divide * multiply, 1, rtol=1e-6)


def test_the_size_of_the_header_counts(rededge, picture):
    with pytest.raises(CalibrationError, match="header"):
        radiance(rededge, picture(), np.zeros((64, 48), np.uint16))


def test_sequoia_law_with_and_without_factory_constants(sequoia, picture):
    tags = {"EXIF__ISOSpeed": None, "EXIF__ISOSpeedRatings": 200, "EXIF__FNumber": 2.2}
    with_constants = response(sequoia, picture(**tags, Camera__SensorModel="280652.5,4863.1,2764.2"))
    assert with_constants.black == 4863.1
    assert with_constants.scale == pytest.approx(2.2**2 / (280652.5 * 3e-4 * 200 + 2764.2))
    without = response(sequoia, picture(**tags))
    assert without.black == 4800
    assert without.scale == pytest.approx(2.2**2 / (3e-4 * 200))


def test_defective_pixels_named_by_the_factory(sequoia, picture):
    tags = {"EXIF__ISOSpeed": None, "EXIF__ISOSpeedRatings": 200, "EXIF__FNumber": 2.2}
    image = picture(**tags, Camera__InvalidPixel=("7,3,500,500",))
    _, invalid = radiance(sequoia, image, np.full((48, 64), 9000, np.uint16))
    assert np.argwhere(invalid).tolist() == [[3, 7]]


def test_full_scale_is_the_radiance_of_saturation(rededge, picture):
    own = response(rededge, picture())
    light, invalid = own.apply(np.full((48, 64), 65000, np.uint16))
    assert invalid.all()
    assert light[24, 32] == pytest.approx(own.full_scale / (1 + 1.2e-7 * 24 / 3e-4 - 1.4e-6 * 24), rel=1e-5)


def test_a_profile_without_radiometry_says_so():
    sensor = SensorProfile(name="x", title="X", kind="rgb", bands=())
    with pytest.raises(CalibrationError, match="radiometry"):
        RadiometricModel.of(sensor)


def test_a_profile_with_an_unknown_key_says_which():
    sensor = SensorProfile(name="x", title="X", kind="rgb", bands=(), radiometry={"law": "micasense", "blak": 1})
    with pytest.raises(CalibrationError, match="blak"):
        RadiometricModel.of(sensor)


def test_nan_in_coefficients_is_refused(rededge, picture):
    with pytest.raises(CalibrationError, match="coefficients"):
        response(rededge, picture(MicaSense__RadiometricCalibration=(str(math.nan), "0", "0")))
