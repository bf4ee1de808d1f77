"""Ways to tell green vegetation from the rest: fitted once a flight, applied block by block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.product import Json
from uav_workflow.errors import NotMade, RecipeError
from uav_workflow.findings import Finding, warning
from uav_workflow.vegetation.colour import a_star, lightness, luminance
from uav_workflow.vegetation.threshold import Split, otsu

FloatArray = NDArray[np.float32]
Mask = NDArray[np.bool_]


class FittedCover(Protocol):
    """A method fitted on a flight."""

    @property
    def facts(self) -> Mapping[str, Json]:
        """Parameters in numbers, for the manifest."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the fit has to say."""

    @property
    def layers(self) -> tuple[str, ...]:
        """Bands of cover.tif it makes: fvc_green, fvc_total where it can tell, shadow last."""

    def classify(self, planes: FloatArray) -> FloatArray:
        """Layers of one block, float32 (layers, rows, columns), of planes (bands, rows, columns).

        Cover is 0 - 1, NaN where missing or in shadow; shadow is 0 or 1, NaN where missing.
        """


class CoverMethod(Protocol):
    """A method before it has seen the flight."""

    @property
    def name(self) -> str:
        """Name in recipes and tables."""

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands it reads, in the order of the planes."""

    def fit(self, sample: FloatArray) -> FittedCover:
        """Fit on a pooled sample (bands, n) without missing values."""


class Greenness(Protocol):
    """An index that separates green from the rest, and a brightness that separates shadow."""

    bands: tuple[str, ...]
    green_below: bool
    """True when green lies below the threshold."""

    def index(self, planes: FloatArray, white: float) -> FloatArray:
        """Greenness of (bands, …); NaN where not defined."""

    def brightness(self, planes: FloatArray) -> FloatArray:
        """Brightness of (bands, …), linear in irradiance."""


class AStar:
    """CIELAB a* of red, green and blue."""

    bands: tuple[str, ...] = ("red", "green", "blue")
    green_below: bool = True

    def index(self, planes: FloatArray, white: float) -> FloatArray:
        """a* with the flight's white."""
        return a_star(planes, white)

    def brightness(self, planes: FloatArray) -> FloatArray:
        """Relative luminance."""
        return luminance(planes)


