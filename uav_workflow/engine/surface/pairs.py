"""Which photos are matched with which: chosen by geometry alone."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_workflow.engine.surface.views import Float64, View


@dataclass(frozen=True, slots=True, kw_only=True)
class StereoPair:
    """Two photos to match.

    Attributes
    ----------
    left, right : View
    angle_deg : float
        Median angle between the two rays to a shared ground point.
    shared : (n, 3) float64
        Ground samples seen by both.
    """

    left: View
    right: View
    angle_deg: float
    shared: Float64


def choose_pairs(
    views: list[View],
    ground: Float64,
    *,
    wanted: float = 7.0,
    max_pairs_per_photo: float = 3.0,
    angles_deg: tuple[float, float] = (4.0, 48.0),
) -> list[StereoPair]:
    """Pairs that see every ground sample about ``wanted`` times, best geometry first.

    A greedy cover: each step takes the pair that adds most to samples still short of estimates, a pair's worth on a
    sample being its quality in [0, 1]. Quality falls for narrow angles (depth is weak) and for wide ones (the two
    photos look different); with low overlap the wide ones remain and are taken.

    Parameters
    ----------
    views : list of View
    ground : (n, 3) float64
        Samples of the ground, reconstruction CRS minus offset.
    wanted : float
        Sum of qualities at which a sample has enough.
    max_pairs_per_photo : float
        Bound of the number of pairs, times the number of photos.
    angles_deg : (smallest, largest)
        Median intersection angle that is accepted.
    """
    seen = np.array([view.pixels(ground)[1] for view in views], bool).reshape(len(views), len(ground))
    candidates = _candidates(views, ground, seen, angles_deg)
    chosen = _cover(candidates, len(ground), wanted, int(np.ceil(max_pairs_per_photo * len(views))))
    return [
        StereoPair(left=views[c.first], right=views[c.second], angle_deg=c.angle_deg, shared=ground[c.samples])
        for c in chosen
    ]


@dataclass(frozen=True, slots=True)
class _Candidate:
    first: int
    second: int
    angle_deg: float
    quality: float
    samples: NDArray[np.intp]


def _candidates(
    views: list[View], ground: Float64, seen: NDArray[np.bool_], angles_deg: tuple[float, float]
) -> list[_Candidate]:
    common = seen.astype(np.float32) @ seen.astype(np.float32).T
    enough = max(10.0, 0.05 * float(np.median(common.diagonal())))
    found = []
    for i, j in np.argwhere(np.triu(common >= enough, 1)):
        if float(views[i].axis @ views[j].axis) < np.cos(np.deg2rad(angles_deg[1])):
            continue
        samples = np.flatnonzero(seen[i] & seen[j])
        angle = _median_angle(views[i], views[j], ground[samples[:: max(1, len(samples) // 64)]])
        if angles_deg[0] <= angle <= angles_deg[1]:
            found.append(_Candidate(int(i), int(j), angle, _quality(angle), samples))
    return found


def _median_angle(first: View, second: View, points: Float64) -> float:
    a, b = points - first.centre, points - second.centre
    cosine = np.einsum("ij,ij->i", a, b) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
    return float(np.rad2deg(np.arccos(np.clip(np.median(cosine), -1, 1))))


def _quality(angle_deg: float) -> float:
    """1 between 12 and 24 degrees, falling to about 0.3 at 5 and at 45 degrees."""
    if angle_deg < 12:
        return float(max(0.1, angle_deg / 12) ** 1.3)
    return float(np.exp(-0.5 * (max(0.0, angle_deg - 24) / 14) ** 2))


def _cover(candidates: list[_Candidate], samples: int, wanted: float, limit: int) -> list[_Candidate]:
    """Lazy greedy cover (Minoux, 1978): gains only shrink, so the heap's top is re-weighed, nothing else."""
    short = np.full(samples, wanted)
    heap = [(-c.quality * c.quality * len(c.samples), k) for k, c in enumerate(candidates)]
    heapq.heapify(heap)
    chosen: list[_Candidate] = []
    while heap and len(chosen) < limit:
        _, k = heapq.heappop(heap)
        candidate = candidates[k]
        gain = candidate.quality * float(np.minimum(candidate.quality, short[candidate.samples]).sum())
        if gain <= 0.01 * len(candidate.samples) * candidate.quality:
            continue
        if heap and gain < -heap[0][0] - 1e-9:
            heapq.heappush(heap, (-gain, k))
            continue
        chosen.append(candidate)
        short[candidate.samples] = np.maximum(0.0, short[candidate.samples] - candidate.quality)
    return chosen
