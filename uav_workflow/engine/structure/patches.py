"""Sub-pixel matching of patches between two images that are already nearly aligned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchMatches:
    """Patches of one image found in another.

    Attributes
    ----------
    centres : (n, 2) float array
        Patch centres in the first image, pixels, centre of the first at (0.5, 0.5).
    shifts : (n, 2) float array
        Where they lie in the second image, relative to the centres.
    """

    centres: FloatArray
    shifts: FloatArray


def gradient_strength(image: NDArray[Any]) -> FloatImage:
    """Gradient magnitude of the slightly smoothed image, float32; blind to the sign of contrast."""
    smooth = cv2.GaussianBlur(image.astype(np.float32), (0, 0), 1.0)
    across, down = np.asarray(cv2.Sobel(smooth, cv2.CV_32F, 1, 0)), np.asarray(cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    # OpenCV's own root differs in the last digit with where the array lies in memory: no two runs were alike
    return np.sqrt(across * across + down * down)


def fine_detail(image: NDArray[Any]) -> FloatImage:
    """The image between scales of 1 and 6 pixels, float32."""
    values = image.astype(np.float32)
    return np.asarray(cv2.GaussianBlur(values, (0, 0), 1.0) - cv2.GaussianBlur(values, (0, 0), 6.0))


def match_patches(
    first: FloatImage, second: FloatImage, *, patch: int, search: int, step: int, min_correlation: float
) -> PatchMatches:
    """Patches of `first` on a mesh of `step` pixels, found in `second` by normalised cross-correlation.

    A patch counts when the peak is inside the search range, at least `min_correlation` high, and the only one: no
    other value beyond 3 pixels reaches 0.8 of it. The peak is refined with a quadratic surface. Correlation is taken
    without its sign: contrast may turn around between bands.
    """
    height, width = first.shape
    centres, shifts = [], []
    for top in range(search, height - patch - search + 1, step):
        for left in range(search, width - patch - search + 1, step):
            template = first[top : top + patch, left : left + patch]
            window = second[top - search : top + patch + search, left - search : left + patch + search]
            if float(window[::3, ::3].std()) < 1e-6 or float(template.std()) < 1e-6:
                continue
            scores = cv2.matchTemplate(window, template, cv2.TM_CCOEFF_NORMED)
            offset = _peak(np.abs(np.asarray(scores)), min_correlation)
            if offset is not None:
                centres.append((left + patch / 2, top + patch / 2))
                shifts.append((offset[0] - search, offset[1] - search))
    return PatchMatches(centres=np.array(centres, float).reshape(-1, 2), shifts=np.array(shifts, float).reshape(-1, 2))


def _peak(scores: FloatImage, least: float) -> tuple[float, float] | None:
    """Sub-pixel (x, y) of the one peak of a correlation surface, or None."""
    row, col = np.unravel_index(int(scores.argmax()), scores.shape)
    best = float(scores[row, col])
    if best < least or not (0 < row < scores.shape[0] - 1 and 0 < col < scores.shape[1] - 1):
        return None
    around = scores[row - 1 : row + 2, col - 1 : col + 2].astype(float)
    others = scores.copy()
    others[max(0, row - 3) : row + 4, max(0, col - 3) : col + 4] = -1
    if float(others.max()) > 0.8 * best:
        return None
    gx, gy = (around[1, 2] - around[1, 0]) / 2, (around[2, 1] - around[0, 1]) / 2
    hxx = around[1, 2] - 2 * around[1, 1] + around[1, 0]
    hyy = around[2, 1] - 2 * around[1, 1] + around[0, 1]
    hxy = (around[2, 2] - around[2, 0] - around[0, 2] + around[0, 0]) / 4
    determinant = hxx * hyy - hxy**2
    if determinant <= 0 or hxx >= 0:
        return None
    x, y = (hxy * gy - hyy * gx) / determinant, (hxy * gx - hxx * gy) / determinant
    if abs(x) > 1 or abs(y) > 1:
        return None
    return float(col + x), float(row + y)
