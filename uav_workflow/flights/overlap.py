"""Forward and side overlap from camera positions, heading and footprint."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.flight import Capture

FloatArray = NDArray[np.float64]

_TURN_DEG = 35.0
_GAP = 2.5


@dataclass(frozen=True, slots=True)
class FlightLine:
    """Consecutive captures flown straight: their indexes and the line's heading, degrees from north."""

    indexes: tuple[int, ...]
    heading_deg: float


def footprint_m(width_px: int, height_px: int, gsd_m: float) -> tuple[float, float]:
    """Ground size of a nadir photo: (across the image, down the image), metres."""
    return width_px * gsd_m, height_px * gsd_m


def flight_lines(positions: FloatArray) -> list[FlightLine]:
    """Straight runs of three or more captures (two where nothing is longer).

    A run ends where the heading turns by more than 35 degrees or a step is 2.5 times the median step.

    Parameters
    ----------
    positions : (n, 2) float64
        Metres east and north, in time order, NaN where unknown.
    """
    index = np.flatnonzero(np.isfinite(positions).all(axis=1))
    if len(index) < 2:
        return []
    steps = np.diff(positions[index], axis=0)
    length = np.hypot(steps[:, 0], steps[:, 1])
    moving = length > 0.2 * np.median(length[length > 0]) if (length > 0).any() else length > 0
    if not moving.any():
        return []
    typical = float(np.median(length[moving]))
    heading = np.degrees(np.arctan2(steps[:, 0], steps[:, 1]))
    runs: list[list[int]] = []
    for i in range(len(steps)):
        if not moving[i] or length[i] > _GAP * typical:
            runs.append([])
        elif runs and runs[-1] and abs(_turn(heading[i] - heading[runs[-1][-1]])) <= _TURN_DEG:
            runs[-1].append(i)
        else:
            runs.append([i])
    least = 2 if any(len(run) >= 2 for run in runs) else 1
    return [
        FlightLine(tuple(int(index[i]) for i in [*run, run[-1] + 1]), _mean_heading(heading[run]))
        for run in runs
        if len(run) >= least
    ]


def overlaps(captures: Sequence[Capture], positions: FloatArray, size_m: tuple[float, float]) -> tuple[float, float]:
    """(forward, side) overlap, 0 - 1; NaN where lines, spacing or footprint are unknown; below 0 there is a gap.

    The image side along the track comes from the camera's yaw where it is known, else the short side is taken.
    """
    lines = flight_lines(positions)
    if not lines or not all(map(math.isfinite, size_m)):
        return math.nan, math.nan
    along_m, across_m = _along_across(captures, lines, size_m)
    steps = np.concatenate([_steps(positions, line) for line in lines])
    forward = 1 - float(np.median(steps)) / along_m
    spacing = line_spacing(positions, lines)
    return forward, 1 - spacing / across_m


def line_spacing(positions: FloatArray, lines: Sequence[FlightLine]) -> float:
    """Median distance between neighbouring parallel lines, metres; NaN for a single line."""
    axis = _main_axis_deg(lines)
    parallel = [line for line in lines if abs(_fold(line.heading_deg - axis)) <= _TURN_DEG]
    angle = math.radians(axis)
    across = positions @ np.array([math.cos(angle), -math.sin(angle)])
    centres = np.sort([float(np.mean(across[list(line.indexes)])) for line in parallel])
    step = float(np.median(np.concatenate([_steps(positions, line) for line in lines])))
    gaps = np.diff(centres)
    gaps = gaps[gaps > 0.15 * step]  # a line flown in two pieces is one line
    return float(np.median(gaps)) if len(gaps) else math.nan


def _along_across(
    captures: Sequence[Capture], lines: Sequence[FlightLine], size_m: tuple[float, float]
) -> tuple[float, float]:
    down_m, wide_m = min(size_m), max(size_m)
    angles = [
        abs(_fold(attitude.yaw_deg - line.heading_deg))
        for line in lines
        for i in line.indexes
        if (attitude := captures[i].attitude) is not None
    ]
    if angles and 45 < float(np.median(angles)) <= 90:
        return wide_m, down_m
    return down_m, wide_m


def _steps(positions: FloatArray, line: FlightLine) -> FloatArray:
    steps = np.diff(positions[list(line.indexes)], axis=0)
    return np.hypot(steps[:, 0], steps[:, 1])


def _turn(angle: float) -> float:
    return (angle + 180) % 360 - 180


def _fold(angle: float) -> float:
    """Difference of two undirected axes, -90 … 90 degrees."""
    return (angle + 90) % 180 - 90


def _mean_heading(heading: FloatArray) -> float:
    radians = np.radians(heading)
    return float(np.degrees(np.arctan2(np.sin(radians).mean(), np.cos(radians).mean())))


def _main_axis_deg(lines: Sequence[FlightLine]) -> float:
    """Axis (0 - 180 degrees) of most steps, by doubling the angles."""
    doubled = np.radians([2 * line.heading_deg for line in lines])
    weights = np.array([len(line.indexes) - 1 for line in lines], dtype=np.float64)
    mean = math.atan2(float(np.sum(weights * np.sin(doubled))), float(np.sum(weights * np.cos(doubled))))
    return math.degrees(mean / 2) % 180
