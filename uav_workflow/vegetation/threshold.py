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
    if v.size < 2 or v[0] == v[-1]:
        raise ValueError("a threshold needs two different values")
    n = v.size
    below = np.arange(1, n)
    sums = np.cumsum(v)
    mean_below = sums[:-1] / below
    mean_above = (sums[-1] - sums[:-1]) / (n - below)
    share = below / n
    between = share * (1 - share) * (mean_above - mean_below) ** 2
    between[v[1:] == v[:-1]] = -1.0  # a cut never runs through equal values
    k = int(np.argmax(between))
    threshold = 0.5 * (v[k] + v[k + 1])
    density, centres = _histogram(v)
    return Split(
        threshold=float(threshold),
        n=n,
        share_below=float(share[k]),
        mean_below=float(mean_below[k]),
        mean_above=float(mean_above[k]),
        between_share=float(between[k] / v.var()),
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
    offsets = np.arange(-12, 13)
    kernel = np.exp(-0.5 * (offsets / 4.0) ** 2)
    smooth = np.convolve(np.pad(density, 12, mode="edge"), kernel / kernel.sum(), mode="valid")
    cut = int(np.clip(np.searchsorted(centres, threshold), 1, centres.size - 1))
    left = int(np.argmax(smooth[:cut]))
    right = cut + int(np.argmax(smooth[cut:]))
    lower = min(smooth[left], smooth[right])
    return float(1.0 - smooth[left : right + 1].min() / lower) if lower > 0 else 0.0
