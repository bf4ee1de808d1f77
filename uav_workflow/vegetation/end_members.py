"""End members of mixed pixels: where they come from, how sure they are, and what they say of a pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.product import Json

FloatArray = NDArray[np.float32]
Mask = NDArray[np.bool_]

INTERIOR = "interior"
"""Origin of end members that are means of pixels amid their own class."""
LEAST_PURE = 100
"""Pixels amid their own class that a mean may rest on."""
LEAST_OF_PART = 20
"""Pixels of a part of the flight that its mean may rest on."""
STEPS = 20
"""Steps of the curve that turns shares of light into shares of area."""
RANGE = (-0.3, 1.3)
"""Places beyond the end members that a coarsened flight tells apart: noise and kinds of plants reach there."""
ROUNDS = 2
"""Coarse pixels are first labelled by their parts' light, then by what the first curve makes of it."""
LEAST_OF_BIN = 30
"""Coarse pixels that a node of the curve may rest on."""
MIDDLE = (0.25, 0.75)
"""Shares between which a pixel counts as mixed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndMembers:
    """Index of pure green and of the pure rest.

    Attributes
    ----------
    green_sd, other_sd : float
        Standard uncertainties.
    origin : str
        ``interior`` (means of pixels amid their own class), ``class-means``, ``percentiles 2/98``, or what the recipe
        says of given ones.
    """

    green: float
    other: float
    green_sd: float
    other_sd: float
    origin: str

    def place(self, index: FloatArray) -> FloatArray:
        """Place between the two: 0 the pure rest, 1 pure green; noise reaches beyond."""
        result: FloatArray = (index - np.float32(self.other)) / np.float32(self.green - self.other)
        return result

    def share(self, index: FloatArray) -> FloatArray:
        """Share of green in pixels that mix the two, 0 - 1 (dimidiate pixel model)."""
        return self.place(index).clip(0, 1)

    def sd(self, share: FloatArray) -> FloatArray:
        """Standard uncertainty that the end members leave in a share F: the same for all pixels of a flight.

        sqrt((1 - F)^2 sd_other^2 + F^2 sd_green^2) / |green - other|; the pixel's own noise averages out over a plot.
        """
        part = ((1 - share) * np.float32(self.other_sd)) ** 2 + (share * np.float32(self.green_sd)) ** 2
        return np.asarray(np.sqrt(part) / np.float32(abs(self.green - self.other)), np.float32)

    def to_json(self) -> dict[str, Json]:
        """Plain dictionary for JSON."""
        numbers: dict[str, Json] = {
            name: round(float(getattr(self, name)), 6) for name in ("green", "other", "green_sd", "other_sd")
        }
        return {**numbers, "origin": self.origin}


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaCurve:
    """Share of area (n,) at places (n,) between the end members, linear in between.

    An index places a pixel between the end members by its light, and bright ground outweighs the dark plants on it.
    """

    place: NDArray[np.float64]
    share: NDArray[np.float64]

    @classmethod
    def by_brightness(cls, place: FloatArray, brightness: FloatArray) -> AreaCurve:
        """Shares of light times brightness, over the brightness of pure green.

        The green part of a pixel's light is W T (share of light times brightness); divided by the brightness of pure
        green it is the green part of the pixel's area. Over the flight: F(W) = W mean(T | W) / mean(T | W = 1), which
        knows that soil between plants is darker than open soil.
        """
        middles = (np.arange(STEPS) + 0.5) / STEPS
        mean = _binned(place.clip(0, 1), brightness, middles)
        return cls(place=np.r_[0, middles, 1], share=np.r_[0, np.minimum(middles * mean / mean[-1], 1), 1])

    @classmethod
    def by_coarsening(cls, fine: FloatArray, coarse: FloatArray) -> AreaCurve:
        """What the flight itself, seen three times as coarsely, says of mixtures.

        Nine pixels whose light is added make a coarse pixel of known cover, the mean of theirs: that cover against the
        coarse pixel's place is the curve, by which the nine are then read again. It holds as far as leaves are
        patterned alike at both scales.

        Parameters
        ----------
        fine : (9, n)
            Places of pixels that touch.
        coarse : (n,)
            Places of the sums of their light.
        """
        nodes = np.linspace(*RANGE, STEPS + 5)
        curve = cls(place=nodes, share=nodes.clip(0, 1))
        for _ in range(ROUNDS):
            seen = _binned(coarse, curve.area(fine).mean(axis=0), nodes)
            curve = cls(place=nodes, share=np.maximum.accumulate(seen))
        return curve

    def to_json(self) -> dict[str, Json]:
        """Plain dictionary for JSON."""
        return {"place": self.place.tolist(), "share": self.share.tolist()}

    def area(self, place: FloatArray) -> FloatArray:
        """Shares of area, 0 - 1."""
        return np.interp(place, self.place, self.share).clip(0, 1).astype(np.float32)


def _binned(place: FloatArray, values: FloatArray, nodes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of values at the nearest of evenly spaced nodes, filled in between and beyond."""
    step = nodes[1] - nodes[0]
    bins = np.rint((place - nodes[0]) / step).astype(int).clip(0, len(nodes) - 1)
    count = np.bincount(bins, minlength=len(nodes))
    total = np.bincount(bins, values.astype(np.float64), minlength=len(nodes))
    known = np.flatnonzero(count >= min(LEAST_OF_BIN, count.max()))
    return np.interp(np.arange(len(nodes)), known, total[known] / count[known])


