"""Sun sensors: irradiance on a horizontal plane at the moment of a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from calibration.sensors.keys import Attitude, Irradiance
from calibration.sensors.model import RadiometricModel, numbers_of
from calibration.sun.daylight import beam_share, clearness
from calibration.sun.levelling import AS_READ, Levelling
from calibration.sun.sunshine import sunshine_records
from calibration.sun.tilt import GRAZING, fresnel_transmission, sensor_normal, sun_vector
from uav_workflow.domain.flight import BandImage
from uav_workflow.domain.sensor import firmware_version
from uav_workflow.domain.tags import Tags
from uav_workflow.sun import SunPosition, sun_position

LightFrom = Literal["sun", "both", "sky"]
"""Where the light of a tilted reading is taken to come from: mostly the sun, by how clear it is, or the sky alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SunSensorReading:
    """What the sun sensor said for one picture.

    Attributes
    ----------
    horizontal : float
        Irradiance on a horizontal plane, W m-2 nm-1 (or the maker's unit).
    tilt_deg : float
        Angle between the sensor's axis and the zenith; NaN when not stated.
    direct_to_diffuse : float
        Measured ratio of direct to diffuse light; NaN when the sensor does not measure it.
    attitude_corrected : bool
        False where the sun's position was unknown and the reading stands as it was taken.
    clearness : float
        See `daylight.clearness`; NaN where the unit is the maker's own.
    """

    horizontal: float
    tilt_deg: float = math.nan
    direct_to_diffuse: float = math.nan
    attitude_corrected: bool = True
    clearness: float = math.nan


def sun_at(image: BandImage) -> SunPosition | None:
    """Position of the sun over the picture, above the horizon or below; None when time in UTC or place is unknown."""
    if image.time_utc is None or image.position is None:
        return None
    return sun_position(image.time_utc, image.position.lon, image.position.lat)


def sun_of(image: BandImage) -> SunPosition | None:
    """Position of the sun over the picture, or None when it is unknown or no light can be worked out from it.

    Below the horizon the time is wrong, or there was no sun.
    """
    sun = sun_at(image)
    return sun if sun is not None and sun.elevation_deg > 0 else None


def horizontal_irradiance(
    model: RadiometricModel,
    image: BandImage,
    sun: SunPosition | None,
    light_from: LightFrom = "sun",
    levelling: Levelling = AS_READ,
) -> SunSensorReading | None:
    """Irradiance on a horizontal plane from the sun-sensor tags of one picture.

    Parameters
    ----------
    model : RadiometricModel
    image : BandImage
    sun : SunPosition or None
        Without it a tilted reading can't be turned into a horizontal one and stays as it was taken.
    light_from : {"sun", "both", "sky"}
        How a sensor that does not tell direct from diffuse light is levelled: by the sun's angle on it, not at all
        (light of a covered sky comes from everywhere), or between the two by how clear the reading is.
    levelling : Levelling
        Of kind ``sunshine``: as far as the flight's own readings allow, see `sun.levelling.fit_levelling`.

    Returns
    -------
    SunSensorReading or None
        None when the picture carries no usable reading (no tags, zero, not finite).
    """
    rule = model.irradiance
    reading: SunSensorReading | None = None
    if rule.kind == "sunshine":
        reading = _sunshine(image, sun, levelling)
    elif rule.kind == "value":
        stated = _first(image.tags, rule.value)
        # reflectance is pi L / E everywhere in the house: a maker's L / E is pi L / (pi E)
        as_house = 1.0 if model.pi_factor else math.pi
        reading = None if stated is None else SunSensorReading(horizontal=stated * as_house)
    elif rule.kind == "dls":
        measures_both = _first(image.tags, (*rule.direct, *rule.horizontal)) is not None
        reading = _dls2(rule, image, sun) if measures_both else _dls1(rule, image, sun, light_from)
    usable = reading is not None and math.isfinite(reading.horizontal) and reading.horizontal > 0
    return reading if usable else None


