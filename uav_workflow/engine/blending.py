"""Seams of the RGB mosaic: brightness changes over a wide strip, detail over a narrow one."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_workflow.engine.views import Float32

HALO = 96
"""Pixels around a tile that its blending looks at: three widths of the wide strip."""
_WIDE, _NARROW, _COARSE = 32.0, 1.2, 4


class TwoBands:
    """Accumulates photos of one tile in two frequency bands (after Burt & Adelson, 1983, with two levels).

    Low frequencies are mixed over about `HALO` pixels, which hides what exposure evening left; the rest changes over
    two or three pixels, so that things seen at slightly different places do not show twice.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._detail = np.zeros((*shape, 3), np.float32)
        self._detail_weight = np.zeros(shape, np.float32)
        coarse = (-(-shape[0] // _COARSE), -(-shape[1] // _COARSE))
        self._shape = shape
        self._low = np.zeros((*coarse, 3), np.float32)
        self._low_weight = np.zeros(coarse, np.float32)

    def reach(self, box: tuple[slice, slice]) -> tuple[slice, slice]:
        """Part of the tile that a photo chosen within ``box`` touches, on whole coarse cells."""
        return self._widened(box[0], self._shape[0]), self._widened(box[1], self._shape[1])

    def add(
        self, photo: Float32, chosen: NDArray[np.bool_], content: NDArray[np.bool_], part: tuple[slice, slice]
    ) -> None:
        """Add a photo (rows, columns, 3) on a part of the tile given by `reach`.

        ``chosen`` are the pixels it won, ``content`` those it has at all.
        """
        rows, columns = chosen.shape
        coarse = tuple(slice(side.start // _COARSE, -(-side.stop // _COARSE)) for side in part)
        small = (coarse[1].stop - coarse[1].start, coarse[0].stop - coarse[0].start)
        known = content.astype(np.float32)
        won = chosen.astype(np.float32)
        cover = cv2.resize(known, small, interpolation=cv2.INTER_AREA)
        low = cv2.resize(photo * known[:, :, None], small, interpolation=cv2.INTER_AREA)
        blurred = cv2.GaussianBlur(cover, (0, 0), 2.0)
        low = cv2.GaussianBlur(low, (0, 0), 2.0) / np.maximum(blurred, 1e-3)[:, :, None]
        wide = cv2.GaussianBlur(cv2.resize(won, small, interpolation=cv2.INTER_AREA), (0, 0), _WIDE / _COARSE) * cover
        self._low[coarse] += low * wide[:, :, None]
        self._low_weight[coarse] += wide
        narrow = cv2.GaussianBlur(won, (0, 0), _NARROW) * known
        detail = photo - cv2.resize(low, (columns, rows), interpolation=cv2.INTER_LINEAR)
        self._detail[part] += detail * narrow[:, :, None]
        self._detail_weight[part] += narrow

    def result(self) -> Float32:
        """Blended tile (rows, columns, 3)."""
        rows, columns = self._shape
        low = self._low / np.maximum(self._low_weight, 1e-6)[:, :, None]
        detail = self._detail / np.maximum(self._detail_weight, 1e-6)[:, :, None]
        return np.asarray(detail + cv2.resize(low, (columns, rows), interpolation=cv2.INTER_LINEAR), np.float32)

    @staticmethod
    def _widened(side: slice, length: int) -> slice:
        first = max(0, (side.start - HALO) // _COARSE * _COARSE)
        return slice(first, min(length, -(-(side.stop + HALO) // _COARSE) * _COARSE))
