"""CIE L*a*b* from linear red, green and blue."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

# Linear sRGB primaries to XYZ with white D65 (IEC 61966-2-1); the bands of a rig are taken for these primaries.
_X = np.array([0.4124564, 0.3575761, 0.1804375], dtype=np.float32)
_Y = np.array([0.2126729, 0.7151522, 0.0721750], dtype=np.float32)
_Z = np.array([0.0193339, 0.1191920, 0.9503041], dtype=np.float32)
_X_WHITE = np.float32(0.95047)
_Z_WHITE = np.float32(1.08883)
_KNEE = np.float32((6 / 29) ** 3)


def luminance(rgb: FloatArray) -> FloatArray:
    """Relative luminance Y of linear (red, green, blue, …) planes (3, rows, columns); negative values count as 0."""
    return _weighted(_Y, np.maximum(rgb, 0))


def a_star(rgb: FloatArray, white: float) -> FloatArray:
    """a* (green negative, red positive; CIE 15:2004) of linear planes (3, …) whose white has luminance ``white``."""
    clipped: FloatArray = (np.maximum(rgb, 0) / np.float32(white)).astype(np.float32, copy=False)
    x = _weighted(_X / _X_WHITE, clipped)
    y = _weighted(_Y, clipped)
    result: FloatArray = np.float32(500) * (_f(x) - _f(y))
    return result


def lab(rgb: FloatArray, white: float) -> FloatArray:
    """L*, a*, b* (CIE 15:2004) as (3, …) of linear planes (3, …) whose white has luminance ``white``."""
    clipped: FloatArray = (np.maximum(rgb, 0) / np.float32(white)).astype(np.float32, copy=False)
    x, y, z = (_f(_weighted(weights, clipped)) for weights in (_X / _X_WHITE, _Y, _Z / _Z_WHITE))
    result: FloatArray = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)]).astype(np.float32, copy=False)
    return result


def lightness(luminance_over_white: float) -> float:
    """L* (0 - 100) of a luminance relative to white."""
    return float(116 * _f(np.asarray(luminance_over_white, dtype=np.float32)) - 16)


def _weighted(weights: FloatArray, rgb: FloatArray) -> FloatArray:
    result: FloatArray = np.tensordot(weights, rgb, axes=1).astype(np.float32, copy=False)
    return result


def _f(t: FloatArray) -> FloatArray:
    straight = t * np.float32((29 / 6) ** 2 / 3) + np.float32(4 / 29)
    result: FloatArray = np.where(t > _KNEE, np.cbrt(t), straight)
    return result
