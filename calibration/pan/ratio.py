"""Sharpening with a panchromatic band by ratios, so that what a pixel of the band measured stays its mean.

A fine pixel gets what the coarse one has, times a power of how much brighter the panchromatic band is there than over
the whole coarse pixel. The power is how the band follows the panchromatic one round about (slope of their logarithms):
1 where both follow the light, less or below 0 where plants are bright in the one and dark in the other. The mean over
the area of every coarse pixel is then brought back to its value by multiplicative back-projection (Gordon, Bender and
Herman, 1970, J. Theor. Biol. 29, 471), so that detail is an inference and the level a measurement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uav_workflow.compiled import compiled

FloatArray = NDArray[np.float32]

_TOLERANCE = 1e-4
_MOST_TURNS = 100
_WHOLE = 0.99
_LEAST = np.float32(1e-6)
_AROUND = 7
"""Pixels of the band on a side in which it is told how it follows the panchromatic one."""
_STEADY = 1e-4
"""Variance of a logarithm that noise of one per cent makes: detail below it tells nothing."""
_POWERS = (-1.0, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """Where the pixels of a fine picture lie in a coarse one.

    Attributes
    ----------
    x, y : float32 (rows, columns) of the fine picture
        Column and row in the coarse picture of each pixel's centre; the centre of the first pixel is (0.5, 0.5).
    side : float
        Side of a fine pixel in coarse pixels, below 1.
    shape : (rows, columns)
        Of the coarse picture.
    """

    x: FloatArray
    y: FloatArray
    side: float
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        if not 0 < self.side <= 1:
            raise ValueError(f"a pixel of {self.side:g} coarse pixels is not finer; there is nothing to sharpen with")

    def means(self, fine: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Mean of a fine picture over the area of each coarse pixel, and which are wholly covered by finite ones."""
        total, area = np.zeros(self.shape), np.zeros(self.shape)
        _gather(fine, self.x, self.y, np.float32(self.side), total, area)
        with np.errstate(invalid="ignore"):
            mean = np.asarray(total / area, np.float32)
        return mean, area > _WHOLE / self.side**2

    def enlarged(self, coarse: FloatArray) -> FloatArray:
        """A coarse picture at the fine pixels, bilinear; NaN outside and beside a NaN."""
        import cv2

        columns, rows = self.x - np.float32(0.5), self.y - np.float32(0.5)
        edge = cv2.BORDER_CONSTANT
        return np.asarray(
            cv2.remap(coarse, columns, rows, cv2.INTER_LINEAR, borderMode=edge, borderValue=float("nan")), np.float32
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharpened:
    """A sharpened band.

    Attributes
    ----------
    values : float32 (rows, columns) of the panchromatic picture
        NaN where the band or the panchromatic band has no value.
    departure : float
        Largest relative difference left between a pixel of the band and the mean of the sharpened band over it.
    """

    values: FloatArray
    departure: float


def sharpen(band: FloatArray, pan: FloatArray, place: Footprint) -> Sharpened:
    """Give a band the detail of the panchromatic one; the mean over every pixel of the band stays what it was.

    Parameters
    ----------
    band : float32 (h, w)
        Reflectance, or any quantity in proportion to light; NaN where it is not known.
    pan : float32 (rows, columns)
        The panchromatic band in the same quantity; NaN where it is not known.
    place : Footprint
        Of the panchromatic picture in the band's.

    Raises
    ------
    ValueError
        Shapes don't fit.
    """
    if band.shape != place.shape or pan.shape != place.x.shape:
        raise ValueError(f"band {band.shape} and panchromatic {pan.shape} are not {place.shape} and {place.x.shape}")
    wide = np.maximum(pan, _LEAST)
    level, whole = place.means(wide)
    detail = (wide / place.enlarged(level)) ** place.enlarged(_powers(band, level))
    values = np.asarray(place.enlarged(band) * detail, np.float32)
    wanted = whole & np.isfinite(band)
    departure = float("inf")
    for _ in range(_MOST_TURNS):
        made, whole = place.means(values)
        held = wanted & whole & (made > 0)
        factor = np.where(held, band / np.where(held, made, 1), np.float32(1))
        departure = float(np.max(np.abs(1 / factor[held & (band > 0)] - 1), initial=0.0))
        if departure < _TOLERANCE:
            break
        _multiply(values, place.x, place.y, np.float32(place.side), np.asarray(factor, np.float32))
    return Sharpened(values=values, departure=departure)


def detail_error(band: FloatArray, level: FloatArray) -> float:
    """Error of sharpening over that of enlarging alone, both told twice as coarse, where the band itself is the truth.

    Wald, Ranchin and Mangolini (1997), PE&RS 63, 691. Below 1 the panchromatic detail helps; 1 where nothing tells.

    Parameters
    ----------
    band, level : float32 (h, w)
        The band, and the mean of the panchromatic band over its pixels. NaN is left out.
    """
    rows, columns = (side // 2 * 2 for side in band.shape)
    truth, fine = band[:rows, :columns], level[:rows, :columns]
    coarse = np.asarray(truth.reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3)), np.float32)
    y, x = np.asarray((np.mgrid[:rows, :columns] + 0.5) / 2, np.float32)
    place = Footprint(x=x, y=y, side=0.5, shape=(rows // 2, columns // 2))
    made, enlarged = sharpen(coarse, fine, place).values, place.enlarged(coarse)
    known = np.isfinite(made) & np.isfinite(enlarged) & np.isfinite(truth)
    if not known.any():
        return 1.0
    with_detail, without = (float(np.mean((guess - truth)[known] ** 2)) for guess in (made, enlarged))
    return float(np.sqrt(with_detail / without)) if without > 0 else 1.0


def _powers(band: FloatArray, level: FloatArray) -> FloatArray:
    """How the logarithms of band and panchromatic band go together, round every pixel; 0 where nothing varies."""
    import cv2

    known = np.isfinite(band) & np.isfinite(level)
    logs = [np.where(known, np.log(np.where(known, np.maximum(v, _LEAST), 1)), 0) for v in (band, level)]

    def around(values: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(cv2.boxFilter(np.asarray(values, np.float64), -1, (_AROUND, _AROUND)), np.float64)

    share = np.maximum(around(known), 1e-9)
    own, wide = (around(value) / share for value in logs)
    common = around(logs[0] * logs[1]) / share - own * wide
    spread = around(logs[1] ** 2) / share - wide**2
    return np.asarray(np.clip(common / np.maximum(spread, _STEADY), *_POWERS), np.float32)


@compiled
def _gather(  # noqa: PLR0917 - numba kernels take no keywords only
    fine: FloatArray, x: FloatArray, y: FloatArray, side: np.float32, total: NDArray[np.float64],
    area: NDArray[np.float64],
) -> None:  # fmt: skip
    """Sums of fine pixels, and the number of them, by the share of their area that lies in each coarse pixel."""
    rows, columns = total.shape
    for i in range(fine.shape[0]):
        for j in range(fine.shape[1]):
            value = fine[i, j]
            if not np.isfinite(value) or not np.isfinite(x[i, j]):
                continue
            left, top = x[i, j] - side / 2, y[i, j] - side / 2
            column, row = int(np.floor(left)), int(np.floor(top))
            in_column, in_row = min(1.0, (column + 1 - left) / side), min(1.0, (row + 1 - top) / side)
            for k in range(4):
                c, r = column + k % 2, row + k // 2
                share = (in_column if k % 2 == 0 else 1 - in_column) * (in_row if k < 2 else 1 - in_row)
                if share > 0 and 0 <= c < columns and 0 <= r < rows:
                    total[r, c] += share * value
                    area[r, c] += share


@compiled
def _multiply(fine: FloatArray, x: FloatArray, y: FloatArray, side: np.float32, factor: FloatArray) -> None:
    """Multiply fine pixels by the mean of a factor over their own area."""
    rows, columns = factor.shape
    for i in range(fine.shape[0]):
        for j in range(fine.shape[1]):
            if not np.isfinite(fine[i, j]) or not np.isfinite(x[i, j]):
                continue
            left, top = x[i, j] - side / 2, y[i, j] - side / 2
            column, row = int(np.floor(left)), int(np.floor(top))
            in_column, in_row = min(1.0, (column + 1 - left) / side), min(1.0, (row + 1 - top) / side)
            mean = 0.0
            for k in range(4):
                c, r = column + k % 2, row + k // 2
                share = (in_column if k % 2 == 0 else 1 - in_column) * (in_row if k < 2 else 1 - in_row)
                mean += share * (factor[r, c] if 0 <= c < columns and 0 <= r < rows else 1.0)
            fine[i, j] *= mean
