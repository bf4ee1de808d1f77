"""Lawn-mower flight lines from camera footprint, overlap and height."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_workflow.errors import UsageError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameCamera:
    """A nadir frame camera, its long side across the flight line.

    Attributes
    ----------
    width_px, height_px : int
        Pixels across and along the line.
    focal_mm : float
    pixel_um : float
        Side of one pixel on the sensor, micrometres.
    interval_s : float
        Shortest time between two captures.
    """

    name: str
    title: str
    width_px: int
    height_px: int
    focal_mm: float
    pixel_um: float
    interval_s: float = 2.0

    @property
    def focal_px(self) -> float:
        """Focal length in pixels."""
        return self.focal_mm * 1000.0 / self.pixel_um

    def height_for_gsd(self, gsd_m: float) -> float:
        """Height above flat ground, metres, that gives a ground sampling distance in metres."""
        return gsd_m * self.focal_px

    def gsd(self, height_m: float) -> float:
        """Ground sampling distance in metres from a height above flat ground."""
        return height_m / self.focal_px

    def footprint(self, height_m: float) -> tuple[float, float]:
        """(across, along) metres of flat ground seen by one photo."""
        return self.width_px * self.gsd(height_m), self.height_px * self.gsd(height_m)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Shares of a footprint seen again by the next photo (forward) and by the next line (side)."""

    forward: float = 0.80
    side: float = 0.75

    def __post_init__(self) -> None:
        for name, share in (("forward", self.forward), ("side", self.side)):
            if not 0.0 <= share < 1.0:
                raise UsageError(f"{name} overlap is {share:g}; it must be at least 0 and below 1 (0.8 = 80 %)")

    def spacing(self, footprint: tuple[float, float]) -> tuple[float, float]:
        """(between lines, between photos of a line) in metres."""
        across, along = footprint
        return across * (1.0 - self.side), along * (1.0 - self.forward)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightLine:
    """One straight pass: stations (n, 2) in flying order, metres; heading clockwise from grid north, degrees."""

    stations: FloatArray
    heading_deg: float

    @property
    def length_m(self) -> float:
        """Metres from the first to the last station."""
        return float(np.linalg.norm(self.stations[-1] - self.stations[0]))


def block(
    centre: tuple[float, float],
    captures: int,
    camera: FrameCamera,
    height_m: float,
    overlap: Overlap | None = None,
    *,
    heading_deg: float = 0.0,
) -> tuple[FlightLine, ...]:
    """Alternating lines of a given number of captures, as square on the ground as the number allows.

    Parameters
    ----------
    centre : (x, y)
        Middle of the block, metres.
    captures : int
        Stations in all; the last line is shorter when they do not fill it.
    heading_deg : float
        Of the first line, clockwise from grid north.

    Raises
    ------
    UsageError
        No capture is asked for.
    """
    if captures < 1:
        raise UsageError(f"a flight of {captures} captures has no photo; ask for at least one")
    between_lines, between_photos = (overlap or Overlap()).spacing(camera.footprint(height_m))
    lines = min(captures, max(1, round(math.sqrt(captures * between_photos / between_lines))))
    per_line = math.ceil(captures / lines)
    lines = math.ceil(captures / per_line)
    across = _centred(lines, between_lines)
    along = _centred(per_line, between_photos)
    counts = [min(per_line, captures - index * per_line) for index in range(lines)]
    return _turning_lines(across, [along] * lines, centre, heading_deg, counts)


def lawn_mower(
    area: Sequence[tuple[float, float]],
    camera: FrameCamera,
    height_m: float,
    overlap: Overlap | None = None,
    *,
    heading_deg: float = 0.0,
) -> tuple[FlightLine, ...]:
    """Alternating lines over a polygon; every line reaches half a footprint past it at both ends and both sides.

    Parameters
    ----------
    area : sequence of (x, y)
        Corners of a polygon, metres; concave areas are flown over their extent along each line.
    heading_deg : float
        Of the first line, clockwise from grid north.

    Raises
    ------
    UsageError
        The area has fewer than three corners.
    """
    if len(area) < 3:
        raise UsageError(f"the area has {len(area)} corners; a polygon needs at least three")
    corners = np.asarray(area, float)
    footprint = camera.footprint(height_m)
    between_lines, between_photos = (overlap or Overlap()).spacing(footprint)
    middle = (corners.min(axis=0) + corners.max(axis=0)) / 2
    right, forward = _axes(heading_deg)
    u, v = (corners - middle) @ right, (corners - middle) @ forward
    count = max(1, math.ceil((u.max() - u.min()) / between_lines)) + 1
    across = float(u.min() + u.max()) / 2 + _centred(count, between_lines)
    along = []
    for position in across:
        low, high = _extent(u, v, position - footprint[0] / 2, position + footprint[0] / 2)
        photos = max(1, math.ceil((high - low) / between_photos)) + 1
        along.append((low + high) / 2 + _centred(photos, between_photos))
    return _turning_lines(across, along, (float(middle[0]), float(middle[1])), heading_deg, None)


def _centred(count: int, step: float) -> FloatArray:
    """Positions of a regular row around 0."""
    return np.asarray((np.arange(count, dtype=np.float64) - (count - 1) / 2) * step, np.float64)


def _axes(heading_deg: float) -> tuple[FloatArray, FloatArray]:
    """Unit vectors (east, north) to the right of and along the heading."""
    angle = math.radians(heading_deg)
    return np.array([math.cos(angle), -math.sin(angle)]), np.array([math.sin(angle), math.cos(angle)])


def _turning_lines(
    across: FloatArray,
    along: Sequence[FloatArray],
    centre: tuple[float, float],
    heading_deg: float,
    counts: Sequence[int] | None,
) -> tuple[FlightLine, ...]:
    right, forward = _axes(heading_deg)
    lines = []
    for index, position in enumerate(across):
        back = index % 2 == 1
        stations = along[index][::-1] if back else along[index]
        if counts is not None:
            stations = stations[: counts[index]]
        xy = np.asarray(centre) + position * right + stations[:, None] * forward
        lines.append(FlightLine(stations=xy, heading_deg=(heading_deg + 180.0 * back) % 360.0))
    return tuple(lines)


def _extent(u: FloatArray, v: FloatArray, low: float, high: float) -> tuple[float, float]:
    """Reach along the line of the polygon's part between two positions across it."""
    reach = [float(value) for value, where in zip(v, u, strict=True) if low <= where <= high]
    after_u, after_v = np.roll(u, -1), np.roll(v, -1)
    for u0, v0, u1, v1 in zip(u, v, after_u, after_v, strict=True):
        for edge in (low, high):
            crosses = (u0 - edge) * (u1 - edge) < 0
            reach += [float(v0 + (v1 - v0) * (edge - u0) / (u1 - u0))] if crosses else []
    return (min(reach), max(reach)) if reach else (float(v.min()), float(v.max()))
