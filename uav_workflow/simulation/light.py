"""Sun and sky on every texel: slope, cast shadow, sky hidden by neighbours."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_workflow.compiled import compiled
from uav_workflow.simulation.painting import UNIT_M, Bytes, Heights

DIRECT_SCALE = 127.5
"""Bytes of a direct light factor of 1 (that of open level ground)."""
SKY_SCALE = 255.0
SHADOW_BELOW = 0.36
"""A texel counts as shadow when it gets less than this share of the light of open level ground."""

MOST_DEPTHS = 8.0
"""Marching stops when the beam has dived this many depths."""
BODY = 0.35
"""How far the shape of plants and stones turns the surface to or from the sun; leaves scatter, so less than 1."""


@compiled
def _dive(  # noqa: PLR0917 - numba kernels take no keywords only
    height: Heights,
    reach: Heights,
    step_r: float,
    step_c: float,
    climb: NDArray[np.float32],
    depth: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """How deep the beam to a texel dives below the canopy, as a share of ``depth``: march toward the sun.

    `climb` is the rise of the beam over the sloping ground a step, in height units; `reach` bounds the heights around.
    """
    rows, columns = height.shape
    for r in range(rows):
        for c in range(columns):
            own = float(height[r, c])
            top = float(reach[r, c])
            rise = max(float(climb[r, c]), 1.0)
            beam, blocked, k = own + rise, 0.0, 1
            enough = MOST_DEPTHS * float(depth[r, c])
            while beam < top and blocked < enough:
                rr, cc = int(r + step_r * k + 0.5), int(c + step_c * k + 0.5)
                if rr < 0 or cc < 0 or rr >= rows or cc >= columns:
                    break
                over = float(height[rr, cc]) - beam
                blocked = max(blocked, over)
                beam += rise
                k += 1
            out[r, c] = blocked / float(depth[r, c])


def dive(
    height: Heights,
    slope: tuple[NDArray[np.float32], NDArray[np.float32]],
    sun: tuple[float, float, float],
    texel_m: float,
    depth_m: NDArray[np.float32],
    *,
    within_m: float,
) -> NDArray[np.float32]:
    """How deep the sun's beam dives below the canopy on its way to every texel, in units of ``depth_m``.

    Parameters
    ----------
    height : (rows, columns) uint16
        Above the ground, `painting.UNIT_M`.
    slope : two (rows, columns) float32
        Gradient of the ground, east and north.
    sun : (east, north, up)
        Unit vector to the sun.
    depth_m : (rows, columns) float32
        Depth of canopy that weakens the beam noticeably: more in tall, loose meadow than in turf.
    within_m : float
        Width of the window in which what may cast a shadow is looked for.
    """
    east, north, up = sun
    level = math.hypot(east, north)
    unit_e, unit_n = east / level, north / level
    climb = (texel_m / UNIT_M) * (up / level - (slope[0] * unit_e + slope[1] * unit_n))
    reach = cv2.dilate(height, np.ones((3, 3), np.uint8), iterations=1)
    kernel = np.ones((1, max(1, round(within_m / texel_m)) | 1), np.uint8)
    around = np.asarray(cv2.dilate(cv2.dilate(reach, kernel), kernel.T), np.uint16)
    depths = np.empty(height.shape, np.float32)
    _dive(height, around, -unit_n, unit_e, climb.astype(np.float32), depth_m / np.float32(UNIT_M), depths)
    return depths


def light_factors(
    height: Heights,
    slope: tuple[NDArray[np.float32], NDArray[np.float32]],
    sun: tuple[float, float, float],
    texel_m: float,
    *,
    depths: NDArray[np.float32],
    looseness: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Direct and sky light of every texel relative to open level ground.

    Parameters
    ----------
    depths : (rows, columns) float32
        From `dive`.
    looseness : float
        Depths that spend the beam: leaves let light through and scatter it on.
    """
    east, north, up = sun
    surface = height.astype(np.float32) * UNIT_M
    rounded = cv2.blur(surface, (5, 5))
    tilt_x = slope[0] + BODY * cv2.Scharr(rounded, cv2.CV_32F, 1, 0, scale=1 / (32 * texel_m))
    tilt_y = slope[1] - BODY * cv2.Scharr(rounded, cv2.CV_32F, 0, 1, scale=1 / (32 * texel_m))
    cosine = (up - tilt_x * east - tilt_y * north) / np.sqrt(1 + tilt_x**2 + tilt_y**2)
    direct = np.clip(1 - depths / np.float32(looseness), 0, 1) * np.clip(cosine, 0, None) / np.float32(up)
    side = max(3, round(0.10 / texel_m) | 1)
    hidden = cv2.blur(surface, (side, side)) - surface
    return np.asarray(direct, np.float32), np.clip(1.0 - 5.0 * hidden, 0.30, 1.0)


def as_bytes(direct: NDArray[np.float32], sky: NDArray[np.float32]) -> tuple[Bytes, Bytes]:
    """Light factors as they are kept in a scene's layers."""
    return np.clip(direct * DIRECT_SCALE, 0, 255).astype(np.uint8), (sky * SKY_SCALE).astype(np.uint8)
