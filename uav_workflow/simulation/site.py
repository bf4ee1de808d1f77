"""Where the simulated meadow lies, and when it is flown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from pyproj import Proj, Transformer

from uav_workflow.sun import SunPosition, sun_position

FloatArray = NDArray[np.float64]

UTC_OFFSET_H = 8
START = datetime(2026, 7, 24, 2, 40, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """An alpine meadow in the Qilian Mountains.

    Attributes
    ----------
    crs : str
        UTM zone of the site, WGS84.
    centre : (x, y)
        Easting and northing of the scene's origin, whole tens of metres.
    base_m : float
        Ellipsoidal height of the ground there, roughly.
    """

    name: str = "simulated-meadow"
    crs: str = "EPSG:32647"
    centre: tuple[float, float] = (704_120.0, 4_165_480.0)
    base_m: float = 3215.0

    def geographic(self, points: FloatArray) -> FloatArray:
        """(lon, lat) degrees of places (n, 2) in metres from the centre."""
        transformer = Transformer.from_crs(self.crs, "EPSG:4326", always_xy=True)
        lon, lat = transformer.transform(points[:, 0] + self.centre[0], points[:, 1] + self.centre[1])
        return np.column_stack([lon, lat])

    @property
    def convergence_deg(self) -> float:
        """Angle from true north to grid north, clockwise positive."""
        lon, lat = self.geographic(np.zeros((1, 2)))[0]
        return float(Proj(self.crs).get_factors(lon, lat).meridian_convergence)

    def sun(self, time_utc: datetime) -> SunPosition:
        """Sun over the centre."""
        lon, lat = self.geographic(np.zeros((1, 2)))[0]
        return sun_position(time_utc, float(lon), float(lat))

    def sun_vector(self, time_utc: datetime) -> tuple[float, float, float]:
        """Unit vector (grid east, grid north, up) to the sun."""
        sun = self.sun(time_utc)
        azimuth = math.radians(sun.azimuth_deg - self.convergence_deg)
        level = math.cos(math.radians(sun.elevation_deg))
        return level * math.sin(azimuth), level * math.cos(azimuth), math.sin(math.radians(sun.elevation_deg))


def local_time(time_utc: datetime) -> datetime:
    """Wall-clock time at the site, without zone, as cameras write it."""
    return (time_utc + timedelta(hours=UTC_OFFSET_H)).replace(tzinfo=None)
