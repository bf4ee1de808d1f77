"""A sun sensor's axis, the sun, and what the sensor's cover lets through at an angle."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from uav_workflow.sun import SunPosition

_REFRACTIVE_INDICES = (1.000277, 1.6, 1.38)
"""Air, the diffuser's cover and the diffuser of the DLS 1."""
GRAZING = 0.1
"""Least cosine of the sun's angle on a sensor whose reading is levelled by it."""


def sensor_normal(yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    """Unit vector, north-east-down, of the axis of a sensor that looks up at zero attitude; radians.

    The body turns by roll about x, pitch about y and yaw about z (aerospace order), so the axis is minus the third
    column of Rz(yaw) Ry(pitch) Rx(roll).
    """
    cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (math.cos, math.sin))
    return -np.array([cy * sp * cr + sy * sr, sy * sp * cr - cy * sr, cp * cr])


def sun_vector(sun: SunPosition) -> NDArray[np.float64]:
    """Unit vector towards the sun, north-east-down."""
    elevation, azimuth = math.radians(sun.elevation_deg), math.radians(sun.azimuth_deg)
    return np.array(
        [math.cos(azimuth) * math.cos(elevation), math.sin(azimuth) * math.cos(elevation), -math.sin(elevation)]
    )


def fresnel_transmission(angle_rad: float) -> float:
    """Share of unpolarised light that enters the diffuser at an angle from its axis (Fresnel, 1823; Snell's law)."""
    share, sine = 1.0, math.sin(min(abs(angle_rad), math.pi / 2))
    for n1, n2 in pairwise(_REFRACTIVE_INDICES):
        sine1, sine2 = sine / n1, sine / n2
        if sine2 >= 1:
            return 0.0
        cos1, cos2 = math.sqrt(1 - sine1**2), math.sqrt(1 - sine2**2)
        across = ((n1 * cos1 - n2 * cos2) / (n1 * cos1 + n2 * cos2)) ** 2
        along = ((n1 * cos2 - n2 * cos1) / (n1 * cos2 + n2 * cos1)) ** 2
        share *= 1 - (across + along) / 2
    return share
