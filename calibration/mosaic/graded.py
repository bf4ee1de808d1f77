"""Figures that go by what the ground looks like: classes of as many places each, and tables for pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Layer = NDArray[np.float32]

CLASSES = 10
_LOW, _HIGH, _STEP = -1.0, 2.0, 0.005
"""Range and step of the tables: greenness runs from -1 to 1, roughness from 0."""


def graded(values: FloatArray) -> tuple[NDArray[np.int64], FloatArray]:
    """Class of every value, and the middle of each class, rising; fewer than `CLASSES` where values repeat."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, CLASSES + 1)))
    count = max(1, len(edges) - 1)
    group = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, count - 1)
    middles = np.maximum.accumulate(
        [float(np.median(values[group == k])) if (group == k).any() else float(edges[k]) for k in range(count)]
    )
    return group, np.asarray(middles, np.float64)


def at_pixels(values: Layer, middles: FloatArray, of_class: FloatArray) -> Layer:
    """Figure at pixels: linear between the middles of classes, constant beyond them; unknown values count as 0."""
    # as a table: interpolation of every pixel would cost more than all the rest
    steps = np.arange(_LOW, _HIGH + _STEP / 2, _STEP)
    table = np.interp(steps, middles, of_class).astype(np.float32)
    index = (np.clip(np.nan_to_num(values, nan=0.0), _LOW, _HIGH) - np.float32(_LOW)) * np.float32(1 / _STEP)
    return np.asarray(table[np.rint(index).astype(np.int32)], np.float32)