def interior(green: Mask) -> tuple[Mask, Mask]:
    """Which pixels of (9, n) lie amid green, and which amid the rest: all their neighbours agree."""
    return np.asarray(green.all(axis=0)), np.asarray(~green.any(axis=0))


def from_interior(index: FloatArray, green: Mask, part: NDArray[np.int64]) -> EndMembers | None:
    """Means of pixels amid their own class, (9, n) with neighbours; None where too few lie so.

    Plants and soils differ from place to place: the uncertainty is the standard deviation of the means of the parts of
    the flight, because a plot has the end members of its place and gets those of the flight.
    """
    amid = interior(green)
    if min(np.count_nonzero(mask) for mask in amid) < LEAST_PURE:
        return None
    (a, a_sd), (b, b_sd) = (_mean_of(index[0][mask], part[mask]) for mask in amid)
    return EndMembers(green=a, other=b, green_sd=a_sd, other_sd=b_sd, origin=INTERIOR)


def from_class_means(index: FloatArray, green: Mask) -> EndMembers:
    """Means of the two sides of the threshold: mixed pixels draw both towards the middle."""
    one, two = index[green], index[~green]
    gap = float(one.mean() - two.mean())
    # mixed pixels move both means inwards by an unknown amount: a tenth of their distance is the rectangular bound
    unsure = abs(gap) * 0.1 / np.sqrt(3)
    return EndMembers(
        green=float(one.mean()), other=float(two.mean()), green_sd=unsure, other_sd=unsure, origin="class-means"
    )


def from_percentiles(index: FloatArray, green_below: bool) -> EndMembers:
    """2 and 98 % of the pooled histogram; half the distance to 5 and 95 % is their uncertainty."""
    p2, p5, p95, p98 = (float(each) for each in np.percentile(index, (2, 5, 95, 98)))
    low, high = (p2, (p5 - p2) / 2), (p98, (p98 - p95) / 2)
    (green, green_sd), (other, other_sd) = (low, high) if green_below else (high, low)
    return EndMembers(green=green, other=other, green_sd=green_sd, other_sd=other_sd, origin="percentiles 2/98")


def mixed_share(share: FloatArray) -> float:
    """Share of pixels well between the end members, by the histogram."""
    between = (share > MIDDLE[0]) & (share < MIDDLE[1])
    return float(np.count_nonzero(between) / max(share.size, 1))


def _mean_of(values: FloatArray, part: NDArray[np.int64]) -> tuple[float, float]:
    """Mean, and the standard deviation of the parts' means; of the mean's error where there is one part."""
    count, total = np.bincount(part), np.bincount(part, values.astype(np.float64))
    known = count >= LEAST_OF_PART
    mean = float(values.mean(dtype=np.float64))
    if np.count_nonzero(known) < 2:
        return mean, float(values.std() / np.sqrt(values.size))
    means = total[known] / count[known]
    return mean, float(np.sqrt(np.average((means - mean) ** 2, weights=count[known])))
