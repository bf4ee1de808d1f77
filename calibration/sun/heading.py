"""Which way the drone flew at each picture, and whether the sun sensor reads differently on the way back."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibration.sensors.model import RadiometricModel
from calibration.sun.irradiance import attitude_rad
from uav_workflow.domain.flight import BandImage

FloatArray = NDArray[np.float64]

_FEWEST = 5
"""Readings each way below which a difference is chance."""
_ALONG = 0.5
"""Cosine of the angle to the lines up to which a picture is on one of them."""
_METRES_PER_DEGREE = 111_320.0


def headings_of(images: Sequence[BandImage], model: RadiometricModel, order: FloatArray) -> FloatArray:
    """Heading of every picture, radians clockwise from north; NaN where nothing tells it.

    The camera's attitude, else the sun sensor's, else the course between the neighbours in time.
    """
    told = np.array([_told(image, model) for image in images])
    return np.where(np.isfinite(told), told, _courses(images, order))


def line_axis(headings: FloatArray) -> float:
    """Direction of the flight's lines, radians from north, up to half a turn; at least one heading is known."""
    # a line and the line back have one doubled angle
    return float(0.5 * np.angle(np.mean(np.exp(2j * headings[np.isfinite(headings)]))))


def way_along_lines(headings: FloatArray) -> FloatArray:
    """1 on lines one way, -1 on lines back, 0 on turns; all 0 where lines run one way alone or nothing is known."""
    known = np.isfinite(headings)
    if known.sum() < 2 * _FEWEST:
        return np.zeros(len(headings))
    along = np.where(known, np.cos(headings - line_axis(headings)), 0.0)
    ways = np.where(np.abs(along) > _ALONG, np.sign(along), 0.0)
    return ways if min((ways > 0).sum(), (ways < 0).sum()) >= _FEWEST else np.zeros(len(headings))


def bias_of(departure: FloatArray, ways: FloatArray) -> float:
    """Relative difference of the light read forward and backward: difference of medians; NaN where ways are unknown."""
    usable = np.isfinite(departure)
    forward, backward = departure[usable & (ways > 0)], departure[usable & (ways < 0)]
    if min(len(forward), len(backward)) < _FEWEST:
        return math.nan
    return float(np.median(forward) - np.median(backward))


def _told(image: BandImage, model: RadiometricModel) -> float:
    if image.attitude is not None:
        return math.radians(image.attitude.yaw_deg)
    attitude = attitude_rad(model.irradiance.attitude, image.tags)
    return math.nan if attitude is None else attitude[0]


def _courses(images: Sequence[BandImage], order: FloatArray) -> FloatArray:
    places = np.array([(i.position.lon, i.position.lat) if i.position else (math.nan, math.nan) for i in images])
    if len(places) < 2:
        return np.full(len(places), math.nan)
    places[:, 0] *= np.cos(np.radians(np.nanmean(places[:, 1]))) if np.isfinite(places[:, 1]).any() else 1.0
    ranks = np.argsort(order, kind="stable")
    steps = np.gradient(places[ranks] * _METRES_PER_DEGREE, axis=0)
    far = np.hypot(steps[:, 0], steps[:, 1]) > 1.0
    courses = np.full(len(places), math.nan)
    courses[ranks] = np.where(far, np.arctan2(steps[:, 0], steps[:, 1]), math.nan)
    return courses
