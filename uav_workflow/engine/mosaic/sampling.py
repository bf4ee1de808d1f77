"""Photos of the mosaic, decoded within a budget, and where a tile's pixels lie in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_workflow.engine.inputs.photo_cache import LeastRecent, read_reduced
from uav_workflow.engine.mosaic.visibility import OUTSIDE, photo_positions
from uav_workflow.engine.surface.views import Float32, Float64, View
from uav_workflow.errors import EngineError

Array = NDArray[Any]
Bool = NDArray[np.bool_]

_PLATEAU = 16
"""Pixels of a photo that share its largest value when the sensor or the calibration clipped them."""


@dataclass(frozen=True, slots=True)
class _Held:
    pixels: Array
    saturated: NDArray[np.uint8] | None

    @property
    def nbytes(self) -> int:
        return int(self.pixels.nbytes) + (self.saturated.nbytes if self.saturated is not None else 0)


class PhotoShelf:
    """Decoded photos; those used longest ago are dropped.

    Parameters
    ----------
    cache_mib : int
        Memory they may take; the one in use is held in any case.
    example : array
        A photo of the flight: all must be of its type and have as many channels.
    reduction : int
        1, 2, 4 or 8: photos are held so many times smaller (pictures whose pixels are coarser than the photos').
    """

    def __init__(self, cache_mib: int, example: Array, reduction: int = 1) -> None:
        self._kind, self._reduction = _kind(example), reduction
        self._photos: LeastRecent[_Held] = LeastRecent(cache_mib << 20, lambda held: held.nbytes)

    def shown(self, path: Path, maps: Float32) -> Array:
        """A picture's colours at ``maps`` (2, rows, columns), by bicubic interpolation; 0 outside."""
        held = self._photos.get(str(path), lambda: _Held(self._read(path), None))
        at = (maps + 0.5) / self._reduction - 0.5 if self._reduction > 1 else maps
        # beyond the outermost centres the border is repeated, beyond the frame nothing is wanted
        sample: Array = cv2.remap(held.pixels, at[0], at[1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        return sample

    def measured(self, path: Path, maps: Float32) -> tuple[Array, NDArray[np.uint8]]:
        """Bilinear samples of a band's photo, and their flaws: 0 none, 1 saturated, 2 no number or outside."""
        held = self._photos.get(str(path), lambda: _with_saturation(self._read(path)))
        sample: Array = cv2.remap(held.pixels, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        flaw = np.zeros(maps.shape[1:], np.uint8)
        if held.saturated is not None:
            touched = cv2.remap(held.saturated, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            flaw[touched > 0] = 1
        if sample.dtype.kind == "f":
            known = np.isfinite(sample)
            flaw[~(known if sample.ndim == 2 else known.all(axis=2))] = 2
        flaw[maps[0] < 0] = 2
        return sample, flaw

    def _read(self, path: Path) -> Array:
        pixels = read_reduced(path, self._reduction)
        if _kind(pixels) != self._kind:
            raise EngineError(
                f"{path.name}: is a photo of {_kind(pixels)}, others are of {self._kind}; process them as flights apart"
            )
        return pixels


def picture_reduction(pitch: float) -> int:
    """How many times smaller photos are held for a picture of ``pitch`` photo pixels a pixel: 1, 2, 4 or 8."""
    return max(level for level in (1, 2, 4, 8) if level <= max(1.0, pitch))


def _kind(pixels: Array) -> str:
    return f"{pixels.shape[2] if pixels.ndim == 3 else 1} x {pixels.dtype}"


def positions(view: View, heights: Float32, corner: Float64, wanted: Bool) -> Float32:
    """`photo_positions` in an array of their own."""
    maps = np.full((2, *heights.shape), OUTSIDE, np.float32)
    photo_positions(heights, corner, view.packed, wanted, maps)
    return maps


def _with_saturation(pixels: Array) -> _Held:
    """A photo and those of its pixels that lie on the plateau at which sensor or calibration clip.

    Integers are clipped near the top of 10, 12, 14 or 16 bits, floats wherever calibration put their top.
    """
    if pixels.dtype.kind == "f":
        known = pixels[np.isfinite(pixels)]
        top = known.max() if known.size else 0
        clipped = bool(known.size)
    else:
        top = pixels.max()
        full = 2.0 ** np.array([8 * pixels.dtype.itemsize, 10, 12, 14])
        clipped = bool(((float(top) < full) & (float(top) >= 0.97 * full)).any())
    plateau = pixels == top
    if not clipped or np.count_nonzero(plateau) < _PLATEAU:
        return _Held(pixels, None)
    if plateau.ndim == 3:
        plateau = plateau.any(axis=2)
    return _Held(pixels, plateau.astype(np.uint8) * np.uint8(255))
