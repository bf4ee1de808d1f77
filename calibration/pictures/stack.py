"""Radiance of many pictures at once, for work in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from calibration.pictures.image_file import read_picture
from calibration.pictures.response import BoolArray, FloatArray, response
from calibration.sensors.model import RadiometricModel
from uav_workflow.domain.flight import BandImage
from uav_workflow.errors import CalibrationError


@dataclass(frozen=True, slots=True, kw_only=True)
class RadianceStack:
    """Radiance of pictures of one size.

    Attributes
    ----------
    images : tuple of BandImage
    radiance : float32 (n, height, width)
        W m-2 sr-1 nm-1, or the maker's unit; negative below black; raw grid, orientation not applied.
    invalid : bool (n, height, width)
        Saturated and defective pixels.
    """

    images: tuple[BandImage, ...]
    radiance: FloatArray
    invalid: BoolArray


def read_radiance(images: Sequence[BandImage], model: RadiometricModel, *, workers: int = 2) -> RadianceStack:
    """Read pictures, each file once, and turn their numbers into radiance.

    The vignetting map of a band is worked out once and shared by all its pictures.

    Parameters
    ----------
    images : sequence of BandImage
        Any bands and captures of one camera; all of one size.
    model : RadiometricModel
    workers : int
        Pictures at a time.

    Raises
    ------
    CalibrationError
        A picture can't be read, lacks a tag the formula needs, or is not of the size of the first.
    """
    if not images:
        raise CalibrationError("no pictures were given")
    shape = (images[0].height, images[0].width)
    light = np.empty((len(images), *shape), np.float32)
    invalid = np.empty(light.shape, bool)

    def work(place: int) -> None:
        image = images[place]
        dn = read_picture(image.path).dn
        if dn.shape != shape:
            raise CalibrationError(
                f"{image.name}: is {dn.shape[1]} x {dn.shape[0]} pixels, not {shape[1]} x {shape[0]}"
            )
        invalid[place] = response(model, image).apply(dn, light[place])[1]

    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        list(pool.map(work, range(len(images))))
    return RadianceStack(images=tuple(images), radiance=light, invalid=invalid)