def _sunshine(image: BandImage, sun: SunPosition | None, levelling: Levelling) -> SunSensorReading | None:
    """Parrot's sensor at the moment of the picture; the list's own clock, attitude and gains."""
    records = sunshine_records(image)
    if records is None:
        return None
    level = levelling.of(records, sun)
    return SunSensorReading(
        horizontal=records.at(image, level),
        tilt_deg=records.at(image, records.tilt_deg),
        attitude_corrected=sun is not None,
    )


def _dls1(
    rule: Irradiance, image: BandImage, sun: SunPosition | None, light_from: LightFrom
) -> SunSensorReading | None:
    """DLS 1: one upward sensor; direct and diffuse shares assumed, Fresnel losses of the cover undone."""
    spectral = _first(image.tags, rule.spectral)
    attitude = attitude_rad(rule.attitude, image.tags)
    if spectral is None:
        return None
    scaled = spectral * (image.tags.number(rule.scale) or 1.0)
    clear = clearness(scaled, image.band.centre_nm, sun)
    if attitude is None or sun is None:
        return SunSensorReading(horizontal=scaled, attitude_corrected=False, clearness=clear)
    normal = sensor_normal(*attitude)
    angle = math.acos(float(np.clip(normal @ sun_vector(sun), -1.0, 1.0)))
    if light_from != "sky" and math.cos(angle) < GRAZING:
        return None  # the sun all but beside the sensor: what it would have read level is anyone's guess
    diffuse_share = 1.0 / rule.direct_to_diffuse
    direct = scaled / fresnel_transmission(angle) / (diffuse_share + math.cos(angle))
    in_the_sun = direct * math.sin(math.radians(sun.elevation_deg)) + direct * diffuse_share
    share = {"sun": 1.0, "sky": 0.0, "both": beam_share(clear)}[light_from]
    return SunSensorReading(
        horizontal=share * in_the_sun + (1 - share) * scaled,
        tilt_deg=math.degrees(math.acos(-normal[2])),
        clearness=clear,
    )


def _dls2(rule: Irradiance, image: BandImage, sun: SunPosition | None) -> SunSensorReading | None:
    """DLS 2: direct and scattered light measured; the ready-made horizontal value trusted by firmware."""
    tags = image.tags
    scale = tags.number(rule.scale) or rule.unit_without_scale
    direct, scattered = _first(tags, rule.direct), _first(tags, rule.scattered)
    ratio = direct / scattered if direct is not None and scattered else math.nan
    attitude = attitude_rad(rule.attitude, tags)
    tilt = math.nan if attitude is None else math.degrees(math.acos(-sensor_normal(*attitude)[2]))
    stated = _first(tags, rule.horizontal)
    if stated is not None and _horizontal_is_right(rule, image):
        horizontal = stated * scale
    elif direct is None or scattered is None or sun is None:
        return None
    else:
        horizontal = (direct * math.sin(math.radians(sun.elevation_deg)) + scattered) * scale
    clear = clearness(horizontal, image.band.centre_nm, sun)
    return SunSensorReading(horizontal=horizontal, tilt_deg=tilt, direct_to_diffuse=ratio, clearness=clear)


def _horizontal_is_right(rule: Irradiance, image: BandImage) -> bool:
    since = rule.horizontal_since.get(image.model)
    return since is not None and firmware_version(image.tags.text("EXIF:Software") or "") >= firmware_version(since)


def _first(tags: Tags, names: Sequence[str]) -> float | None:
    return next(iter(numbers_of(tags, names)), None)


def attitude_rad(rule: Attitude, tags: Tags) -> tuple[float, float, float] | None:
    """Yaw, pitch, roll of the sensor in radians (DLS tags are radians, the Camera copies degrees)."""
    for names, unit in ((rule.radians, 1.0), (rule.degrees, math.pi / 180)):
        angles = [tags.number(name) for name in names]
        if len(angles) == 3 and angles[0] is not None and angles[1] is not None and angles[2] is not None:
            return angles[0] * unit, angles[1] * unit, angles[2] * unit
    return None
