"""Indices that tell green plants from the rest, and the brightness that tells shadow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from uav_workflow.vegetation.colour import a_star, luminance

FloatArray = NDArray[np.float32]


class Greenness(Protocol):
    """An index that separates green from the rest, and a brightness that separates shadow."""

    bands: tuple[str, ...]
    green_below: bool
    """True when green lies below the threshold."""
    weighted_by_light: bool
    """True when a mixture's index is that of its light, not of its area: each part counts with its brightness."""
    self_similar: bool
    """True when mixtures are read by what the flight says of itself at a coarser scale."""

    def index(self, planes: FloatArray, white: float) -> FloatArray:
        """Greenness of (bands, …) by which green is cut from the rest; NaN where not defined."""

    def mixing(self, planes: FloatArray, white: float) -> FloatArray:
        """Greenness of (bands, …) along which mixtures of green and the rest are measured."""

    def brightness(self, planes: FloatArray) -> FloatArray:
        """Brightness of (bands, …), linear in irradiance."""


class _Colour(ABC):
    """What indices of red, green and blue share."""

    bands: tuple[str, ...] = ("red", "green", "blue")
    green_below: bool = False
    weighted_by_light: bool = False
    self_similar: bool = False

    @abstractmethod
    def index(self, planes: FloatArray, white: float) -> FloatArray:
        """Greenness."""

    def mixing(self, planes: FloatArray, white: float) -> FloatArray:
        """Mixtures are measured along the index itself."""
        return self.index(planes, white)

    def brightness(self, planes: FloatArray) -> FloatArray:
        """Relative luminance."""
        return luminance(planes)


class AStar(_Colour):
    """CIELAB a* of red, green and blue."""

    green_below = True

    def index(self, planes: FloatArray, white: float) -> FloatArray:
        """a* with the flight's white."""
        return a_star(planes, white)


class AStarOfPhotos(AStar):
    """CIELAB a* of ordinary photos, whose mixtures are measured along excess green.

    JPEG stores colour at half the resolution of brightness (4:2:0). a* joins the two, so that a blurred colour beside a
    sharp brightness reads as more plant than there is; excess green of chromaticities leaves brightness out.
    """

    green_below = True
    self_similar = True

    def mixing(self, planes: FloatArray, white: float) -> FloatArray:
        """Minus excess green, 2g - r - b of chromaticities (Woebbecke et al. 1995): green lies below, as in a*."""
        return -excess_green(planes)


class Gli(_Colour):
    """Green leaf index, (2G - R - B) / (2G + R + B) (Louhaichi et al. 2001)."""

    def index(self, planes: FloatArray, white: float) -> FloatArray:
        """GLI; the white level cancels."""
        red, green, blue = np.maximum(planes, 0)
        return _ratio(2 * green - red - blue, 2 * green + red + blue)


class GliOfPhotos(Gli):
    """GLI of ordinary photos, whose mixtures are read as those of a* are."""

    self_similar = True


class ExGR(_Colour):
    """Excess green minus excess red, 3g - 2.4r - b of chromaticities (Meyer & Neto 2008); green above 0."""

    def index(self, planes: FloatArray, white: float) -> FloatArray:
        """ExGR; the white level cancels."""
        red, green, blue = np.maximum(planes, 0)
        return _ratio(3 * green - 2.4 * red - blue, red + green + blue)


class Ndvi:
    """NDVI of red and near infrared; brightness is their mean."""

    bands: tuple[str, ...] = ("red", "nir")
    green_below: bool = False
    weighted_by_light: bool = True
    self_similar: bool = False

    def index(self, planes: FloatArray, white: float) -> FloatArray:
        """NDVI; the white level cancels."""
        red, nir = np.maximum(planes, 0)
        return _ratio(nir - red, nir + red)

    def mixing(self, planes: FloatArray, white: float) -> FloatArray:
        """NDVI."""
        return self.index(planes, white)

    def brightness(self, planes: FloatArray) -> FloatArray:
        """Mean of red and near infrared."""
        result: FloatArray = np.maximum(planes, 0).mean(axis=0)
        return result


def excess_green(planes: FloatArray) -> FloatArray:
    """2g - r - b of the chromaticities of (red, green, blue) planes; NaN where black."""
    red, green, blue = np.maximum(planes, 0)
    return _ratio(2 * green - red - blue, red + green + blue)


def is_green(index: FloatArray, threshold: float, greenness: Greenness) -> NDArray[np.bool_]:
    """Which pixels lie on the green side of a threshold."""
    result: NDArray[np.bool_] = index < threshold if greenness.green_below else index > threshold
    return result


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    result: FloatArray = np.divide(above, below, out=np.full_like(below, np.nan), where=below > 0)
    return result
