"""Decoded photos, kept within a budget of memory."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import cv2
import numpy as np
import rasterio
from numpy.typing import NDArray

from uav_workflow.errors import EngineError

Array = NDArray[Any]
Item = TypeVar("Item")

_REDUCED_GREY = {1: cv2.IMREAD_GRAYSCALE, 2: cv2.IMREAD_REDUCED_GRAYSCALE_2, 4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
                 8: cv2.IMREAD_REDUCED_GRAYSCALE_8}  # fmt: skip

_REDUCED_COLOUR = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}


class LeastRecent(Generic[Item]):
    """Cache that drops what was used longest ago when its bytes pass the budget."""

    def __init__(self, budget_bytes: int, size: Callable[[Item], int]) -> None:
        self._budget, self._size = budget_bytes, size
        self._items: OrderedDict[str, Item] = OrderedDict()
        self._bytes = 0

    def get(self, key: str, make: Callable[[], Item]) -> Item:
        """Item of this key, made when it is not held."""
        if key in self._items:
            self._items.move_to_end(key)
            return self._items[key]
        item = make()
        self._items[key] = item
        self._bytes += self._size(item)
        while self._bytes > self._budget and len(self._items) > 1:
            _, oldest = self._items.popitem(last=False)
            self._bytes -= self._size(oldest)
        return item


def read_pixels(path: Path) -> Array:
    """Pixels as stored: (rows, columns) or (rows, columns, 3) in RGB order; EXIF orientation is not applied.

    Raises
    ------
    EngineError
        The file can't be decoded.
    """
    if path.suffix.lower() in {".tif", ".tiff"}:
        return _read_tiff(path)
    pixels = cv2.imread(str(path), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise EngineError(f"{path.name}: can't be decoded; copy the photo from the card again or leave it out")
    return np.ascontiguousarray(pixels[:, :, ::-1]) if pixels.ndim == 3 else pixels


def read_reduced(path: Path, factor: int) -> Array:
    """Pixels as `read_pixels` gives them, ``factor`` (1, 2, 4, 8) times smaller: means, float32 unless of 8 bits.

    Pixel (i, j) of the result covers the ``factor`` x ``factor`` pixels from (i * factor, j * factor).
    """
    if factor == 1:
        return read_pixels(path)
    if path.suffix.lower() in {".jpg", ".jpeg"}:
        found = cv2.imread(str(path), _REDUCED_COLOUR[factor] | cv2.IMREAD_IGNORE_ORIENTATION)
        if found is not None:
            return np.ascontiguousarray(found[:, :, ::-1])
    pixels = read_pixels(path)
    # cv2.resize maps the whole frame onto the whole result: cut to a multiple, or every pixel creeps
    rows, columns = pixels.shape[0] // factor, pixels.shape[1] // factor
    cut = pixels[: rows * factor, : columns * factor]
    if cut.dtype != np.uint8:
        cut = cut.astype(np.float32)
    reduced: Array = cv2.resize(cut, (columns, rows), interpolation=cv2.INTER_AREA)
    return reduced


def read_grey(path: Path, factor: int) -> NDArray[np.uint8]:
    """Photo as 8-bit grey, ``factor`` (1, 2, 4, 8) times smaller, for matching only: values are stretched.

    Pixel (i, j) of the result covers the ``factor`` x ``factor`` pixels from (i * factor, j * factor).
    """
    if path.suffix.lower() in {".jpg", ".jpeg"}:
        grey = cv2.imread(str(path), _REDUCED_GREY[factor] | cv2.IMREAD_IGNORE_ORIENTATION)
        if grey is None:
            raise EngineError(f"{path.name}: can't be decoded; copy the photo from the card again or leave it out")
        return np.asarray(grey, np.uint8)
    pixels = read_pixels(path).astype(np.float32)
    grey = pixels if pixels.ndim == 2 else pixels[:, :, :3].mean(axis=2)
    grey = np.nan_to_num(grey, copy=False)
    rows, columns = grey.shape
    if factor > 1:
        # cv2.resize maps the whole frame onto the whole result: cut to a multiple, or every pixel creeps
        grey = grey[: rows // factor * factor, : columns // factor * factor]
        grey = cv2.resize(grey, (columns // factor, rows // factor), interpolation=cv2.INTER_AREA)
    return _stretched(np.asarray(grey, np.float32))


def _stretched(grey: NDArray[np.float32]) -> NDArray[np.uint8]:
    low, high = np.percentile(grey[::4, ::4], (0.5, 99.5))
    scaled = np.clip((grey - low) / max(float(high - low), 1e-9), 0, 1)
    # square root: dark bands keep their texture, as a photo's gamma would keep it
    return np.asarray(np.sqrt(scaled) * 255 + 0.5, np.uint8)


def _read_tiff(path: Path) -> Array:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with rasterio.open(path) as dataset:
                bands = dataset.read(list(range(1, min(dataset.count, 3) + 1)) if dataset.count >= 3 else [1])
    except rasterio.errors.RasterioError as exc:
        raise EngineError(f"{path.name}: can't be decoded ({exc}); copy it again or leave it out") from exc
    return bands[0] if len(bands) == 1 else np.ascontiguousarray(np.moveaxis(bands, 0, 2))
