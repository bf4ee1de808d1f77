"""How the ground looks from above: what a change of view will do to it goes by that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Layer = NDArray[np.float32]

_LEAST = 0.5
"""Share of a patch that must be known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundLook:
    """Of the square patch round every pixel, (rows, columns) each; NaN where half of it or more is unknown.

    Attributes
    ----------
    roughness : float32
        See `roughness`: where shade and light lie side by side, another view shows another mixture of them.
    greenness : float32
        See `greenness`: from the side more plants are seen, and less of the soil between them.
    """

    roughness: Layer
    greenness: Layer


def roughness(values: Layer, half: int) -> Layer:
    """Standard deviation of a band's logarithm over the square patch round every pixel.

    Of the band of the longest wave it tells shade best: in the near infrared green and soil differ least.

    Parameters
    ----------
    values : float32 (rows, columns)
        Reflectance or anything proportional to light; NaN is unknown, and what is black counts as unknown.
    half : int
        Patches have 2 half + 1 pixels a side.

    Returns
    -------
    float32 (rows, columns)
        NaN where half of a patch or more is unknown.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(values)
    known = np.isfinite(logs)
    logs = logs - (np.float32(logs[known].mean()) if known.any() else np.float32(0))
    mean, square = _patch_mean(logs, half), _patch_mean(logs * logs, half)
    return np.asarray(np.sqrt(np.maximum(square - mean * mean, 0)), np.float32)


def greenness(bright: Layer, dark: Layer, half: int) -> Layer:
    """Normalised difference of the patch means of two bands, one bright and one dark over plants; like `roughness`."""
    one, two = _patch_mean(bright, half), _patch_mean(dark, half)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((one - two) / (one + two), np.float32)


def _patch_mean(values: Layer, half: int) -> Layer:
    import cv2

    side = (2 * half + 1, 2 * half + 1)
    known = np.isfinite(values)
    share = cv2.boxFilter(known.astype(np.float32), -1, side)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = cv2.boxFilter(np.where(known, values, np.float32(0)), -1, side) / share
    return np.asarray(np.where(share > _LEAST, mean, np.float32(np.nan)), np.float32)
