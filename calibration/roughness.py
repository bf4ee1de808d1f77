"""How rough the ground looks: where shade and light lie side by side, another view shows another mixture of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Layer = NDArray[np.float32]

_LEAST = 0.5
"""Share of a patch that must be known."""


def roughness(values: Layer, half: int) -> Layer:
    """Standard deviation of a band's logarithm over the square patch round every pixel.

    Of the band of the longest wave it tells shade best: in the near infrared green and soil differ least.

    Parameters
    ----------
    values : float32 (rows, columns)
        Reflectance or anything proportional to light; NaN is unknown.
    half : int
        Patches have 2 half + 1 pixels a side.

    Returns
    -------
    float32 (rows, columns)
        NaN where half of a patch or more is unknown or black.
    """
    import cv2

    side = (2 * half + 1, 2 * half + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(values)
        known = np.isfinite(logs)
        middle = np.float32(logs[known].mean()) if known.any() else np.float32(0)
        filled = np.where(known, logs - middle, np.float32(0))
        share = cv2.boxFilter(known.astype(np.float32), -1, side)
        mean = cv2.boxFilter(filled, -1, side) / share
        square = cv2.boxFilter(filled * filled, -1, side) / share
        spread = np.sqrt(np.maximum(square - mean * mean, 0))
    return np.asarray(np.where(share > _LEAST, spread, np.float32(np.nan)), np.float32)
