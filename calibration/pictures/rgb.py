"""RGB photos: the camera's tone curve undone, so that mosaics of them are at least linear."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


def linearise(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Relative linear light of 8-bit sRGB values.

    Cameras add local tone mapping and white balance that no formula undoes: the result is relative, comparable
    inside one flight of locked exposure, and reflectance only after an empirical line on targets.

    Parameters
    ----------
    rgb : uint8, any shape

    Returns
    -------
    float32 of the same shape
        0 - 1; inverse of the transfer function of IEC 61966-2-1 (1999).
    """
    return _table()[rgb]


@lru_cache(maxsize=1)
def _table() -> NDArray[np.float32]:
    coded = np.arange(256) / 255.0
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    table = linear.astype(np.float32)
    table.setflags(write=False)
    return table
