"""Which blocks of a surface are ground, and the smooth level they lie on."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_workflow.engine.scratch import release
from uav_workflow.engine.surface.filling import fill_smooth, smooth_bridge, smoothed
from uav_workflow.engine.surface.views import Float32

Bool = NDArray[np.bool_]

_HABIT_M = 5.0
"""Radius over which the scatter of ground is taken, metres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundRules:
    """How ground is told from what stands on it, lengths in metres.

    Attributes
    ----------
    max_window_m : float
        Widest object that is removed.
    slope : float
        Rise over run, beyond the local terrain's own, that still counts as ground.
    step_m : float
        Height above the opened surface that still counts as ground in the smallest window.
    smooth_m : float
        Standard deviation of the smoothing of the ground found.
    turns : int
        How often cells above the smooth surface are dropped.
    plain_m : float
        Radius of an even place whose heights are taken as they are.
    ledge_m : float
        How far even blocks beside such a place may lie off it and still belong to it.
    """

    max_window_m: float = 14.0
    slope: float = 0.15
    step_m: float = 0.10
    smooth_m: float = 0.4
    turns: int = 4
    plain_m: float = 1.0
    ledge_m: float = 0.07


def ground_level(low: Float32, plain: Bool, cell: float, rules: GroundRules) -> Float32:
    """Smooth level of the ground, without NaN, heights above a broad trend.

    Progressive morphological opening with a slope threshold (Zhang et al., 2003; Pingel et al., 2013); ground grows
    over even places from block to block, for an opening cuts the corners of a terrace; a smooth surface is laid
    through it, from which blocks above are dropped again and again, so that grass between bare patches does not lift
    it; even places, which are no grass, keep their own heights.

    Parameters
    ----------
    low : (rows, columns) float32
        Lower envelope of the surface, NaN where unknown.
    plain : (rows, columns) bool
        Blocks of even places; `low` is their mean height.
    cell : float
        Side of a block, metres.
    """
    ground = _opened_ground(low, cell, rules)
    for _ in range(max(1, round(4 / cell))):
        reach = smoothed(np.where(ground & plain, low, np.float32(np.nan)), 1.0)
        with np.errstate(invalid="ignore"):
            ground |= plain & (np.abs(low - reach) <= rules.ledge_m)
    plain = plain & ground
    level = _lower_surface(np.where(ground, low, np.float32(np.nan)), plain, cell, rules)
    off = np.where(plain, low - level, np.float32(0))
    weight = cv2.GaussianBlur(plain.astype(np.float32), (0, 0), 1.0)
    return level + np.where(plain, off, cv2.GaussianBlur(off, (0, 0), 1.0) / (weight + np.float32(0.05)))


def even_blocks(heights: Float32, factor: int, limit: float) -> tuple[Bool, Float32]:
    """Blocks of ``factor`` x ``factor`` known cells that lie within `limit` (RMS, metres) of a plane; mean heights."""
    shape = tuple(-(-side // factor) for side in heights.shape)
    even, mean = np.zeros(shape, np.bool_), np.full(shape, np.nan, np.float32)
    rows, columns = (side // factor for side in heights.shape)
    at = np.arange(factor) - (factor - 1) / 2
    spread = max(float((at**2).sum()) * factor, 1e-9)
    for row in range(rows):
        band = heights[row * factor : (row + 1) * factor, : columns * factor].astype(np.float64)
        blocks = band.reshape(factor, columns, factor).swapaxes(0, 1)
        middle = blocks.mean(axis=(1, 2), keepdims=True)
        east = (blocks * at).sum(axis=(1, 2), keepdims=True) / spread * at
        south = (blocks * at[:, None]).sum(axis=(1, 2), keepdims=True) / spread * at[:, None]
        off = ((blocks - middle - east - south) ** 2).mean(axis=(1, 2))
        # a NaN compares as False
        even[row, :columns] = off <= limit * limit
        mean[row, :columns] = middle[:, 0, 0]
        if row % 64 == 0:
            release(heights)
    return even, mean


def plain_blocks(even: Bool, mean: Float32, cell: float, limit: float, rules: GroundRules) -> Bool:
    """Even blocks of even places: where all around lies in one plane, and what borders on it at its height.

    Parameters
    ----------
    mean : (rows, columns) float32
        Mean heights of the blocks above a broad trend.
    limit : float
        RMS off a plane through three by three blocks, metres.
    """
    radius = max(1, round(rules.plain_m / cell))
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    core = cv2.morphologyEx((even & (_off_plane(mean) <= limit)).astype(np.uint8), cv2.MORPH_OPEN, disk)
    around = smoothed(np.where(core > 0, mean, np.float32(np.nan)), 1.0)
    with np.errstate(invalid="ignore"):
        beside = even & (np.abs(mean - around) <= rules.ledge_m)
    near = cv2.dilate(core, np.ones((5, 5), np.uint8)) > 0
    plain: Bool = (core > 0) | (near & beside)
    return plain


def _off_plane(heights: Float32) -> NDArray[np.float64]:
    """RMS distance of three by three blocks to their plane; infinite where the middle one is unknown."""
    known = np.isfinite(heights)
    z = np.where(known, heights, 0).astype(np.float64)
    across = np.tile(np.array([-1.0, 0.0, 1.0]) / 6, (3, 1))
    east, south = cv2.filter2D(z, -1, across), cv2.filter2D(z, -1, np.ascontiguousarray(across.T))
    mean, squares = cv2.boxFilter(z, -1, (3, 3)), cv2.boxFilter(z * z, -1, (3, 3))
    off = squares - mean**2 - (east**2 + south**2) * 2 / 3
    return np.where(known, np.sqrt(np.maximum(off, 0)), np.inf)


def _opened_ground(low: Float32, cell: float, rules: GroundRules) -> Bool:
    """Cells that no opening lowers by more than its threshold."""
    known = np.isfinite(low)
    last = fill_smooth(low)
    ground = known.copy()
    radius, widest = 1, max(1, int(rules.max_window_m / 2 / cell))
    while True:
        disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        opened = np.asarray(cv2.morphologyEx(last, cv2.MORPH_OPEN, disk, borderType=cv2.BORDER_REPLICATE), np.float32)
        ground &= last - opened <= rules.step_m + rules.slope * cell * radius
        last = opened
        if radius >= widest:
            return ground
        radius = min(widest, max(radius + 1, int(radius * 1.5)))


def _lower_surface(ground: Float32, plain: Bool, cell: float, rules: GroundRules) -> Float32:
    """Smooth surface near the foot of the ground cells: those above it lose weight at each turn."""
    sigma = max(0.8, rules.smooth_m / cell)
    level = _twice_smoothed(ground, sigma)
    for _ in range(rules.turns):
        above = ground - level
        with np.errstate(invalid="ignore"):
            below = np.where(above <= 0, np.minimum(-above, 0.1), np.float32(np.nan))
            # the mean distance below is 0.8 of a standard deviation
            scatter = 1.25 * np.nan_to_num(smoothed(below, _HABIT_M / cell), nan=0.01)
            drop = (above > scatter) | (above < -4 * scatter - 0.05)
        level = _twice_smoothed(np.where(drop & ~plain, np.float32(np.nan), ground), sigma)
    return level


def _twice_smoothed(heights: Float32, sigma: float) -> Float32:
    """Smoothed, plus what smoothing took away, smoothed (twicing, Tukey, 1977): a crest is not planed off."""
    level = smooth_bridge(heights, sigma)
    return level + smooth_bridge(heights - level, sigma)
