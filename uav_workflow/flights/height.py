"""Flying height above the ground, as far as tags tell."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from uav_workflow.domain.flight import Capture
from uav_workflow.findings import Finding, info, warning
from uav_workflow.flights.pose import relative_altitude

_BELOW_THE_FLIGHT_M = 20.0
_LEAST_HEIGHT_M = 2.0


def airborne(captures: Sequence[Capture]) -> tuple[list[Capture], list[Capture]]:
    """(captures in the air, captures on or near the ground).

    Before take-off and after landing: the first and last captures whose GPS altitude lies more than 20 m below the
    median of the upper half, at most a tenth of the flight, or one.
    """
    altitudes = [c.position.alt_m if c.position is not None else None for c in captures]
    known = sorted(altitude for altitude in altitudes if altitude is not None)
    if len(known) < 2:
        return list(captures), []
    low = float(np.median(known[len(known) // 2 :])) - _BELOW_THE_FLIGHT_M
    below = [altitude is not None and altitude < low for altitude in altitudes]
    start = next((i for i, is_low in enumerate(below) if not is_low), len(below))
    end = next((i for i, is_low in enumerate(reversed(below)) if not is_low), 0)
    if start + end == 0 or start + end > max(1, len(captures) / 10):
        return list(captures), []
    stop = len(captures) - end
    return list(captures[start:stop]), [*captures[:start], *captures[stop:]]


def height_above_ground(captures: Sequence[Capture], on_ground: Sequence[Capture] = ()) -> tuple[float, list[Finding]]:
    """Median height above ground in metres, NaN when unknown, and a finding where it is a guess.

    Parameters
    ----------
    captures : sequence of Capture
        Survey captures.
    on_ground : sequence of Capture
        Panel captures and those before take-off: their GPS altitude stands for the ground's.
    """
    relative = [height for c in captures if (height := relative_altitude(c.primary.tags)) is not None]
    if len(relative) > len(captures) / 2 and np.median(relative) > _LEAST_HEIGHT_M:
        return float(np.median(relative)), []
    above = _altitudes(captures)
    ground = _altitudes(on_ground)
    if above and ground and np.median(above) - np.median(ground) > 2 * _LEAST_HEIGHT_M:
        height = float(np.median(above) - np.median(ground))
        source = "GPS altitude in flight minus that of panel captures or take-off"
        message = f"height above ground {height:.0f} m is a guess: {source}"
        return height, [info("height-guessed", "images", message)]
    return math.nan, []


def _altitudes(captures: Sequence[Capture]) -> list[float]:
    return [c.position.alt_m for c in captures if c.position is not None and c.position.alt_m is not None]


PHOTOS = "the shift between neighbouring photos and their GPS distance"
POINTS = "the distances between surveyed points marked in one photo"
"""Where a scale can be from when no tag tells the height."""


def height_measured(height_m: float, gsd_m: float, source: str) -> Finding:
    """Finding for a height taken from pictures and distances on the ground."""
    height = f" and a height of {height_m:.0f} m" if math.isfinite(height_m) else ""
    message = f"no tag tells the height above ground; a GSD of {gsd_m * 100:.1f} cm{height} is a guess from {source}"
    return info("height-guessed", "images", message)


def height_unknown() -> Finding:
    """Finding for a flight whose height nothing tells."""
    message = "height above ground is unknown: no tag tells it, and neighbouring photos do not overlap clearly"
    return warning("height-unknown", "images", message, "GSD, overlap and area can't be told before the run")
