"""Which cases are left out together: whole sites, blocks of space, single cases, or cases by lot."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Bool = NDArray[np.bool_]

LEAST_SITES = 5
"""Fewest sites left out one at a time: fewer say little of a site not seen."""
LEAST_BLOCKS = 5
LEAST_FOR_RANGE = 20
"""Fewest cases a variogram is drawn from."""
NUGGET_SHARE = 0.8
"""Share of the sill above which single cases count as independent of their neighbours."""
RANDOM_FOLDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Folds:
    """Cases in groups; a group is left out as one.

    Attributes
    ----------
    scheme : str
        ``leave_site_out``, ``spatial_blocks``, ``leave_one_out`` or ``random_folds``.
    groups : int64 (n,)
        Number of each case's group, 0 on.
    note : str
        Why this scheme, in a sentence.
    """

    scheme: str
    groups: NDArray[np.int64]
    note: str = ""

    @property
    def n_groups(self) -> int:
        """Groups there are."""
        return len(np.unique(self.groups))

    def split(self) -> Iterator[tuple[Bool, Bool]]:
        """Cases to fit on and cases left out, (n,) each, group by group."""
        for group in np.unique(self.groups):
            out = self.groups == group
            yield ~out, out

    def among(self, kept: Bool) -> Folds:
        """Return the same groups among some of the cases."""
        return Folds(scheme=self.scheme, groups=self.groups[kept], note=self.note)


def validation_folds(sites: Sequence[str], x: ArrayLike, y: ArrayLike, residuals: ArrayLike) -> Folds:
    """Folds that say what a model is worth where it has not been, by what the data allow.

    Five sites or more: whole sites. Else blocks of space as wide as the range of the residuals' variogram, where that
    leaves five blocks; else single cases.

    Parameters
    ----------
    sites : sequence of str (n,)
    x, y : (n,) m
        Easting and northing; NaN where unknown.
    residuals : (n,)
        Of a simple model: what is alike in space, once the model has spoken.
    """
    names, site = np.unique(np.asarray(sites, dtype=str), return_inverse=True)
    if len(names) >= LEAST_SITES:
        return Folds(scheme="leave_site_out", groups=site.astype(np.int64), note=f"{len(names)} sites")
    east, north, off = (np.asarray(side, dtype=np.float64) for side in (x, y, residuals))
    few = f"{len(names)} site{'s' if len(names) > 1 else ''}, of at least {LEAST_SITES} needed to leave sites out"
    reach = variogram_range(east, north, off, site)
    if math.isnan(reach):
        note = f"{few}; too few placed plots to see how far neighbours are alike"
        return single_cases(len(site), note)
    if reach == 0.0:
        note = f"{few}; neighbouring plots are no more alike than distant ones"
        return single_cases(len(site), note)
    places = np.stack([site, np.floor(east / reach), np.floor(north / reach)], axis=1).astype(np.int64)
    blocks = np.unique(places, axis=0, return_inverse=True)[1].ravel().astype(np.int64)
    if len(np.unique(blocks)) < LEAST_BLOCKS:
        note = (
            f"{few}; neighbours are alike up to {reach:.0f} m, which leaves fewer than {LEAST_BLOCKS} blocks: "
            "single plots left out look better than they are"
        )
        return single_cases(len(site), note)
    return Folds(scheme="spatial_blocks", groups=blocks, note=f"{few}; blocks of {reach:.0f} m, the variogram's range")


def single_cases(n: int, note: str = "") -> Folds:
    """Every case on its own."""
    return Folds(scheme="leave_one_out", groups=np.arange(n, dtype=np.int64), note=note)


def random_folds(n: int, count: int = RANDOM_FOLDS, seed: int = 0) -> Folds:
    """Cases dealt out by lot: shown beside honest folds, for what they hide."""
    groups = np.arange(n, dtype=np.int64) % min(count, n)
    return Folds(scheme="random_folds", groups=np.random.default_rng(seed).permutation(groups))


def merged(folds: Folds, most: int) -> Folds:
    """The same folds with at most `most` groups: the largest groups are dealt out first, each to the emptiest."""
    names, index, counts = np.unique(folds.groups, return_inverse=True, return_counts=True)
    if len(names) <= most:
        return folds
    target, filled = np.zeros(len(names), np.int64), np.zeros(most, np.int64)
    for group in np.argsort(-counts, kind="stable"):
        target[group] = int(np.argmin(filled))
        filled[target[group]] += counts[group]
    return Folds(scheme=folds.scheme, groups=target[index], note=folds.note)


def variogram_range(x: Floats, y: Floats, values: Floats, sites: NDArray[np.int64]) -> float:
    """Distance up to which values are alike: the practical range of an exponential variogram, metres.

    Matheron's estimator (1963) in bins of equal numbers of pairs, fitted by weighted least squares; pairs of two sites
    do not count.

    Returns
    -------
    float
        0 when nearly all of the variance is nugget; NaN below `LEAST_FOR_RANGE` placed values.
    """
    known = np.isfinite(x) & np.isfinite(y) & np.isfinite(values)
    if known.sum() < LEAST_FOR_RANGE or known.sum() < known.size:
        return math.nan
    i, j = np.triu_indices(len(values), 1)
    same = sites[i] == sites[j]
    i, j = i[same], j[same]
    distance, half = np.hypot(x[i] - x[j], y[i] - y[j]), 0.5 * (values[i] - values[j]) ** 2
    near = distance <= 0.6 * distance.max()
    bins = np.array_split(np.argsort(distance[near], kind="stable"), 12)
    lag = np.array([distance[near][part].mean() for part in bins])
    gamma = np.array([half[near][part].mean() for part in bins])
    return _exponential_range(lag, gamma)


def _exponential_range(lag: Floats, gamma: Floats) -> float:
    """Range of the exponential model that lies nearest the estimates, its nugget not below 0."""
    best, reach = math.inf, 0.0
    for scale in np.geomspace(lag[0] / 3, lag[-1], 40):
        rise = 1.0 - np.exp(-lag / scale)
        design = np.stack([np.ones_like(rise), rise], axis=1)
        nugget, sill = np.linalg.lstsq(design, gamma, rcond=None)[0]
        if nugget < 0:
            nugget, sill = 0.0, float(rise @ gamma / (rise @ rise))
        if sill <= 0:
            nugget, sill = float(gamma.mean()), 0.0
        off = float(((gamma - nugget - sill * rise) ** 2).sum())
        if off < best - 1e-12:
            best, reach = off, 0.0 if nugget >= NUGGET_SHARE * (nugget + sill) else 3.0 * float(scale)
    return reach
