"""What the sun sends: light above the air, how clear the sky between is, and how far from noon it stands."""

from __future__ import annotations

import math

from uav_workflow.sun import SunPosition

_FIRST_RADIATION, _SECOND_RADIATION = 3.741771852e-16, 1.438776877e-2
"""2 pi h c^2 in W m2 and h c / k in m K (CODATA 2018)."""
_SUN_KELVIN, _SUN_DILUTION = 5772.0, (6.957e8 / 1.495978707e11) ** 2
"""Effective temperature and radius of the sun over the astronomical unit (IAU 2015, resolution B3)."""
CLEAR, COVERED = 0.55, 0.35
"""Clearness from which the sun shines freely, and below which it is hidden."""


def top_of_atmosphere(centre_nm: float) -> float:
    """Solar irradiance above the air, W m-2 nm-1: Planck's law at the sun's effective temperature.

    Within 5 % of measured spectra from 500 to 1000 nm, enough to tell a clear sky from a covered one.
    """
    metres = centre_nm * 1e-9
    exitance = _FIRST_RADIATION / metres**5 / math.expm1(_SECOND_RADIATION / (metres * _SUN_KELVIN))
    return exitance * _SUN_DILUTION * 1e-9


def clearness(irradiance: float, centre_nm: float | None, sun: SunPosition | None) -> float:
    """Irradiance on the ground over that above the air on a horizontal plane; NaN where it can't be told.

    0.6 - 0.85 under a clear sky in a band of the visible or near infrared, 0.1 - 0.3 under a closed cloud deck.
    """
    if centre_nm is None or sun is None or sun.elevation_deg < 5:
        return math.nan
    return irradiance / (top_of_atmosphere(centre_nm) * math.sin(math.radians(sun.elevation_deg)))


def beam_share(clear: float) -> float:
    """How much of a reading is treated as if the sun shone: 1 from `CLEAR`, 0 up to `COVERED`; 1 where unknown."""
    if math.isnan(clear):
        return 1.0
    return min(max((clear - COVERED) / (CLEAR - COVERED), 0.0), 1.0)


def hours_from_noon(sun: SunPosition, lat_deg: float) -> float:
    """True solar time minus twelve, hours: the sun's hour angle, from the triangle of pole, zenith and sun."""
    elevation, azimuth, lat = (math.radians(angle) for angle in (sun.elevation_deg, sun.azimuth_deg, lat_deg))
    across = -math.cos(elevation) * math.sin(azimuth)
    along = math.cos(lat) * math.sin(elevation) - math.sin(lat) * math.cos(elevation) * math.cos(azimuth)
    return math.degrees(math.atan2(across, along)) / 15.0
