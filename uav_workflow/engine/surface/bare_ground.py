"""Where the ground lies open, told by colour: what a terrain model may rest on in a meadow."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Block, Grid
from uav_workflow.engine.scratch import Scratch, release, strips
from uav_workflow.engine.surface.filling import MEMORY
from uav_workflow.rasters.reader import Raster

Bool = NDArray[np.bool_]
Float32 = NDArray[np.float32]

LEAST_NDVI = 0.2
LEAST_EXCESS_GREEN = 0.1
"""Difference of the two classes' means below which colour does not tell plants from ground."""
NEAR = 0.4
"""Part of the way from the bare class's mean to the green one's within which a cell counts as bare.

Nearer the bare class only paths and wide patches are left, and under a meadow the terrain has to bridge metres; plants
on a cell that is two fifths green are low.
"""
LEAST_SHARE = 0.01
"""Least share of open ground worth using."""
MARGIN_CELLS = 1
"""Cells beside plants are left out: matching windows blur heights across the edge."""
_SAMPLE = 4_000_000
"""Cells on which the threshold is found."""


def bare_ground(mosaic: Path, grid: Grid, scratch: Scratch = MEMORY) -> Bool | None:
    """Cells of a surface's grid that show nothing green, away from plants; None when colour can't tell.

    The index is NDVI where red and nir exist, else excess green of chromatic coordinates (Woebbecke et al., 1995). It
    is parted by Otsu's threshold (1979); only cells close to the mean of the bare class count.

    Parameters
    ----------
    mosaic : Path
        Orthomosaic with named bands.
    grid : Grid
        Of the surface; the mosaic's CRS.
    """
    with Raster(mosaic) as raster:
        wanted = _wanted(raster.bands)
        if wanted is None:
            return None
        index = _greenness(raster, wanted[0], grid, scratch)
    limit = _limit(index, wanted[1])
    return None if limit is None else _open_ground(index, limit, scratch)


def _wanted(names: tuple[str, ...]) -> tuple[tuple[str, ...], float] | None:
    """Bands of the index, and its least difference between plants and ground."""
    by_name = {name.lower(): name for name in names}
    for bands, least in ((("red", "nir"), LEAST_NDVI), (("red", "green", "blue"), LEAST_EXCESS_GREEN)):
        if set(bands) <= by_name.keys():
            return tuple(by_name[band] for band in bands), least
    return None


def _limit(index: Float32, least: float) -> float | None:
    """Index below which a cell counts as bare, from an even sample of the cells."""
    step = max(1, int(np.sqrt(index.size / _SAMPLE)))
    values = index[::step, ::step]
    values = values[np.isfinite(values)]
    release(index)
    if len(values) < 1000:
        return None
    low, high = (float(edge) for edge in np.percentile(values, (0.5, 99.5)))
    scaled = np.clip((values - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)
    cut, _ = cv2.threshold(scaled, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    threshold = low + (cut + 0.5) / 255 * (high - low)
    bare_mean, green_mean = float(values[values <= threshold].mean()), float(values[values > threshold].mean())
    return None if green_mean - bare_mean < least else bare_mean + NEAR * (green_mean - bare_mean)


def _open_ground(index: Float32, limit: float, scratch: Scratch) -> Bool | None:
    """Bare cells away from others; None when they are too few."""
    found: Bool = scratch.empty(index.shape, np.bool_)
    side = np.ones((2 * MARGIN_CELLS + 1, 2 * MARGIN_CELLS + 1), np.uint8)
    bare = known = 0
    for strip in strips(index.shape, halo=MARGIN_CELLS):
        found[strip.rows] = cv2.erode((index[strip.wide] < limit).astype(np.uint8), side)[strip.inner]
        bare += int(np.count_nonzero(found[strip.rows]))
        known += int(np.count_nonzero(np.isfinite(index[strip.rows])))
        release(index, found)
    return found if bare >= LEAST_SHARE * known else None


def _greenness(raster: Raster, bands: tuple[str, ...], grid: Grid, scratch: Scratch) -> Float32:
    """Mean index on the cells of a grid, NaN where the mosaic shows nothing."""
    index: Float32 = scratch.empty(grid.shape)
    pixels = raster.grid
    for strip in strips(grid.shape, cells=1_000_000):
        total, count = np.zeros((2, strip.last - strip.first, grid.width))
        part = grid.window(Block(strip.first, 0, strip.last - strip.first, grid.width))
        row = max(0, int((pixels.y_max - part.y_max) / pixels.pixel_m) - 1)
        end = min(pixels.height, int((pixels.y_max - part.bounds[1]) / pixels.pixel_m) + 2)
        for col in range(0, pixels.width if end > row else 0, 4096):
            block = Block(row, col, end - row, min(4096, pixels.width - col))
            _accumulate(_index(raster.read(block, bands)), pixels.window(block), part, (total, count))
        with np.errstate(invalid="ignore", divide="ignore"):
            index[strip.rows] = np.where(count > 0, total / count, np.nan)
        release(index)
    return index


def _accumulate(
    values: Float32, window: Grid, grid: Grid, sums: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> None:
    """Add the pixels of a window to the cells their centres lie in."""
    east = window.x_min + (np.arange(window.width) + 0.5) * window.pixel_m
    north = window.y_max - (np.arange(window.height) + 0.5) * window.pixel_m
    col = np.floor((east - grid.x_min) / grid.pixel_m).astype(np.int64)
    row = np.floor((grid.y_max - north) / grid.pixel_m).astype(np.int64)
    inside = np.isfinite(values)
    inside &= ((row >= 0) & (row < grid.height))[:, None] & ((col >= 0) & (col < grid.width))[None, :]
    cell = (row[:, None] * grid.width + col[None, :])[inside]
    total, count = sums
    total += np.bincount(cell, weights=values[inside], minlength=total.size).reshape(total.shape)
    count += np.bincount(cell, minlength=count.size).reshape(count.shape)


def _index(planes: Float32) -> Float32:
    """NDVI of (red, nir), excess green of (red, green, blue)."""
    total = planes.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        contrast = planes[1] - planes[0] if len(planes) == 2 else 2 * planes[1] - planes[0] - planes[2]
        index: Float32 = np.where(total > 0, contrast / total, np.nan).astype(np.float32)
    return index
