"""Holes of a fused surface bridged, so that photos can be projected everywhere inside."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_workflow.engine.scratch import Scratch, Strip, release, strips
from uav_workflow.engine.surface.filling import block_quantile, enlarged_rows, fill_smooth, smoothed
from uav_workflow.engine.surface.fusion import Fused
from uav_workflow.engine.surface.views import Float32

PATCH = 32
"""Cells a side of the neighbourhood in which measured cells must be many."""
_FINE, _BROAD = PATCH // 4, PATCH // 2


def bridged(fused: Fused, outside: NDArray[np.bool_], cell: float, scratch: Scratch) -> Float32:
    """Heights without holes; NaN in the cells `outside` the area, (rows, columns) bool.

    Where few cells around agree with each other (crowns matched by chance here and there) single heights are noise,
    and photos projected on them would swirl: there an even surface through their medians is taken.
    """
    filled = fill_smooth(fused.heights, scratch)
    medians = fill_smooth(block_quantile(fused.heights, _FINE, 0.5), scratch)
    even = smoothed(fill_smooth(block_quantile(fused.heights, _BROAD, 0.5), scratch), 1.2)
    columns = filled.shape[1]
    for strip in strips(filled.shape, halo=PATCH, multiple=PATCH):
        trust = _trust(fused, medians, cell, strip)
        level = enlarged_rows(even, _BROAD, (strip.first // _BROAD, -(-strip.last // _BROAD)))[: len(trust), :columns]
        part = filled[strip.rows] * trust + level * (1 - trust)
        part[outside[strip.rows]] = np.nan
        filled[strip.rows] = part
        release(filled, outside)
        fused.release()
    return filled


def _trust(fused: Fused, medians: Float32, cell: float, strip: Strip) -> Float32:
    """0 - 1: how many cells around were measured by three pairs or lie near the median of their block."""
    heights, views = fused.heights[strip.wide], fused.views[strip.wide]
    level = enlarged_rows(medians, _FINE, (strip.top // _FINE, -(-strip.bottom // _FINE)))
    with np.errstate(invalid="ignore"):
        sure = (views >= 3) | (np.abs(heights - level[: len(heights), : heights.shape[1]]) <= 4 * cell)
    density = cv2.boxFilter(sure.astype(np.float32), -1, (PATCH, PATCH), borderType=cv2.BORDER_REFLECT)
    return np.asarray(np.clip((density - 0.5) / 0.3, 0, 1), np.float32)[strip.inner]
