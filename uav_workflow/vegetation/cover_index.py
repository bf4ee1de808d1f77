"""Cover by an index of greenness, fitted: one threshold a flight, pixels pure or mixed, shadow by brightness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from uav_workflow.domain.product import Json
from uav_workflow.findings import Finding, info, warning
from uav_workflow.vegetation.colour import lightness
from uav_workflow.vegetation.cover_methods import Classified, Cut, MethodName, Reading
from uav_workflow.vegetation.end_members import AreaCurve, EndMembers
from uav_workflow.vegetation.greenness import FloatArray, is_green
from uav_workflow.vegetation.threshold import HalfGaussians, Split

MUCH_MIXED = 0.10
"""Share of pixels well between the pure classes above which pixels are read as mixtures."""
EXTREME = (0.1, 0.9)
"""Green cover outside which a threshold from the histogram is biased."""
COVER_TIF = "cover.tif"


@dataclass(frozen=True, slots=True, kw_only=True)
class Borrowed:
    """A threshold of another flight of the same camera and light.

    Attributes
    ----------
    threshold : float
        In the method's index.
    origin : str
        Which flight it is from.
    """

    threshold: float
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedCut:
    """A threshold, its evidence, and brightness below which a pixel of either class lies in shadow."""

    threshold: float
    split: Split | None
    halves: HalfGaussians | None
    dark_green: float
    dark_other: float
    sd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedIndexCover:
    """`cover_fitting.IndexCover` with the numbers of a flight.

    Attributes
    ----------
    white : float
        99th percentile of brightness, taken for white.
    mixed : bool
        Whether pixels are read as mixtures.
    mixed_share : float
        Share of lit pixels well between the end members.
    green_share : float
        Share of lit pixels on the green side of the threshold.
    agreement : float or None
        Share of pixels that ExGR parts likewise, where the histogram has no valley.
    instead_of : str or None
        Method that came first and found one hump only.
    """

    method: MethodName
    white: float
    cut: FittedCut
    ends: EndMembers | None
    curve: AreaCurve | None
    mixed: bool
    mixed_share: float
    green_share: float
    shadow_ratio: float
    borrowed: Borrowed | None
    agreement: float | None = None
    instead_of: str | None = None

    @property
    def name(self) -> str:
        """Name of the method, with ``_mixed`` or ``_pure`` where pixels are read the other way than it says."""
        if self.mixed == (self.method.reading == Reading.MIXED):
            return self.method.name
        return f"{self.method.name}_{Reading.MIXED if self.mixed else Reading.PURE}"

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands of the index."""
        return self.method.bands

    @property
    def halo(self) -> int:
        """A pixel speaks for itself."""
        return 0

    @property
    def tells_total(self) -> bool:
        """A threshold on greenness can't tell dead plants from soil."""
        return False

    def read(self, *, mixed: bool) -> FittedIndexCover:
        """The same fit with pixels read as mixtures, or not."""
        return replace(self, mixed=mixed and self.ends is not None)

    def whitened(self, factor: float) -> FittedIndexCover:
        """For a picture whose numbers are ``factor`` times the mosaic's: white and shadow limits move along."""
        cut = replace(self.cut, dark_green=self.cut.dark_green * factor, dark_other=self.cut.dark_other * factor)
        return replace(self, white=self.white * factor, cut=cut)

    @property
    def facts(self) -> Mapping[str, Json]:
        """Threshold, its evidence, end members, why pixels were read as they were, white and shadow limits."""
        why = f"{self.mixed_share:.1%} of the lit pixels lie between the pure classes"
        return {
            "method": self.name,
            **(self.cut.split.to_json() if self.cut.split else {}),
            "threshold": round(self.cut.threshold, 6),
            "threshold_sd": round(self.cut.sd, 6),
            "threshold_borrowed": None if self.borrowed is None else self.borrowed.origin,
            "exgr_agreement": None if self.agreement is None else round(self.agreement, 4),
            "half_gaussians": None if self.cut.halves is None else self.cut.halves.to_json(),
            "reading": Reading.MIXED if self.mixed else Reading.PURE,
            "reading_because": f"{why}; mixtures are read above {MUCH_MIXED:.0%}"
            if self.method.reading == Reading.AUTO
            else f"the method reads so; {why}",
            "mixed_share": round(self.mixed_share, 6),
            "end_members": None if self.ends is None else self.ends.to_json(),
            "white": self.white,
            "shadow_ratio": self.shadow_ratio,
            "shadow_below_lightness_green": lightness(self.cut.dark_green / self.white),
            "shadow_below_lightness_other": lightness(self.cut.dark_other / self.white),
        }

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What docs/cover.md lists of a fit by an index."""
        found = []
        if self.instead_of is not None:
            text = f"{self.instead_of} is unimodal: its histogram does not show two classes, that of {self.name} does"
            found.append(warning("cover-method-changed", COVER_TIF, text, "compare with ground plots before use"))
        if self.agreement is not None:
            text = "pixels between the classes fill the valley of the histogram; ExGR at its fixed 0 parts "
            text += f"{self.agreement:.0%} of the pixels likewise"
            found.append(info("valley-filled", COVER_TIF, text, "fly lower: pixels are larger than leaves"))
        if self.borrowed is not None:
            text = f"threshold_borrowed: {self.borrowed.threshold:g} from {self.borrowed.origin}, as the recipe says"
            found.append(info("threshold-borrowed", COVER_TIF, text))
        if self.cut.halves is not None and not self.cut.halves.trusted:
            text = "the outer halves of the two modes can't be fitted; Otsu's threshold is used in their place"
            found.append(warning("hagfvc-fallback", COVER_TIF, text, "compare with ground plots before use"))
        if not EXTREME[0] <= self.green_share <= EXTREME[1] and self.borrowed is None and self.method.cut != Cut.FIXED:
            text = (
                f"{self.green_share:.0%} of the lit pixels are green; a threshold from the histogram is biased below "
            )
            hint = "borrow the threshold of a neighbouring flight (cover.threshold), or train a forest"
            found.append(warning("cover-extreme", COVER_TIF, f"{text}10 % and above 90 %", hint))
        return tuple(found)

    def classify(self, planes: FloatArray) -> Classified:
        """Cover of one block; see `FittedCover`."""
        greenness, nan = self.method.greenness, np.float32(np.nan)
        index, brightness = greenness.index(planes, self.white), greenness.brightness(planes)
        missing = ~np.isfinite(planes).all(axis=0)
        green = is_green(index, self.cut.threshold, greenness)
        # without an index (black pixels) there is no class to be dark for: shadow
        dark = ~(brightness >= np.where(green, self.cut.dark_green, self.cut.dark_other)) | ~np.isfinite(index)
        if self.mixed and self.ends is not None:
            place = self.ends.place(greenness.mixing(planes, self.white))
            sd = self.ends.sd(place.clip(0, 1))
            share = place.clip(0, 1) if self.curve is None else self.curve.area(place)
        else:
            share = green.astype(np.float32)
            # moving the threshold by its sd either way turns these pixels: half of them is the sd of their mean
            sd = 0.5 * (np.abs(index - np.float32(self.cut.threshold)) < self.cut.sd).astype(np.float32)
        hidden = missing | dark
        return Classified(
            green=np.where(hidden, nan, share),
            total=None,
            shadow=np.where(missing, nan, dark.astype(np.float32)),
            sd=np.where(hidden, nan, sd),
        )
