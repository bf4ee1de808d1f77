"""How the drone really flew, and what its GPS said."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flight_plans.lines import FlightLine

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """One capture as it truly was.

    Attributes
    ----------
    centre : (3,) float64
        Metres from the site's centre; z ellipsoidal.
    rotation : (3, 3) float64
        World (east, north, up) to camera (right, down, forward).
    yaw_deg, pitch_deg, roll_deg : float
        Heading clockwise from grid north, nose up, right side down.
    seconds : float
        Since the first capture.
    """

    centre: FloatArray
    rotation: FloatArray
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    seconds: float


def nadir_rotation(yaw_deg: float, pitch_deg: float, roll_deg: float) -> FloatArray:
    """World to camera for a camera that looks down from a level airframe, its image top toward the nose."""
    yaw, pitch, roll = (math.radians(angle) for angle in (yaw_deg, pitch_deg, roll_deg))
    level = np.array(
        [[math.cos(yaw), -math.sin(yaw), 0], [-math.sin(yaw), -math.cos(yaw), 0], [0, 0, -1]],
        float,
    )
    # nose up turns the view forward (toward the image top, -y); right side down turns it to the left (-x)
    about_x = np.array([[1, 0, 0], [0, math.cos(pitch), math.sin(pitch)], [0, -math.sin(pitch), math.cos(pitch)]])
    about_y = np.array([[math.cos(roll), 0, math.sin(roll)], [0, 1, 0], [-math.sin(roll), 0, math.cos(roll)]])
    return np.asarray(about_y @ about_x @ level)


def fly(
    lines: Sequence[FlightLine],
    altitude_m: float,
    interval_s: float,
    jitter_deg: tuple[float, float, float],
    rng: np.random.Generator,
) -> list[Station]:
    """Stations of a flight at a constant altitude with the shake of a real drone.

    Parameters
    ----------
    jitter_deg : (yaw, pitch, roll)
        Standard deviations; each is a slow sway plus a quick shake.
    """
    stations: list[Station] = []
    seconds = 0.0
    sway = rng.normal(0, 0.6, 3)
    for index, line in enumerate(lines):
        seconds += 6.0 * (index > 0)
        for xy in line.stations:
            sway = 0.7 * sway + math.sqrt(1 - 0.49) * rng.normal(0, 0.6, 3)
            shake = np.clip(sway + rng.normal(0, 0.8, 3), -2.5, 2.5) * jitter_deg
            angles = (line.heading_deg + float(shake[0]), float(shake[1]), float(shake[2]))
            offset = rng.normal(0, (0.15, 0.15, 0.20))
            stations.append(
                Station(
                    centre=np.array([xy[0], xy[1], altitude_m]) + offset,
                    rotation=nadir_rotation(*angles),
                    yaw_deg=angles[0] % 360,
                    pitch_deg=angles[1],
                    roll_deg=angles[2],
                    seconds=seconds,
                )
            )
            seconds += interval_s
    return stations


DRIFT_M = 1.0
"""Length of the slow GPS drift."""
WHITE_M = (0.30, 0.30, 0.50)
"""Standard deviation of the white GPS noise, east, north, up."""


def gps_errors(
    stations: Sequence[Station],
    rng: np.random.Generator,
    noise_m: tuple[float, float] | None = None,
    altitude_drift_m: float = 0.0,
) -> FloatArray:
    """Error of every GPS position (n, 3), metres.

    White noise and a drift of `DRIFT_M` that turns within minutes; or, given ``noise_m`` (horizontal, vertical), white
    noise of that standard deviation alone. The altitude drifts by ``altitude_drift_m`` more, up or down.
    """
    seconds = np.array([station.seconds for station in stations])
    if noise_m is not None:
        errors = rng.normal(0, (noise_m[0], noise_m[0], noise_m[1]), (len(stations), 3))
    else:
        period = rng.uniform(240, 420, 3)
        phase = rng.uniform(0, 2 * np.pi, 3)
        drift = np.sin(2 * np.pi * seconds[:, None] / period + phase)
        drift *= DRIFT_M / max(float(np.linalg.norm(drift, axis=1).max()), 1e-9)
        errors = drift + rng.normal(0, WHITE_M, (len(stations), 3))
    if altitude_drift_m:
        # fast at first, as a receiver settles
        errors[:, 2] += rng.choice((-1, 1)) * altitude_drift_m * np.sin(seconds / max(seconds[-1], 1.0) * np.pi / 2)
    return np.asarray(errors)
