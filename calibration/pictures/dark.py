"""Pixels that can't be told from black."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_SIGMAS = 2.0
_DARKEST = 0.1
_NEAR_STEPS = 40.0
"""Steps above black within which the darkest tenth must lie before its noise is looked at: no sensor is noisier."""
_MAD = 1.4826


def dark_share(dn: NDArray[np.uint16], black: float, lsb: int) -> float:
    """Share of a picture's pixels within two standard deviations of black, from every ninth pixel.

    The noise at black is read off the picture itself: second differences along the rows of its darkest tenth, where
    texture is least, by their median absolute deviation; never below one step of the stored numbers.
    """
    rows = dn.shape[0] - 1
    sample = dn[:rows:3, 1:-1:3]
    limit = float(np.quantile(sample, _DARKEST))
    if limit > black + _NEAR_STEPS * lsb:
        return float(np.mean(sample <= black + _SIGMAS * lsb))
    # chosen by the pixels below them: chosen by themselves they would all be low by their own noise
    dark = dn[1 : rows + 1 : 3, 1:-1:3] <= limit
    left, right = dn[:rows:3, :-2:3][dark], dn[:rows:3, 2::3][dark]
    second = left.astype(np.float64) - 2.0 * sample[dark] + right
    sigma = max(_MAD * float(np.median(np.abs(second))) / math.sqrt(6.0), float(lsb)) if second.size else float(lsb)
    return float(np.mean(sample <= black + _SIGMAS * sigma))
