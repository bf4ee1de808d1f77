"""The ground under the plants: a terrain model from a surface model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_workflow.engine.filling import block_quantile, enlarged, fill_smooth, plane_through, smooth_bridge, smoothed
from uav_workflow.engine.surface import Surface
from uav_workflow.engine.views import Float32

Bool = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class TerrainSettings:
    """How ground is told from what stands on it.

    Attributes
    ----------
    ground_cell_m : float
        Cell on which the filter works, metres; a cell's ground is the `low_share` quantile of its surface cells.
    max_window_m : float
        Widest object that is removed, metres.
    slope : float
        Rise over run, beyond the local terrain's own, that still counts as ground.
    step_m : float
        Height above the opened surface that still counts as ground in the smallest window, metres.
    smooth_m : float
        Standard deviation of the smoothing of the ground found, metres.
    turns : int
        How often cells above the smooth surface are dropped.
    reach_m : float
        Within this of open ground the terrain rests on open ground alone, metres. Wider, and hollows between patches of
        open ground are bridged.
    """

    ground_cell_m: float = 0.25
    low_share: float = 0.02
    max_window_m: float = 14.0
    slope: float = 0.15
    step_m: float = 0.10
    smooth_m: float = 0.4
    turns: int = 4
    reach_m: float = 0.5


def build_terrain(
    surface: Surface,
    settings: TerrainSettings | None = None,
    progress: Callable[[float], None] | None = None,
    bare: Bool | None = None,
) -> Float32:
    """Terrain heights (rows, columns) float32, metres, on the surface's grid; NaN outside the surface.

    Three steps: the lower envelope of the surface on coarser cells; progressive morphological opening with a slope
    threshold (Zhang et al., 2003; Pingel et al., 2013), after the coarse slope of the land is taken out so that a
    hillside needs no steeper threshold than a plain; then a smooth surface through the cells left, from which those
    standing above it are dropped again and again, so that grass between bare patches does not lift it.

    Where `bare` (rows, columns) says which cells show open ground, the terrain near them rests on them alone: the
    lowest cells of a closed sward are still sward.
    """
    settings = settings or TerrainSettings()
    report = progress or (lambda share: None)
    factor = max(1, round(settings.ground_cell_m / surface.grid.pixel_m))
    cell = factor * surface.grid.pixel_m
    trend = _trend(block_quantile(surface.dsm, factor, settings.low_share), cell, settings.max_window_m)
    report(0.3)
    # on a hillside the lowest cells of a block lie downhill: the quantile is taken of what stands off the trend
    low = block_quantile(surface.dsm, factor, settings.low_share, trend)
    if bare is not None:
        seen = block_quantile(np.where(bare, surface.dsm, np.float32(np.nan)), factor, 0.5, trend)
        low = _resting_on(seen, low, settings.reach_m / cell)
    ground = _opened_ground(low, cell, settings)
    report(0.6)
    level = _lower_surface(np.where(ground, low, np.nan).astype(np.float32), cell, settings)
    terrain = enlarged(level + trend, factor, surface.dsm.shape)
    terrain[~np.isfinite(surface.filled)] = np.nan
    report(1.0)
    return terrain


def _trend(low: Float32, cell: float, window_m: float) -> Float32:
    """Broad shape of the land: a plane, and a smooth surface through the lowest points of wide windows above it."""
    plane = plane_through(low)
    side = max(2, int(window_m / cell / 2))
    coarse = block_quantile(low - plane, side, 0.1)
    return plane + enlarged(smoothed(fill_smooth(coarse), 1.0), side, low.shape, curved=True)


def _resting_on(seen: Float32, low: Float32, reach: float) -> Float32:
    """Ground that is seen; farther than `reach` cells from any, the lower envelope; nothing between."""
    far = cv2.distanceTransform(np.isnan(seen).astype(np.uint8), cv2.DIST_L2, 5) > reach
    return np.where(np.isfinite(seen), seen, np.where(far, low, np.float32(np.nan))).astype(np.float32)


def _opened_ground(low: Float32, cell: float, settings: TerrainSettings) -> Bool:
    """Cells that no opening lowers by more than its threshold."""
    known = np.isfinite(low)
    last = fill_smooth(low)
    ground = known.copy()
    radius, widest = 1, max(1, int(settings.max_window_m / 2 / cell))
    while True:
        disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        opened = np.asarray(cv2.morphologyEx(last, cv2.MORPH_OPEN, disk, borderType=cv2.BORDER_REPLICATE), np.float32)
        ground &= last - opened <= settings.step_m + settings.slope * cell * radius
        last = opened
        if radius >= widest:
            return ground
        radius = min(widest, max(radius + 1, int(radius * 1.5)))


def _lower_surface(ground: Float32, cell: float, settings: TerrainSettings) -> Float32:
    """Smooth surface near the foot of the ground cells: those above it lose weight at each turn."""
    sigma = max(0.8, settings.smooth_m / cell)
    level = _twice_smoothed(ground, sigma)
    for _ in range(settings.turns):
        above = ground - level
        scatter = 1.4826 * float(np.nanmedian(np.abs(above[above <= 0]))) if np.any(above <= 0) else 0.01
        kept = np.where((above <= scatter) & (above >= -4 * scatter - 0.05), ground, np.nan).astype(np.float32)
        level = _twice_smoothed(kept, sigma)
    return level


def _twice_smoothed(heights: Float32, sigma: float) -> Float32:
    """Smoothed, plus what smoothing took away, smoothed (twicing, Tukey, 1977): a crest is not planed off."""
    level = smooth_bridge(heights, sigma)
    return level + smooth_bridge(heights - level, sigma)
