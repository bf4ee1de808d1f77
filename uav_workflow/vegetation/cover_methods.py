"""Ways to measure green cover: chosen by name, fitted once a flight, applied block by block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.product import Json
from uav_workflow.errors import NotMade, RecipeError
from uav_workflow.findings import Finding
from uav_workflow.vegetation.cover_sample import CoverSample
from uav_workflow.vegetation.greenness import AStar, AStarOfPhotos, ExGR, Gli, GliOfPhotos, Greenness, Ndvi

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Classified:
    """One block, each float32 (rows, columns).

    Attributes
    ----------
    green : array
        Green cover 0 - 1, NaN where missing or in shadow.
    total : array or None
        Green and senescent cover, where the method can tell.
    shadow : array
        0 or 1, NaN where missing.
    sd : array
        Standard uncertainty of `green` from what was fitted. The error is common to the pixels of a flight: the mean
        over a plot is that of the plot.
    total_sd : array or None
        The same of `total`; NaN where nothing is known of it.
    """

    green: FloatArray
    total: FloatArray | None
    shadow: FloatArray
    sd: FloatArray
    total_sd: FloatArray | None = None


class FittedCover(Protocol):
    """A method fitted on a flight."""

    @property
    def name(self) -> str:
        """Name in tables: the method's, and how pixels are read."""

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands it reads, in the order of the planes."""

    @property
    def halo(self) -> int:
        """Pixels around a block that it looks at."""

    @property
    def facts(self) -> Mapping[str, Json]:
        """Parameters in numbers, for the manifest."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the fit has to say."""

    @property
    def tells_total(self) -> bool:
        """True when it gives total cover beside green."""

    def classify(self, planes: FloatArray) -> Classified:
        """Cover of one block of planes (bands, rows, columns)."""


class CoverMethod(Protocol):
    """A method before it has seen the flight."""

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands it reads, in the order of the planes."""

    def fit(self, sample: CoverSample) -> FittedCover:
        """Fit on pooled pixels."""


class Cut:
    """Names of the ways to a threshold."""

    OTSU = "otsu"
    HALF_GAUSSIAN = "hagfvc"
    FIXED = "fixed"


class Reading:
    """Names of the ways to read a pixel."""

    AUTO = "auto"
    PURE = "pure"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodName:
    """One row of `METHODS`."""

    name: str
    greenness: Greenness
    cut: str = Cut.OTSU
    reading: str = Reading.AUTO

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands of the index."""
        return self.greenness.bands


METHODS: tuple[MethodName, ...] = (
    MethodName(name="a_star_otsu", greenness=AStar()),
    MethodName(name="ndvi_otsu", greenness=Ndvi()),
    MethodName(name="gli_otsu", greenness=Gli()),
    MethodName(name="a_star_hagfvc", greenness=AStar(), cut=Cut.HALF_GAUSSIAN, reading=Reading.PURE),
    MethodName(name="exgr", greenness=ExGR(), cut=Cut.FIXED, reading=Reading.PURE),
    MethodName(name="a_star_dimidiate", greenness=AStar(), reading=Reading.MIXED),
    MethodName(name="ndvi_dimidiate", greenness=Ndvi(), reading=Reading.MIXED),
)
"""Methods on an index, in the order ``auto`` tries them."""
FOREST = "forest"
OPINIONS: Mapping[str, tuple[str, ...]] = {
    "a_star": ("ndvi_otsu", "gli_otsu"),
    "ndvi": ("a_star_otsu", "ndvi_dimidiate"),
    "gli": ("ndvi_otsu", "a_star_otsu"),
    "exgr": ("ndvi_otsu", "a_star_otsu"),
    "forest": ("a_star_otsu", "ndvi_otsu"),
}
"""Index of the first method -> methods that may give the second opinion, the best first."""


def choose_method(name: str, bands: frozenset[str]) -> MethodName:
    """Find a method by name, or the first whose bands are there for ``auto``.

    Raises
    ------
    RecipeError
        No method has that name.
    NotMade
        The bands do not allow it.
    """
    wanted = [method for method in METHODS if name in ("auto", method.name)]
    if not wanted:
        known = ", ".join(method.name for method in METHODS)
        raise RecipeError(f"cover: no method {name}; there are auto, {known}, {FOREST}")
    for method in wanted:
        if bands.issuperset(method.bands):
            return _for_camera(method, bands)
    needs = "; ".join(f"{method.name} needs {', '.join(method.bands)}" for method in wanted)
    raise NotMade(f"cover by {name}: the reflectance has {', '.join(sorted(bands))}; {needs}")


def second_opinion(first: str, bands: frozenset[str]) -> MethodName | None:
    """Return the method that is asked beside the first; None where the bands allow no other."""
    family = next((key for key in OPINIONS if first.startswith(key)), "a_star")
    for name in OPINIONS[family]:
        method = next(each for each in METHODS if each.name == name)
        if name != first and bands.issuperset(method.bands):
            return _for_camera(method, bands)
    return None


def _for_camera(method: MethodName, bands: frozenset[str]) -> MethodName:
    """Ordinary photos, which have no near infrared, hold their colours in JPEG."""
    if "nir" in bands or not isinstance(method.greenness, AStar | Gli):
        return method
    return replace(method, greenness=AStarOfPhotos() if isinstance(method.greenness, AStar) else GliOfPhotos())
