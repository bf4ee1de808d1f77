"""Where the ground lies open, told by colour: what a terrain model may rest on in a meadow."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Grid
from uav_workflow.rasters.reader import Raster

Bool = NDArray[np.bool_]
Float32 = NDArray[np.float32]

LEAST_NDVI = 0.2
LEAST_EXCESS_GREEN = 0.1
"""Difference of the two classes' means below which colour does not tell plants from ground."""
NEAR = 0.25
"""Part of the way from the bare class's mean to the green one's within which a cell counts as bare."""
LEAST_SHARE = 0.01
"""Least share of open ground worth using."""
MARGIN_CELLS = 2
"""Cells beside plants are left out: matching windows blur heights across the edge."""


def bare_ground(mosaic: Path, grid: Grid) -> Bool | None:
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
    index = _greenness(mosaic, grid)
    if index is None:
        return None
    values, least = index
    known = np.isfinite(values)
    if known.sum() < 1000:
        return None
    low, high = (float(edge) for edge in np.percentile(values[known], (0.5, 99.5)))
    scaled = np.clip((values[known] - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)
    cut, _ = cv2.threshold(scaled, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    threshold = low + (cut + 0.5) / 255 * (high - low)
    bare_mean = float(values[known & (values <= threshold)].mean())
    green_mean = float(values[known & (values > threshold)].mean())
    if green_mean - bare_mean < least:
        return None
    bare = (known & (values < bare_mean + NEAR * (green_mean - bare_mean))).astype(np.uint8)
    side = 2 * MARGIN_CELLS + 1
    open_ground: Bool = cv2.erode(bare, np.ones((side, side), np.uint8)).astype(bool)
    return open_ground if open_ground.mean() >= LEAST_SHARE * known.mean() else None


def _greenness(mosaic: Path, grid: Grid) -> tuple[Float32, float] | None:
    """Mean index on the cells of a grid, NaN where the mosaic shows nothing, with its least class difference."""
    with Raster(mosaic) as raster:
        by_name = {name.lower(): name for name in raster.bands}
        wanted: tuple[str, ...]
        if {"red", "nir"} <= by_name.keys():
            wanted, least = ("red", "nir"), LEAST_NDVI
        elif {"red", "green", "blue"} <= by_name.keys():
            wanted, least = ("red", "green", "blue"), LEAST_EXCESS_GREEN
        else:
            return None
        bands = tuple(by_name[name] for name in wanted)
        total, count = np.zeros(grid.shape), np.zeros(grid.shape)
        for block in raster.grid.blocks(2048):
            _accumulate(_index(raster.read(block, bands)), raster.grid.window(block), grid, (total, count))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, total / count, np.nan).astype(np.float32), least


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
    first, last = max(0, int(row[0])), min(grid.height, int(row[-1]) + 1)
    if last <= first or not inside.any():
        return
    cell = ((row - first)[:, None] * grid.width + col[None, :])[inside]
    size = (last - first) * grid.width
    total, count = sums
    total[first:last] += np.bincount(cell, weights=values[inside], minlength=size).reshape(-1, grid.width)
    count[first:last] += np.bincount(cell, minlength=size).reshape(-1, grid.width)


def _index(planes: Float32) -> Float32:
    """NDVI of (red, nir), excess green of (red, green, blue)."""
    total = planes.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        contrast = planes[1] - planes[0] if len(planes) == 2 else 2 * planes[1] - planes[0] - planes[2]
        index: Float32 = np.where(total > 0, contrast / total, np.nan).astype(np.float32)
    return index
