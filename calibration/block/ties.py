"""The same ground in neighbouring pictures: tie points of one band, without poses, for comparing light."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.flight import BandImage, Capture
from uav_workflow.engine.ties.features import GrayImage, read_gray
from uav_workflow.engine.ties.matching import MatchSettings, choose_pairs
from uav_workflow.errors import EngineError
from uav_workflow.flights.geometry import local_positions

Points = NDArray[np.float64]
"""(n, 2) column and row of the stored picture."""

_REDUCED = 2
_KEYPOINTS = 1500
_RATIO = 0.8
_TOLERANCE_PX = 4.0
"""Of the reduced picture, from one homography: a meadow is nearly flat."""
_FEWEST = 12
_MOST = 400
_ALIGNED_CAPTURES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTies:
    """Tie points of two captures, in the band they were found in; indexes count captures."""

    first: int
    second: int
    first_points: Points
    second_points: Points


@dataclass(frozen=True, slots=True)
class _Features:
    points: Points
    descriptors: NDArray[np.uint8]


def tie_captures(captures: Sequence[Capture], *, workers: int = 2) -> tuple[PairTies, ...]:
    """Tie points between captures that lie near each other.

    SIFT (Lowe, 2004) on the primary band at half size, pairs from GPS neighbours, ratio test both ways by mutual
    nearest neighbours, and one homography a pair (RANSAC). A picture that can't be decoded has none.
    """
    positions = local_positions(captures)
    pairs = choose_pairs(positions, np.asarray(np.isfinite(positions).all(axis=1)), MatchSettings(neighbours=10))
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        # read in this thread: the reader silences a warning of its library, which threads can't do side by side
        features = list(pool.map(_features, (_reduced(capture.primary) for capture in captures)))
        found = pool.map(lambda pair: _tie(pair, features[pair[0]], features[pair[1]]), pairs)
        return tuple(ties for ties in found if ties is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class BandPlace:
    """Where a band's pictures lie beside those of the primary one, which may be of another size.

    Attributes
    ----------
    scale : (float, float)
        Columns and rows of the band over those of the primary one.
    shift : (float, float)
        Columns and rows of the band.
    """

    scale: tuple[float, float] = (1.0, 1.0)
    shift: tuple[float, float] = (0.0, 0.0)

    def points(self, primary: Points) -> Points:
        """Columns and rows (n, 2) in the band of those in the primary one; the first pixel's centre is (0, 0)."""
        return (primary + 0.5) * self.scale - 0.5 + self.shift


def band_places(captures: Sequence[Capture], bands: Sequence[str]) -> dict[str, BandPlace]:
    """Place of each band beside the primary one: median of a few captures.

    Phase correlation (Kuglin and Hines, 1975) of gradients, which look alike in all bands, pictures of another size
    brought to that of the primary one; a patch twenty pixels wide forgives the rest.
    """
    import cv2

    step = max(1, len(captures) // _ALIGNED_CAPTURES)
    moved: dict[str, list[tuple[float, float]]] = {band: [] for band in bands}
    scales = dict.fromkeys(bands, (1.0, 1.0))
    for capture in captures[::step][:_ALIGNED_CAPTURES]:
        whole = {image.name: grey for image in capture.images if (grey := _reduced(image)) is not None}
        primary = capture.primary
        if primary.name not in whole:
            continue
        reference = _gradients(whole[primary.name])
        size = (reference.shape[1], reference.shape[0])
        window = cv2.createHanningWindow(size, cv2.CV_32F)
        for image in capture.images:
            if image.band.name in moved and image is not primary and image.name in whole:
                grey = np.asarray(cv2.resize(whole[image.name], size, interpolation=cv2.INTER_AREA), np.uint8)
                (across, down), _ = cv2.phaseCorrelate(reference, _gradients(grey), window)
                scale = (image.width / primary.width, image.height / primary.height)
                scales[image.band.name] = scale
                moved[image.band.name].append((_REDUCED * across * scale[0], _REDUCED * down * scale[1]))
    middles = {band: np.median(rows or [(0.0, 0.0)], axis=0) for band, rows in moved.items()}
    return {
        band: BandPlace(scale=scales[band], shift=(float(middle[0]), float(middle[1])))
        for band, middle in middles.items()
    }


def _reduced(image: BandImage) -> GrayImage | None:
    """The picture at half size; None when it can't be decoded, which is said when its turn comes to be calibrated."""
    import cv2

    try:
        grey = read_gray(image.path)
    except EngineError:
        return None
    size = (grey.shape[1] // _REDUCED, grey.shape[0] // _REDUCED)
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _gradients(grey: GrayImage) -> NDArray[np.float32]:
    import cv2

    smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1.5)
    strength = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    return np.asarray(strength, np.float32)


def _features(grey: GrayImage | None) -> _Features:
    import cv2

    if grey is None:
        return _Features(np.empty((0, 2)), np.empty((0, 128), np.uint8))
    sift = cv2.SIFT.create(nfeatures=_KEYPOINTS, contrastThreshold=0.02)
    keypoints, descriptors = sift.detectAndCompute(grey, None)
    if not keypoints:
        return _Features(np.empty((0, 2)), np.empty((0, 128), np.uint8))
    points = (np.array([keypoint.pt for keypoint in keypoints], np.float64) + 0.5) * _REDUCED - 0.5
    return _Features(points, descriptors.astype(np.uint8))


def _tie(pair: tuple[int, int], one: _Features, two: _Features) -> PairTies | None:
    import cv2

    if min(len(one.points), len(two.points)) < _FEWEST:
        return None
    first, second = one.descriptors.astype(np.float32), two.descriptors.astype(np.float32)
    matcher = cv2.BFMatcher(cv2.NORM_L2)
    there = [m for m, n in matcher.knnMatch(first, second, k=2) if m.distance < _RATIO * n.distance]
    back = {m.queryIdx: m.trainIdx for m in matcher.match(second, first)}
    kept = [m for m in there if back.get(m.trainIdx) == m.queryIdx]
    if len(kept) < _FEWEST:
        return None
    a, b = one.points[[m.queryIdx for m in kept]], two.points[[m.trainIdx for m in kept]]
    cv2.setRNGSeed(0)
    _, inside = cv2.findHomography(a, b, cv2.USAC_DEFAULT, _TOLERANCE_PX * _REDUCED)
    if inside is None or inside.sum() < _FEWEST:
        return None
    chosen = np.flatnonzero(inside.ravel())[:_MOST]
    return PairTies(first=pair[0], second=pair[1], first_points=a[chosen], second_points=b[chosen])
