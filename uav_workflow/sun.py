"""Position of the sun, NOAA's closed form after Meeus (1998), Astronomical Algorithms, chapters 25 and 28."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class SunPosition:
    """Apparent position: elevation above the horizon with refraction, azimuth clockwise from north; degrees."""

    elevation_deg: float
    azimuth_deg: float


def sun_position(time_utc: datetime, lon_deg: float, lat_deg: float) -> SunPosition:
    """Where the sun stands.

    Parameters
    ----------
    time_utc : datetime
        Aware, any zone; a naive time is refused.
    lon_deg, lat_deg : float
        WGS84 degrees, east and north positive.

    Raises
    ------
    ValueError
        The time carries no zone.
    """
    if time_utc.tzinfo is None:
        raise ValueError("sun_position needs a time with its zone; a naive time would be off by hours")
    moment = time_utc.astimezone(UTC)
    days = (moment - datetime(2000, 1, 1, 12, tzinfo=UTC)).total_seconds() / 86400.0
    century = days / 36525.0
    declination, equation_min = _declination_and_equation_of_time(century)
    minutes = moment.hour * 60 + moment.minute + (moment.second + moment.microsecond * 1e-6) / 60
    hour_angle = math.radians((minutes + equation_min + 4 * lon_deg) / 4 - 180)
    lat = math.radians(lat_deg)
    sin_elevation = math.sin(lat) * math.sin(declination) + math.cos(lat) * math.cos(declination) * math.cos(hour_angle)
    elevation = math.degrees(math.asin(max(-1.0, min(1.0, sin_elevation))))
    azimuth = math.degrees(
        math.atan2(
            -math.sin(hour_angle) * math.cos(declination),
            math.sin(declination) * math.cos(lat) - math.cos(declination) * math.sin(lat) * math.cos(hour_angle),
        )
    )
    return SunPosition(elevation + _refraction_deg(elevation), azimuth % 360)


def _declination_and_equation_of_time(century: float) -> tuple[float, float]:
    """Declination in radians and equation of time in minutes."""
    mean_longitude = math.radians((280.46646 + century * (36000.76983 + 0.0003032 * century)) % 360)
    anomaly = math.radians(357.52911 + century * (35999.05029 - 0.0001537 * century))
    eccentricity = 0.016708634 - century * (0.000042037 + 0.0000001267 * century)
    centre = (
        math.sin(anomaly) * (1.914602 - century * (0.004817 + 0.000014 * century))
        + math.sin(2 * anomaly) * (0.019993 - 0.000101 * century)
        + math.sin(3 * anomaly) * 0.000289
    )
    node = math.radians(125.04 - 1934.136 * century)
    longitude = math.radians(math.degrees(mean_longitude) + centre - 0.00569 - 0.00478 * math.sin(node))
    mean_obliquity = 23 + (26 + (21.448 - century * (46.815 + century * 0.00059)) / 60) / 60
    obliquity = math.radians(mean_obliquity + 0.00256 * math.cos(node))
    y = math.tan(obliquity / 2) ** 2
    equation = 4 * math.degrees(
        y * math.sin(2 * mean_longitude)
        - 2 * eccentricity * math.sin(anomaly)
        + 4 * eccentricity * y * math.sin(anomaly) * math.cos(2 * mean_longitude)
        - 0.5 * y * y * math.sin(4 * mean_longitude)
        - 1.25 * eccentricity**2 * math.sin(2 * anomaly)
    )
    return math.asin(math.sin(obliquity) * math.sin(longitude)), equation


def _refraction_deg(elevation_deg: float) -> float:
    """Atmospheric refraction at standard pressure, NOAA's piecewise form."""
    if elevation_deg > 85:
        return 0.0
    tangent = math.tan(math.radians(elevation_deg))
    if elevation_deg > 5:
        arcsec = 58.1 / tangent - 0.07 / tangent**3 + 0.000086 / tangent**5
    elif elevation_deg > -0.575:
        e = elevation_deg
        arcsec = 1735 + e * (-518.2 + e * (103.4 + e * (-12.79 + e * 0.711)))
    else:
        arcsec = -20.774 / tangent
    return arcsec / 3600
