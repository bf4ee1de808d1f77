"""One threshold between two classes, and whether there are two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from uav_workflow.domain.product import Json

Floats = NDArray[np.float64]

BINS = 256
LEAST_SHARE = 0.5
LEAST_DISTANCE = 2.0
LEAST_VALLEY = 0.1
LEAST_HALF = 0.005
"""Share of the sample that the outer half of a mode must hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A threshold and the evidence for it.

    Attributes
    ----------
    threshold : float
    share_below : float
        Share of the sample below the threshold.
    between_share : float
        Between-class variance over total variance (Otsu 1979, eta). One Gaussian, cut in the middle, has 0.64 already.
    ashman_d : float
        Distance of two fitted Gaussians, sqrt(2) |m1 - m2| / sqrt(s1^2 + s2^2) (Ashman et al. 1994); above 2 is
        separated. Fitted by expectation-maximisation: the halves of a cut Gaussian would pass with 2.6.
    valley_depth : float
        1 - lowest density between the two modes / density of the lower mode; 0 without a valley.
    """

    threshold: float
    n: int
    share_below: float
    mean_below: float
    mean_above: float
    between_share: float
    ashman_d: float
    valley_depth: float

    @property
    def unimodal(self) -> bool:
        """True when the sample does not show two classes, so that the threshold rests on nothing."""
        return self.between_share < LEAST_SHARE or self.ashman_d < LEAST_DISTANCE or self.valley_depth < LEAST_VALLEY

    @property
    def valley_filled(self) -> bool:
        """True when two classes lie apart, but without a valley: as where mixed pixels lie between them."""
        return self.unimodal and self.between_share >= LEAST_SHARE and self.ashman_d >= LEAST_DISTANCE

    def to_json(self) -> dict[str, Json]:
        """Plain dictionary for JSON."""
        numbers: dict[str, Json] = {
            name: round(float(getattr(self, name)), 6)
            for name in (
                "threshold",
                "share_below",
                "mean_below",
                "mean_above",
                "between_share",
                "ashman_d",
                "valley_depth",
            )
        }
        return {**numbers, "n": self.n, "unimodal": self.unimodal}


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfGaussians:
    """Two modes with the spread of their outer halves (HAGFVC: Li et al. 2018).

    Mixed pixels lie between the modes, so that the outer halves alone are of pure pixels.

    Attributes
    ----------
    low, low_sd, high, high_sd : float
        Modes, and root mean squares of what lies beyond them.
    threshold : float
        Equal tails: (low high_sd + high low_sd) / (low_sd + high_sd).
    trusted : bool
        False where a mode touches the valley, a half is empty, or the modes are less than two spreads apart: fall back.
    """

    low: float
    low_sd: float
    high: float
    high_sd: float
    trusted: bool

    @property
    def threshold(self) -> float:
        """Where the tails of both Gaussians are equal."""
        spread = self.low_sd + self.high_sd
        return (self.low * self.high_sd + self.high * self.low_sd) / spread if spread > 0 else self.low

    def to_json(self) -> dict[str, Json]:
        """Plain dictionary for JSON."""
        names = ("low", "low_sd", "high", "high_sd", "threshold")
        numbers: dict[str, Json] = {name: round(float(getattr(self, name)), 6) for name in names}
        return {**numbers, "trusted": self.trusted}


def half_gaussians(values: ArrayLike, cut: float) -> HalfGaussians:
    """Modes on both sides of a first threshold ``cut``, and the spread of the outer half of each."""
    v = np.asarray(values, dtype=np.float64).ravel()
    v = np.sort(v[np.isfinite(v)])
    density, centres = _histogram(v)
    left, right, middle = _modes(density, centres, cut)
    low, high = float(centres[left]), float(centres[right])
    below, above = v[v <= low] - low, v[v >= high] - high
    low_sd, high_sd = (float(np.sqrt(np.mean(part**2))) if part.size else 0.0 for part in (below, above))
    enough = min(below.size, above.size) >= LEAST_HALF * v.size
    apart = high - low >= LEAST_DISTANCE * max(low_sd, high_sd) > 0
    inner = left < middle - 1 and right > middle
    return HalfGaussians(low=low, low_sd=low_sd, high=high, high_sd=high_sd, trusted=bool(enough and apart and inner))


def otsu_cut(sorted_values: Floats) -> tuple[float, int]:
    """Otsu's threshold of a sorted sample, and how many values lie below it.

    Raises
    ------
    ValueError
        Fewer than two different values.
    """
    v = sorted_values
    if v.size < 2 or v[0] == v[-1]:
        raise ValueError("a threshold needs two different values")
    below = np.arange(1, v.size)
    sums = np.cumsum(v)
    between = (sums[:-1] * v.size - sums[-1] * below) ** 2 / (below * (v.size - below))
    between[v[1:] == v[:-1]] = -1.0  # a cut never runs through equal values
    k = int(np.argmax(between))
    return float(0.5 * (v[k] + v[k + 1])), k + 1


def otsu(values: ArrayLike) -> Split:
    """Threshold of the largest between-class variance (Otsu 1979), exact on the sorted sample, with its evidence.

    Parameters
    ----------
    values : array_like
        Sample of any shape; not finite values are left out.

    Raises
    ------
    ValueError
        Fewer than two different values.
    """
    v = np.asarray(values, dtype=np.float64).ravel()
    v = np.sort(v[np.isfinite(v)])
    threshold, below = otsu_cut(v)
    n, share = v.size, below / v.size
    low, high = float(v[:below].mean()), float(v[below:].mean())
    density, centres = _histogram(v)
    return Split(
        threshold=threshold,
        n=n,
        share_below=share,
        mean_below=low,
        mean_above=high,
        between_share=float(share * (1 - share) * (high - low) ** 2 / v.var()),
        ashman_d=_ashman_d(density, centres, threshold),
        valley_depth=_valley_depth(density, centres, threshold),
    )


def _histogram(v: Floats) -> tuple[Floats, Floats]:
    """Density in `BINS` bins between the 0.1 and 99.9 percentiles of a sorted sample."""
    low, high = v[int(0.001 * (v.size - 1))], v[int(np.ceil(0.999 * (v.size - 1)))]
    if low == high:
        low, high = v[0], v[-1]
    counts, edges = np.histogram(v, bins=BINS, range=(low, high))
    return counts / max(counts.sum(), 1), 0.5 * (edges[:-1] + edges[1:])


def _ashman_d(density: Floats, centres: Floats, threshold: float) -> float:
    """Ashman's D of two Gaussians fitted to a histogram, started from the two sides of the threshold."""
    bin_width = centres[1] - centres[0]
    member = np.stack([centres < threshold, centres >= threshold]).astype(np.float64)
    mean = sd = np.zeros(2)
    for _ in range(200):
        weight = np.maximum((member * density).sum(axis=1), 1e-12)
        mean = (member * density * centres).sum(axis=1) / weight
        variance = (member * density * (centres - mean[:, None]) ** 2).sum(axis=1) / weight
        sd = np.sqrt(variance + bin_width**2 / 12)
        log_density = np.log(weight / sd)[:, None] - 0.5 * ((centres - mean[:, None]) / sd[:, None]) ** 2
        log_density -= log_density.max(axis=0)
        updated = np.exp(log_density)
        updated /= updated.sum(axis=0)
        if np.abs(updated - member).max() < 1e-6:
            break
        member = updated
    return float(np.sqrt(2) * abs(mean[1] - mean[0]) / np.sqrt((sd**2).sum()))


def _valley_depth(density: Floats, centres: Floats, threshold: float) -> float:
    """Depth of the valley between the highest bins on either side of the threshold, of the smoothed histogram."""
    smooth = _smoothed(density)
    left, right, _ = _modes(density, centres, threshold)
    lower = min(smooth[left], smooth[right])
    return float(1.0 - smooth[left : right + 1].min() / lower) if lower > 0 else 0.0


def _modes(density: Floats, centres: Floats, threshold: float) -> tuple[int, int, int]:
    """Highest bins on either side of a threshold in the smoothed histogram, and the bin of the threshold."""
    smooth = _smoothed(density)
    cut = int(np.clip(np.searchsorted(centres, threshold), 1, centres.size - 1))
    return int(np.argmax(smooth[:cut])), cut + int(np.argmax(smooth[cut:])), cut


def _smoothed(density: Floats) -> Floats:
    offsets = np.arange(-12, 13)
    kernel = np.exp(-0.5 * (offsets / 4.0) ** 2)
    return np.convolve(np.pad(density, 12, mode="edge"), kernel / kernel.sum(), mode="valid")
