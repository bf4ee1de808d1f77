"""Evening out exposure between RGB photos, from the ground they share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from uav_workflow.engine.heightmap import HeightMap
from uav_workflow.engine.photo_cache import read_pixels
from uav_workflow.engine.views import Float32, Float64, View

THUMB = 8


def exposure_gains(views: list[View], images: Mapping[str, Path], relief: HeightMap) -> Float32:
    """Factor a photo and channel that makes shared ground equally bright, (photos, 3) float32.

    Least squares on the median log ratio of every overlapping pair (Brown & Lowe, 2007, eq. 29, in logarithms), each
    photo held to one by a prior as strong as a full overlap: vignetting and view angle put a small bias into every
    pair, which would add up along a flight line. The logarithms' mean is zero, so that the mosaic keeps its brightness.
    """
    ground = relief.samples(6000)
    values = np.full((len(views), len(ground), 3), np.nan, np.float32)
    for k, view in enumerate(views):
        pixels, inside = view.pixels(ground)
        thumb = _thumb(images[view.image])
        at = np.minimum((pixels[inside, ::-1] / THUMB).astype(int), np.array(thumb.shape[:2]) - 1)
        values[k, inside] = thumb[at[:, 0], at[:, 1]]
    # clipped highlights and black shadows say nothing of exposure
    values[(values < 12) | (values > 243)] = np.nan
    return _solved(np.log(values))


def _thumb(path: Path) -> Float32:
    if path.suffix.lower() in {".jpg", ".jpeg"}:
        thumb = cv2.imread(str(path), cv2.IMREAD_REDUCED_COLOR_8 | cv2.IMREAD_IGNORE_ORIENTATION)
        if thumb is not None:
            return np.asarray(thumb[:, :, ::-1], np.float32)
    pixels = read_pixels(path)
    rows, columns = pixels.shape[0] // THUMB, pixels.shape[1] // THUMB
    cut = pixels[: rows * THUMB, : columns * THUMB].astype(np.float32)
    return np.asarray(cv2.resize(cut, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def _solved(logs: Float32) -> Float32:
    count = len(logs)
    gains = np.zeros((count, 3))
    for channel in range(3):
        normal = np.eye(count)
        right = np.zeros(count)
        for i in range(count):
            for j in range(i + 1, count):
                step, weight = _ratio(logs[i, :, channel], logs[j, :, channel])
                normal[[i, j], [i, j]] += weight
                normal[[i, j], [j, i]] -= weight
                right[i] -= weight * step
                right[j] += weight * step
        gains[:, channel] = np.linalg.solve(normal, right)
    gains -= gains.mean(axis=0)
    return np.exp(np.clip(gains, -0.7, 0.7)).astype(np.float32)


def _ratio(first: Float32, second: Float32) -> tuple[float, float]:
    """Median log ratio of first to second on shared samples, and the share these are of the smaller one's."""
    difference: Float64 = (first - second).astype(float)
    shared = difference[np.isfinite(difference)]
    if len(shared) < 20:
        return 0.0, 0.0
    seen = min(np.count_nonzero(np.isfinite(first)), np.count_nonzero(np.isfinite(second)))
    return float(np.median(shared)), len(shared) / seen
