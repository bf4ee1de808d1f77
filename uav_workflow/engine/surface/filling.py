"""Smooth heights where none were measured."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_workflow.engine.scratch import Scratch, release, strips

Float32 = NDArray[np.float32]

MEMORY = Scratch()


def fill_smooth(heights: Float32, scratch: Scratch = MEMORY) -> Float32:
    """Copy without NaN: gaps take the mean of their surroundings, from coarse to fine.

    Pull-push interpolation on a pyramid (Gortler et al., 1996): measured cells keep their value, a gap as wide as
    ``2**n`` cells is bridged at level n. All NaN stays all NaN. Large levels lie in `scratch`.
    """
    levels = [heights]
    while max(levels[-1].shape) > 1 and not _complete(levels[-1]):
        levels.append(_halved(levels[-1], scratch))
    filled = levels.pop()
    if not levels:
        return filled.copy()
    while levels:
        filled = _pushed(filled, levels.pop(), scratch)
    return filled


def _complete(heights: Float32) -> bool:
    """Whether no cell is NaN."""
    try:
        return all(bool(np.isfinite(heights[strip.rows]).all()) for strip in strips(heights.shape))
    finally:
        release(heights)


def _pushed(coarse: Float32, finer: Float32, scratch: Scratch) -> Float32:
    """The finer level with its gaps taken from the filled coarser one.

    Two levels have the same corner; an odd side makes the coarser one a little longer: enlarge, then cut.
    """
    filled: Float32 = scratch.empty(finer.shape)
    for strip in strips(finer.shape, multiple=2):
        known = finer[strip.rows]
        raised = enlarged_rows(coarse, 2, (strip.first // 2, -(-strip.last // 2)))
        filled[strip.rows] = np.where(np.isfinite(known), known, raised[: len(known), : finer.shape[1]])
        release(filled, finer, coarse)
    return filled


def smoothed(heights: Float32, sigma: float, weights: Float32 | None = None) -> Float32:
    """Gaussian mean of the finite cells, NaN cells bridged (normalised convolution, Knutsson & Westin, 1993)."""
    known = np.isfinite(heights).astype(np.float32)
    if weights is not None:
        known *= weights
    base = np.float32(np.nanmean(heights)) if known.any() else np.float32(0)
    # relative to the mean: float32 would lose millimetres on heights of thousands of metres
    values = np.where(known > 0, heights - base, 0).astype(np.float32)
    total = cv2.GaussianBlur(values * known, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    weight = cv2.GaussianBlur(known, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(weight > 1e-4, total / weight, np.nan).astype(np.float32)
    return mean + base


def smooth_bridge(heights: Float32, sigma: float) -> Float32:
    """Gaussian mean of the finite cells without NaN: far from any it passes smoothly into the bridged surface.

    A Gaussian mean alone breaks half-way between two far patches, where it changes from one to the other.
    """
    near = smoothed(heights, sigma)
    far = smoothed(fill_smooth(near), sigma)
    weight = cv2.GaussianBlur(np.isfinite(heights).astype(np.float32), (0, 0), sigma)
    share = np.where(np.isfinite(near), weight / (weight + 0.03), 0)
    return np.where(share > 0, near * share + far * (1 - share), far).astype(np.float32)


def plane_through(heights: Float32) -> Float32:
    """Plane through the finite cells, little moved by those off it (least absolute deviations, by reweighting)."""
    rows, columns = np.indices(heights.shape)
    design = np.stack([np.ones(heights.size), columns.ravel(), rows.ravel()], axis=1)
    known = np.isfinite(heights).ravel()
    if known.sum() < 3:
        return np.full(heights.shape, np.nanmean(heights) if known.any() else 0, np.float32)
    values = heights.ravel().astype(float)[known]
    weights = np.ones(len(values))
    plane = np.zeros(3)
    for _ in range(5):
        weighted = design[known] * weights[:, None]
        plane = np.asarray(np.linalg.lstsq(weighted, values * weights, rcond=None)[0], float)
        off = np.abs(values - design[known] @ plane)
        weights = 1 / np.sqrt(np.maximum(off, 0.1 * float(np.median(off)) + 1e-3))
    return (design @ plane).reshape(heights.shape).astype(np.float32)


def block_quantile(
    heights: Float32,
    factor: int,
    share: float,
    trend: Float32 | None = None,
    *,
    among: NDArray[np.bool_] | None = None,
    scratch: Scratch = MEMORY,
) -> Float32:
    """Quantile of the finite cells in every ``factor`` x ``factor`` block; NaN where there is none.

    With a `trend` (one value a block) the quantile is that of the heights above the trend, bilinear between blocks;
    with `among` (rows, columns) only those cells count.
    """
    rows, columns = (-(-side // factor) for side in heights.shape)
    low: Float32 = scratch.empty((rows, columns))
    for row in range(rows):
        band = heights[row * factor : (row + 1) * factor]
        if trend is not None:
            band = band - enlarged_rows(trend, factor, (row, row + 1))[: band.shape[0], : band.shape[1]]
        if among is not None:
            band = np.where(among[row * factor : (row + 1) * factor], band, np.float32(np.nan))
        padded = np.full((factor, columns * factor), np.nan, np.float32)
        padded[: band.shape[0], : band.shape[1]] = band
        values = np.sort(padded.reshape(factor, columns, factor).swapaxes(0, 1).reshape(columns, -1), axis=1)
        count = np.isfinite(values).sum(axis=1)
        at = np.clip(np.round(share * (count - 1)), 0, None).astype(int)
        low[row] = values[np.arange(columns), at]
        if row % 64 == 0:
            release(low, heights, *([] if among is None else [among]))
    return low


def enlarged(coarse: Float32, factor: int, shape: tuple[int, int]) -> Float32:
    """Blocks of ``factor`` cells back on their cells, bilinear."""
    return enlarged_part(coarse, factor, (0, shape[0]), (0, shape[1]))


def enlarged_rows(coarse: Float32, factor: int, blocks: tuple[int, int]) -> Float32:
    """Cells of the rows of blocks ``[first, last)``, as `enlarged` gives them."""
    return enlarged_part(coarse, factor, (blocks[0] * factor, blocks[1] * factor), (0, coarse.shape[1] * factor))


def enlarged_part(
    coarse: Float32, factor: int, rows: tuple[int, int], columns: tuple[int, int], *, curved: bool = False
) -> Float32:
    """Cells ``[first, last)`` of rows and columns of the enlarged blocks: bilinear, or without creases (``curved``)."""
    parts = []
    for (first, last), side in zip((rows, columns), coarse.shape, strict=True):
        low = max(0, first // factor - 2)
        parts.append((low, max(low + 1, min(side, -(-last // factor) + 2))))
    (top, bottom), (left, right) = parts
    fine = cv2.resize(
        coarse[top:bottom, left:right],
        ((right - left) * factor, (bottom - top) * factor),
        interpolation=cv2.INTER_CUBIC if curved else cv2.INTER_LINEAR,
    )
    rows, columns = (
        (rows[0] - top * factor, rows[1] - top * factor),
        (columns[0] - left * factor, columns[1] - left * factor),
    )
    return np.asarray(fine[rows[0] : rows[1], columns[0] : columns[1]], np.float32)


def _halved(heights: Float32, scratch: Scratch) -> Float32:
    rows, columns = ((side + 1) // 2 for side in heights.shape)
    half: Float32 = scratch.empty((rows, columns))
    for strip in strips(heights.shape, multiple=2):
        part = heights[strip.rows]
        padded = np.pad(part, ((0, len(part) % 2), (0, part.shape[1] % 2)), constant_values=np.nan)
        quads = padded.reshape(len(padded) // 2, 2, columns, 2)
        known = np.isfinite(quads)
        count = known.sum(axis=(1, 3))
        total = np.where(known, quads, 0).sum(axis=(1, 3), dtype=np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            half[strip.first // 2 : -(-strip.last // 2)] = np.where(count > 0, total / count, np.nan)
        release(heights, half)
    return half