class Ndvi:
    """NDVI of red and near infrared; brightness is their mean."""

    bands: tuple[str, ...] = ("red", "nir")
    green_below: bool = False

    def index(self, planes: FloatArray, white: float) -> FloatArray:
        """NDVI; the white level cancels."""
        red, nir = np.maximum(planes[0], 0), np.maximum(planes[1], 0)
        total = red + nir
        result: FloatArray = np.divide(nir - red, total, out=np.full_like(total, np.nan), where=total > 0)
        return result

    def brightness(self, planes: FloatArray) -> FloatArray:
        """Mean of red and near infrared."""
        result: FloatArray = np.maximum(planes, 0).mean(axis=0)
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class OtsuCover:
    """A greenness index cut by one Otsu threshold pooled over the flight, shadow by brightness against its own class.

    A pixel lies in shadow when it is darker than `shadow_ratio` times the median of its class (green or not): under a
    clear sky the diffuse part, all that a shadow receives, is 10 - 25 % of the irradiance, and dark plants must not
    count as shadow because bright soil is beside them.
    """

    name: str
    greenness: Greenness
    shadow_ratio: float
    mixed: bool = False
    """True: a pixel is a mixture of the two classes' means (dimidiate pixel model; end members from the pooled
    histogram) in place of 0 or 1, for pixels larger than leaves."""

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands of the index."""
        return self.greenness.bands

    def fit(self, sample: FloatArray) -> FittedOtsuCover:
        """Fit white, threshold and shadow limits on (bands, n); shadow pixels are left out of the threshold.

        Raises
        ------
        NotMade
            The sample is empty or has one value only.
        """
        brightness = self.greenness.brightness(sample)
        white = float(np.percentile(brightness, 99)) if brightness.size else 0.0
        if white <= 0:
            raise NotMade("cover: the reflectance has no bright pixel, so that nothing can be told apart")
        index = self.greenness.index(sample, white)
        limits = (0.0, 0.0)
        lit = np.isfinite(index)
        try:
            for _ in range(2):
                split = otsu(index[lit])
                green = _is_green(index, split.threshold, self.greenness)
                limits = tuple(self._dark_limit(brightness[lit & side]) for side in (green, ~green))  # type: ignore[assignment]
                lit = np.isfinite(index) & (brightness >= np.where(green, *limits))
        except ValueError as exc:
            raise NotMade(f"cover: no threshold, the {self.name} index has one value only") from exc
        return FittedOtsuCover(method=self, white=white, split=split, dark_green=limits[0], dark_other=limits[1])

    def _dark_limit(self, brightness: FloatArray) -> float:
        return self.shadow_ratio * float(np.median(brightness)) if brightness.size else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedOtsuCover:
    """`OtsuCover` with the numbers of a flight.

    Attributes
    ----------
    white : float
        99th percentile of brightness, taken for white.
    dark_green, dark_other : float
        Brightness below which a pixel of the class lies in shadow.
    """

    method: OtsuCover
    white: float
    split: Split
    dark_green: float
    dark_other: float

    @property
    def facts(self) -> Mapping[str, Json]:
        """Threshold, its evidence, white and shadow limits."""
        return {
            "method": self.method.name,
            **self.split.to_json(),
            "index_of_green": self._end_members[0],
            "index_of_other": self._end_members[1],
            "white": self.white,
            "shadow_ratio": self.method.shadow_ratio,
            "shadow_below_lightness_green": lightness(self.dark_green / self.white),
            "shadow_below_lightness_other": lightness(self.dark_other / self.white),
        }

    @property
    def findings(self) -> tuple[Finding, ...]:
        """``unimodal`` and ``cover-extreme``."""
        found = []
        if self.split.unimodal:
            found.append(
                warning(
                    "unimodal",
                    "cover.tif",
                    f"the histogram does not show two classes (between-class share {self.split.between_share:.2f}, "
                    f"Ashman's D {self.split.ashman_d:.2f}, valley {self.split.valley_depth:.2f}): "
                    f"the threshold {self.split.threshold:.3g} is weak",
                    "compare with ground plots before using the cover",
                )
            )
        share = self.split.share_below if self.method.greenness.green_below else 1 - self.split.share_below
        if not 0.1 <= share <= 0.9:
            found.append(
                warning(
                    "cover-extreme",
                    "cover.tif",
                    f"{share:.0%} of the lit pixels are green; Otsu's threshold is biased below 10 % and above 90 %",
                    "compare with ground plots before using the cover",
                )
            )
        return tuple(found)

    @property
    def layers(self) -> tuple[str, ...]:
        """Green and shadow; a threshold on greenness can't tell dead plants from soil."""
        return ("fvc_green", "shadow")

    def classify(self, planes: FloatArray) -> FloatArray:
        """Green and shadow of one block; see `FittedCover`."""
        index = self.method.greenness.index(planes, self.white)
        brightness = self.method.greenness.brightness(planes)
        missing = ~np.isfinite(planes).all(axis=0)
        green = _is_green(index, self.split.threshold, self.method.greenness)
        share = self._mixture(index) if self.method.mixed else green.astype(np.float32)
        # without an index (black pixels) there is no class to be dark for: shadow
        dark = ~(brightness >= np.where(green, self.dark_green, self.dark_other)) | ~np.isfinite(index)
        nan = np.float32(np.nan)
        cover = np.where(missing | dark, nan, share)
        return np.stack([cover, np.where(missing, nan, dark.astype(np.float32))])

    @property
    def _end_members(self) -> tuple[float, float]:
        """Index of green and of the rest: the means of the two classes."""
        ends = (self.split.mean_below, self.split.mean_above)
        return ends if self.method.greenness.green_below else ends[::-1]

    def _mixture(self, index: FloatArray) -> FloatArray:
        green, other = self._end_members
        share: FloatArray = ((index - np.float32(other)) / np.float32(green - other)).clip(0, 1)
        return share


def _is_green(index: FloatArray, threshold: float, greenness: Greenness) -> Mask:
    result: Mask = index < threshold if greenness.green_below else index > threshold
    return result


METHODS: tuple[tuple[str, Greenness, bool], ...] = (
    ("a_star_otsu", AStar(), False),
    ("ndvi_otsu", Ndvi(), False),
    ("a_star_dimidiate", AStar(), True),
    ("ndvi_dimidiate", Ndvi(), True),
)
"""(name, index, mixed) in the order ``auto`` tries them."""


def choose_method(name: str, bands: frozenset[str], *, shadow_ratio: float) -> CoverMethod:
    """Find a method by name, or the first whose bands are there for ``auto``.

    Raises
    ------
    RecipeError
        No method has that name.
    NotMade
        The bands do not allow it.
    """
    wanted = [method for method in METHODS if name in ("auto", method[0])]
    if not wanted:
        raise RecipeError(f"cover: no method {name}; there are auto, {', '.join(known for known, *_ in METHODS)}")
    for known, greenness, mixed in wanted:
        if bands.issuperset(greenness.bands):
            return OtsuCover(name=known, greenness=greenness, shadow_ratio=shadow_ratio, mixed=mixed)
    needs = "; ".join(f"{known} needs {', '.join(greenness.bands)}" for known, greenness, _ in wanted)
    raise NotMade(f"cover by {name}: the reflectance has {', '.join(sorted(bands))}; {needs}")
