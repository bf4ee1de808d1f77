"""Steps across the seams of an orthomosaic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_workflow.rasters.reader import Raster

Layer = NDArray[np.float32]

BESIDE = 4
"""Pixels on each side of a seam whose means are compared."""
LEAST_LENGTH = 120
"""Seams of fewer pixels say more of the meadow than of the seam."""


def seam_steps(picture: Layer, source: Layer) -> NDArray[np.float64]:
    """Size of the step between every two neighbouring photos of a mosaic, in the picture's values.

    At every pixel of a seam the means of `BESIDE` pixels on both sides are subtracted; what lies on the ground does
    not prefer one photo to the other, so the median along the seam of two photos is the step between them.

    Parameters
    ----------
    picture : (rows, columns) float32
    source : (rows, columns) float32
        Number of the photo that each pixel comes from.
    """
    pairs, steps = zip(*(_along_rows(a, b) for a, b in ((picture, source), (picture.T, source.T))), strict=True)
    pair, step = np.concatenate(pairs), np.concatenate(steps)
    _, index, count = np.unique(pair, return_inverse=True, return_counts=True)
    return np.array([abs(np.median(step[index == k])) for k in np.flatnonzero(count >= LEAST_LENGTH)], float)


def _along_rows(picture: Layer, source: Layer) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(code of the pair, step from its lower to its higher number) of every seam between two columns."""
    windows = np.lib.stride_tricks.sliding_window_view(source, 2 * BESIDE, axis=1)
    left, right = windows[..., :BESIDE], windows[..., BESIDE:]
    a, b = left[..., -1], right[..., 0]
    with np.errstate(invalid="ignore"):
        found = (a != b) & (a > 0) & (b > 0) & (left == a[..., None]).all(-1) & (right == b[..., None]).all(-1)
    row, col = np.nonzero(found)
    values = np.stack([picture[row, col + k] for k in range(2 * BESIDE)], axis=-1).astype(float)
    step = values[:, BESIDE:].mean(axis=1) - values[:, :BESIDE].mean(axis=1)
    first, second = a[row, col].astype(np.int64), b[row, col].astype(np.int64)
    known = np.isfinite(step)
    code = np.minimum(first, second) * 100_000 + np.maximum(first, second)
    return code[known], np.where(first < second, step, -step)[known]


def seam_figures(mosaic: Path, sources: Path) -> dict[str, float]:
    """Median and largest step of an RGB mosaic (grey levels), and how many seams were long enough."""
    with Raster(mosaic) as raster, Raster(sources) as numbers:
        grey = raster.read(bands=("red", "green", "blue")).mean(axis=0)
        source = numbers.read()[0]
    steps = seam_steps(grey, np.nan_to_num(source))
    if not len(steps):
        return {"seam_median": float("nan"), "seam_worst": float("nan"), "seams": 0.0}
    return {"seam_median": float(np.median(steps)), "seam_worst": float(steps.max()), "seams": float(len(steps))}
