"""Least-squares matching: where in one patch the middle of another one lies, to hundredths of a cell.

Foerstner (1982), Gruen (1985): shift, the four linear terms of an affine distortion, contrast and brightness are solved
for together by Gauss-Newton.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uav_workflow.compiled import compiled

FloatArray = NDArray[np.float64]
Grey = NDArray[np.uint8]

UNKNOWNS = 8
TURNS = 8
FARTHEST = 2.5
"""Shifts beyond this many cells are another place's."""


def window(reach: int) -> FloatArray:
    """Weights (2 * reach + 1, 2 * reach + 1) of a patch's cells: its border matters less than its middle."""
    along = np.arange(-reach, reach + 1) / (0.6 * reach)
    return np.asarray(np.exp(-0.5 * (along[:, None] ** 2 + along**2)))


@compiled
def least_squares_match(reference: Grey, other: Grey, weights: FloatArray, found: FloatArray) -> bool:
    """Where the middle of `reference` lies in `other`.

    Parameters
    ----------
    reference, other : (m, m) uint8 arrays
        Patches nearly alike, m odd.
    weights : (n, n) float array
        Of the cells around the middle; n odd, smaller than m by the shifts that may occur.
    found : (3,) float array
        Filled in: shift along (column, row), cells; correlation of the patches once matched.

    Returns
    -------
    bool
        False where it did not converge.
    """
    middle, reach = (reference.shape[0] - 1) // 2, (weights.shape[0] - 1) // 2
    unknown = np.zeros(UNKNOWNS)
    row, step = np.zeros(UNKNOWNS), np.zeros(UNKNOWNS)
    normal, right, sums = np.zeros((UNKNOWNS, UNKNOWNS)), np.zeros(UNKNOWNS), np.zeros(6)
    for _ in range(TURNS):
        normal[:], right[:], sums[:] = 0.0, 0.0, 0.0
        for a in range(-reach, reach + 1):
            for b in range(-reach, reach + 1):
                x = middle + b + unknown[0] + unknown[2] * b + unknown[3] * a
                y = middle + a + unknown[1] + unknown[4] * b + unknown[5] * a
                if x < 1 or y < 1 or x >= 2 * middle - 1 or y >= 2 * middle - 1:
                    return False
                value = _row(reference, other, (middle + a, middle + b), (y, x), row)
                wanted = float(reference[middle + a, middle + b])
                row[2], row[3], row[4], row[5] = row[0] * b, row[0] * a, row[1] * b, row[1] * a
                row[6], row[7] = value, 1.0
                _add(row, wanted - value, weights[a + reach, b + reach], normal, right)
                _add_products(wanted, value, weights[a + reach, b + reach], sums)
        if not _solve(normal, right, step):
            return False
        for k in range(6):
            unknown[k] += step[k]
        if abs(unknown[0]) > FARTHEST or abs(unknown[1]) > FARTHEST:
            return False
        if abs(step[0]) + abs(step[1]) < 0.005:
            found[0], found[1], found[2] = unknown[0], unknown[1], _correlation(sums)
            return True
    return False


@compiled
def _row(reference: Grey, other: Grey, here: tuple[int, int], there: tuple[float, float], row: FloatArray) -> float:
    """Grey value of the other patch; its slopes along (column, row), mean of both patches, go to row[:2].

    The mean halves what noise and interpolation do to the slopes.
    """
    i, j = here
    y, x = there
    row[0] = 0.25 * (
        _linear(other, x + 1, y) - _linear(other, x - 1, y) + float(reference[i, j + 1]) - float(reference[i, j - 1])
    )
    row[1] = 0.25 * (
        _linear(other, x, y + 1) - _linear(other, x, y - 1) + float(reference[i + 1, j]) - float(reference[i - 1, j])
    )
    return _linear(other, x, y)


@compiled
def _linear(patch: Grey, x: float, y: float) -> float:
    j, i = int(x), int(y)
    s, t = x - j, y - i
    above = (1 - s) * patch[i, j] + s * patch[i, j + 1]
    below = (1 - s) * patch[i + 1, j] + s * patch[i + 1, j + 1]
    return float((1 - t) * above + t * below)


@compiled
def _add(row: FloatArray, off: float, weight: float, normal: FloatArray, right: FloatArray) -> None:
    for r in range(UNKNOWNS):
        scaled = weight * row[r]
        right[r] += scaled * off
        for c in range(r + 1):
            normal[r, c] += scaled * row[c]


@compiled
def _add_products(wanted: float, value: float, weight: float, sums: FloatArray) -> None:
    sums[0] += weight
    sums[1] += weight * wanted
    sums[2] += weight * value
    sums[3] += weight * wanted * wanted
    sums[4] += weight * value * value
    sums[5] += weight * wanted * value


@compiled
def _correlation(sums: FloatArray) -> float:
    weight, first, second = sums[0], sums[1], sums[2]
    spread = (sums[3] - first * first / weight) * (sums[4] - second * second / weight)
    return float((sums[5] - first * second / weight) / np.sqrt(max(spread, 1e-12)))


@compiled
def _solve(normal: FloatArray, right: FloatArray, step: FloatArray) -> bool:
    """Cholesky's method on the lower triangle, which is overwritten; False where the patch has no texture."""
    for c in range(UNKNOWNS):
        first = normal[c, c]
        for r in range(c, UNKNOWNS):
            total = normal[r, c]
            for k in range(c):
                total -= normal[r, k] * normal[c, k]
            if r == c:
                if total <= 1e-7 * first:
                    return False
                normal[c, c] = np.sqrt(total)
            else:
                normal[r, c] = total / normal[c, c]
    for r in range(UNKNOWNS):
        total = right[r]
        for k in range(r):
            total -= normal[r, k] * step[k]
        step[r] = total / normal[r, r]
    for r in range(UNKNOWNS - 1, -1, -1):
        total = step[r]
        for k in range(r + 1, UNKNOWNS):
            total -= normal[k, r] * step[k]
        step[r] = total / normal[r, r]
    return True
