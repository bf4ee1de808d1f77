"""Fitting a greenness index on a flight: threshold, end members, shadow limits, and whether pixels are mixtures."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from uav_workflow.errors import NotMade
from uav_workflow.vegetation.cover_index import MUCH_MIXED, Borrowed, FittedCut, FittedIndexCover
from uav_workflow.vegetation.cover_methods import Cut, MethodName, Reading
from uav_workflow.vegetation.cover_sample import CoverSample
from uav_workflow.vegetation.end_members import (
    INTERIOR,
    AreaCurve,
    EndMembers,
    from_class_means,
    from_interior,
    from_percentiles,
    mixed_share,
)
from uav_workflow.vegetation.greenness import ExGR, FloatArray, is_green
from uav_workflow.vegetation.threshold import Split, half_gaussians, otsu, otsu_cut

Mask = NDArray[np.bool_]

LEAST_AGREEMENT, LEAST_CLASS = 0.9, 0.05
"""What ExGR must say to confirm two classes without a valley: pixels parted likewise, and pixels of either class."""
DRAWS = 20
"""Times the flight's parts are drawn again for the uncertainty of the threshold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexCover:
    """A greenness index cut by one threshold pooled over the flight, shadow by brightness against its own class.

    A pixel lies in shadow when it is darker than `shadow_ratio` times the median of its class (green or not): under a
    clear sky the diffuse part, all that a shadow receives, is 10 - 25 % of the irradiance, and dark plants must not
    count as shadow because bright soil is beside them.

    Attributes
    ----------
    reading : str
        ``pure``: a pixel is green or not; ``mixed``: it is a mixture of two end members; ``auto``: mixed where more
        than `cover_index.MUCH_MIXED` of the pixels lie between the pure classes.
    ends : EndMembers, ``interior`` or ``percentiles``
        End members, or where to take them from.
    borrowed : Borrowed or None
    """

    method: MethodName
    shadow_ratio: float
    reading: str = Reading.AUTO
    ends: EndMembers | str = "interior"
    borrowed: Borrowed | None = None

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands of the index."""
        return self.method.bands

    def fit(self, sample: CoverSample) -> FittedIndexCover:
        """Fit white, threshold, shadow limits and end members; shadow pixels are left out of all but the limits.

        Raises
        ------
        NotMade
            The sample is empty or has one value only, or its histogram does not show two classes, `ExGR` does not
            either, and the recipe borrows no threshold.
        """
        planes, greenness = sample.planes(self.bands), self.method.greenness
        brightness = greenness.brightness(planes)
        white = float(np.percentile(brightness[0], 99)) if brightness.size else 0.0
        if white <= 0:
            raise NotMade("cover: the reflectance has no bright pixel, so that nothing can be told apart")
        index = greenness.index(planes, white)
        cut = self._cut(index[0], brightness[0])
        green = is_green(index, cut.threshold, greenness)
        agreement = self._agreement(sample, cut, green[0])
        bright = brightness >= np.where(green, cut.dark_green, cut.dark_other)
        lit = np.asarray((np.isfinite(index) & bright).all(axis=0))
        if not lit.any():
            raise NotMade("cover: no lit pixel to fit on")
        ends = self._end_members(greenness.mixing(planes, white)[:, lit], green[:, lit], sample.part[lit])
        place = ends.place(greenness.mixing(planes[:, 0, lit], white)) if ends else np.zeros(0, np.float32)
        between = mixed_share(place)
        return FittedIndexCover(
            method=self.method,
            white=white,
            cut=replace(cut, sd=self._cut_sd(sample, index[0], lit)),
            ends=ends,
            curve=self._curve(ends, place, brightness[0, lit], sample.close_planes(self.bands), white),
            mixed=ends is not None and self._read_mixed(between),
            mixed_share=between,
            green_share=float(np.mean(green[0, lit])),
            shadow_ratio=self.shadow_ratio,
            borrowed=self.borrowed,
            agreement=agreement,
        )

    def _curve(
        self, ends: EndMembers | None, place: FloatArray, brightness: FloatArray, close: FloatArray, white: float
    ) -> AreaCurve | None:
        """How places between the end members become shares of area; None where they are taken for shares.

        A flight tells of mixtures by its coarser self only where patches are larger than pixels, so that either class
        has pixels amid its own. Shadow belongs to it (``close`` is of the whole sample): beside it is half shade.
        """
        greenness = self.method.greenness
        if ends is not None and greenness.weighted_by_light:
            return AreaCurve.by_brightness(place, brightness)
        if ends is not None and greenness.self_similar and ends.origin == INTERIOR:
            fine, coarse = (greenness.mixing(each, white) for each in (close, close.mean(axis=1)))
            known = np.isfinite(fine).all(axis=0)
            return AreaCurve.by_coarsening(ends.place(fine[:, known]), ends.place(coarse[known]))
        return None

    def _read_mixed(self, between: float) -> bool:
        reading = self.reading if self.method.reading == Reading.AUTO else self.method.reading
        return between > MUCH_MIXED if reading == Reading.AUTO else reading == Reading.MIXED

    def _cut(self, index: FloatArray, brightness: FloatArray) -> FittedCut:
        """Threshold and shadow limits, twice: the second time without shadow.

        Raises
        ------
        NotMade
            See `fit`.
        """
        found = FittedCut(threshold=np.nan, split=None, halves=None, dark_green=0.0, dark_other=0.0)
        lit = np.isfinite(index)
        for _ in range(2):
            found = self._threshold(index[lit])
            green = is_green(index, found.threshold, self.method.greenness)
            dark = [self._dark_limit(brightness[lit & side]) for side in (green, ~green)]
            found = replace(found, dark_green=dark[0], dark_other=dark[1])
            lit = np.isfinite(index) & (brightness >= np.where(green, *dark))
        return found

    def _agreement(self, sample: CoverSample, cut: FittedCut, green: Mask) -> float | None:
        """Share of pixels that ExGR at its fixed 0 puts where the threshold does, where it has to confirm two classes.

        Mixed pixels fill the valley of a histogram whose classes lie apart. An index with a threshold of its own says
        then whether there are two classes at all; one of them alone confirms nothing.

        Raises
        ------
        NotMade
            The histogram does not show two classes, and nothing confirms them.
        """
        if cut.split is None or not cut.split.unimodal or self.borrowed is not None or self.method.cut == Cut.FIXED:
            return None
        fixed = ExGR()
        if cut.split.valley_filled and set(fixed.bands) <= set(sample.bands):
            said = is_green(fixed.index(sample.planes(fixed.bands)[:, 0], 1.0), 0.0, fixed)
            agreement = float(np.mean(said == green))
            if agreement >= LEAST_AGREEMENT and LEAST_CLASS <= float(said.mean()) <= 1 - LEAST_CLASS:
                return agreement
        raise NotMade(unimodal(cut.split, self.method.name))

    def _threshold(self, index: FloatArray) -> FittedCut:
        try:
            split = otsu(index)
        except ValueError as exc:
            if self.borrowed is None and self.method.cut != Cut.FIXED:
                raise NotMade(f"cover: no threshold, the {self.method.name} index has one value only") from exc
            split = None
        halves = half_gaussians(index, split.threshold) if split and self.method.cut == Cut.HALF_GAUSSIAN else None
        threshold = split.threshold if split else 0.0
        if self.borrowed is not None:
            threshold = self.borrowed.threshold
        elif self.method.cut == Cut.FIXED:
            threshold = 0.0
        elif halves is not None and halves.trusted:
            threshold = halves.threshold
        return FittedCut(threshold=threshold, split=split, halves=halves, dark_green=0.0, dark_other=0.0)

    def _end_members(self, mixing: FloatArray, green: Mask, part: NDArray[np.int64]) -> EndMembers | None:
        """None where a borrowed or fixed threshold leaves one class alone."""
        if isinstance(self.ends, EndMembers):
            return self.ends
        if self.ends == "percentiles":
            return from_percentiles(mixing[0], self.method.greenness.green_below)
        if green[0].all() or not green[0].any():
            return None
        return from_interior(mixing, green, part) or from_class_means(mixing[0], green[0])

    def _dark_limit(self, brightness: FloatArray) -> float:
        return self.shadow_ratio * float(np.median(brightness)) if brightness.size else 0.0

    def _cut_sd(self, sample: CoverSample, index: FloatArray, lit: Mask) -> float:
        """Standard deviation of the threshold when the flight's parts are drawn again."""
        if self.borrowed is not None or self.method.cut == Cut.FIXED:
            return 0.0
        found = []
        for chosen in sample.drawn_again(DRAWS):
            values = index[chosen[lit[chosen]]][:: max(1, sample.n // 30_000)]
            ordered = np.sort(values.astype(np.float64))
            try:
                threshold, _ = otsu_cut(ordered)
            except ValueError:
                continue
            if self.method.cut == Cut.HALF_GAUSSIAN:
                halves = half_gaussians(ordered, threshold)
                threshold = halves.threshold if halves.trusted else threshold
            found.append(threshold)
        return float(np.std(found)) if found else 0.0


def unimodal(split: Split, name: str) -> str:
    """Say why no threshold was forced on a histogram of one hump, and what can be done."""
    return (
        f"cover by {name}: unimodal, the histogram does not show two classes (between-class share "
        f"{split.between_share:.2f}, Ashman's D {split.ashman_d:.2f}, valley {split.valley_depth:.2f}): a threshold "
        "would rest on nothing; name one of a neighbouring flight of the same camera and light "
        "(cover.threshold and cover.threshold_from), a fixed one (cover.method=exgr), or train a forest "
        "(cover.method=forest)"
    )
