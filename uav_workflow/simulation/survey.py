"""A flight as it truly goes: cameras, stations, light; and what GPS and clock say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from flight_plans.lines import FlightLine, FrameCamera, Overlap, block
from uav_workflow.domain.reconstruction import Shot
from uav_workflow.simulation.cameras import BandCamera
from uav_workflow.simulation.options import SimulationOptions
from uav_workflow.simulation.path import Station, fly, gps_errors
from uav_workflow.simulation.photograph import ground_places
from uav_workflow.simulation.scene import LANDSCAPES
from uav_workflow.simulation.site import START, Site
from uav_workflow.simulation.sky import Light, SkyModel
from uav_workflow.simulation.terrain import Terrain

FloatArray = NDArray[np.float64]

CLOCK_OFFSET_S = 4.0
"""The camera's clock is off by up to this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Everything that is true of a flight before a photo is taken.

    Attributes
    ----------
    stations : sequence of Station
        Captures in time order.
    gps : (n, 3) float64
        Positions as the GPS reports them, metres from the site's centre.
    clock_offset_s : float
        Camera clock minus true time.
    block_m : (width, height)
        Extent of the camera positions.
    """

    site: Site
    terrain: Terrain
    stations: Sequence[Station]
    gps: FloatArray
    clock_offset_s: float
    start: datetime
    sky: SkyModel
    block_m: tuple[float, float]

    def true_time(self, seconds: float) -> datetime:
        """UTC at a time of the flight."""
        return self.start + timedelta(seconds=seconds)

    def tagged_time(self, seconds: float) -> datetime:
        """UTC as the camera's clock has it."""
        return self.start + timedelta(seconds=seconds + self.clock_offset_s)

    def light(self, seconds: float) -> Light:
        """True light at a time of the flight."""
        return self.sky.at(seconds, self.site.sun(self.true_time(seconds)).elevation_deg)

    def mean_direct_share(self) -> FloatArray:
        """Direct share of the level irradiance, mean over the captures, a band."""
        return np.asarray(np.mean([self.light(station.seconds).direct_share for station in self.stations], axis=0))


def plan(options: SimulationOptions, camera: FrameCamera, focal_px: float, shake: tuple[float, float, float]) -> Survey:
    """Lay the lines, fly them, and draw sky, clock and GPS.

    Parameters
    ----------
    camera : FrameCamera
        Of the size that is simulated.
    focal_px : float
        True focal length, which sets the flying height.
    shake : (yaw, pitch, roll)
        Standard deviations of the attitude, degrees.
    """
    site = Site()
    rng = np.random.default_rng((options.seed, 5))
    terrain = LANDSCAPES[options.landscape].terrain(options.scene, site.base_m)
    height = options.gsd_cm / 100 * focal_px
    overlap = Overlap(forward=options.forward_overlap, side=options.side_overlap)
    lines = block((0.0, 0.0), options.captures, camera, height, overlap, heading_deg=float(rng.uniform(-8, 8)))
    places = np.concatenate([line.stations for line in lines])
    altitude = float(terrain.height(places[:, 0], places[:, 1]).mean()) + height
    stations = fly(lines, altitude, camera.interval_s, shake, rng)
    return Survey(
        site=site,
        terrain=terrain,
        stations=stations,
        gps=np.array([station.centre for station in stations])
        + gps_errors(stations, rng, options.gps_noise_m, options.altitude_drift_m),
        clock_offset_s=float(rng.uniform(-CLOCK_OFFSET_S, CLOCK_OFFSET_S)),
        start=START,
        sky=SkyModel(options.sky, options.seed),
        block_m=_extent(lines),
    )


def _extent(lines: Sequence[FlightLine]) -> tuple[float, float]:
    places = np.concatenate([line.stations for line in lines])
    width, height = places.max(axis=0) - places.min(axis=0)
    return float(width), float(height)


def shot_of(station: Station, band: BandCamera, image: str, time_utc: datetime) -> Shot:
    """True pose of one band's image."""
    return Shot(
        image=image,
        camera_id=band.camera.camera_id,
        rotation=np.asarray(band.rotation @ station.rotation),
        centre=np.asarray(station.centre + station.rotation.T @ band.offset),
        time_utc=time_utc,
    )


def seen_bounds(survey: Survey, bands: Sequence[BandCamera], margin_m: float) -> tuple[float, float, float, float]:
    """Bounds of the ground that the photos see, with a margin for what stands on it."""
    seen = []
    for station in survey.stations:
        for band in bands:
            camera = band.camera
            edge = np.array([(u, v) for u in np.linspace(0, camera.width, 7) for v in np.linspace(0, camera.height, 7)])
            shot = shot_of(station, band, "", survey.start)
            seen.append(ground_places(camera, shot, survey.terrain.height, edge)[0][:, :2])
    places = np.concatenate(seen)
    low, high = places.min(axis=0) - margin_m, places.max(axis=0) + margin_m
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])
