import numpy as np
import pytest

from calibration.pictures.image_file import read_picture
from calibration.pictures.response import radiance
from calibration.pictures.stack import read_radiance
from uav_workflow.errors import CalibrationError


def test_a_stack_equals_its_pictures_one_by_one(rededge, shoot):
    rng = np.random.default_rng(4)
    images = []
    for number in range(3):
        for band in ("Red", "NIR"):
            scene = rng.uniform(0.05, 0.4, (48, 64))
            scene[number, 5] = 9.0
            images.append(shoot(f"{number}_{band}.tif", scene, 1.0, band=band, exposure_s=2e-4 * (1 + number)))
    stack = read_radiance(images, rededge)
    assert stack.radiance.dtype == np.float32
    assert stack.radiance.shape == (6, 48, 64)
    for place, image in enumerate(images):
        light, invalid = radiance(rededge, image, read_picture(image.path).dn)
        assert np.array_equal(stack.radiance[place], light)
        assert np.array_equal(stack.invalid[place], invalid)
        assert invalid.sum() == 1


def test_each_file_is_opened_once_and_the_vignetting_worked_out_once_a_band(rededge, shoot, monkeypatch):
    from calibration.pictures import response, stack

    images = [shoot(f"{n}.tif", np.full((48, 64), 0.2), 1.0, exposure_s=1e-4 * (1 + n)) for n in range(5)]
    opened = []
    monkeypatch.setattr(stack, "read_picture", lambda path: opened.append(path) or read_picture(path))
    response._radial.cache_clear()
    read_radiance(images, rededge, workers=1)
    assert sorted(opened) == sorted(image.path for image in images)
    assert response._radial.cache_info().misses == 1


def test_pictures_of_two_sizes_and_none_are_refused(rededge, shoot):
    images = [shoot("a.tif", np.full((48, 64), 0.2), 1.0), shoot("b.tif", np.full((40, 64), 0.2), 1.0)]
    with pytest.raises(CalibrationError, match=r"b\.tif: is 64 x 40 pixels, not 64 x 48"):
        read_radiance(images, rededge)
    with pytest.raises(CalibrationError, match="no pictures"):
        read_radiance([], rededge)
