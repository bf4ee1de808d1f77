"""Light at the tie points of overlapping pictures: means of small patches, one band at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.block.adjustment import PairRatio
from calibration.block.ties import BandPlace, PairTies, Points
from calibration.block.view_fit import TwoViews
from calibration.pictures.image_file import read_picture
from calibration.pictures.response import response
from calibration.planning.plan import CalibrationPlan
from calibration.planning.view import ViewCorrection, ViewGeometry
from uav_workflow.domain.flight import BandImage
from uav_workflow.errors import CalibrationError

_PATCHES_ACROSS = 32
"""Light is averaged over a square of this share of the picture's width: 41 pixels of 1280. Half of it leaves the views'
own differences in (garfield, four captures over twenty minutes: residual 5 - 7 % against 3.5 - 4.5 %)."""
_EDGE = 0.9
"""Share of the half diagonal beyond which vignetting is trusted least."""


@dataclass(frozen=True, slots=True)
class _Task:
    """One band picture to be sampled, at points of every pair its capture is in."""

    image: BandImage
    places: Mapping[int, Points]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSample:
    """Light of two pictures at their common places.

    Attributes
    ----------
    first, second : int
        Pictures.
    points : two float64 (n, 2)
        Column and row in each.
    values : float64 (n, 2)
        NaN where a place is not usable.
    """

    first: int
    second: int
    points: tuple[Points, Points]
    values: NDArray[np.float64]

    def corrected(self, images: Sequence[BandImage | None], view: ViewCorrection) -> PairSample:
        """The same with the direction of view taken out."""
        pair = (images[self.first], images[self.second])
        bright = [view.factor(i, at) for i, at in zip(pair, self.points, strict=True) if i is not None]
        return replace(self, values=self.values / np.column_stack(bright))

    def views(self, geometry: Mapping[str, ViewGeometry], images: Sequence[BandImage | None]) -> TwoViews | None:
        """Log ratios and Walthall's terms at the usable places; None without the geometry of both pictures."""
        one, two = (geometry.get(i.name) if i else None for i in (images[self.first], images[self.second]))
        usable = np.isfinite(self.values).all(axis=1) & (self.values > 0).all(axis=1)
        if one is None or two is None or not usable.any():
            return None
        values = self.values[usable]
        terms = [own.terms(at[usable]) for own, at in zip((one, two), self.points, strict=True)]
        squared, sided = (np.column_stack(pair) for pair in zip(*terms, strict=True))
        return TwoViews(
            first=self.first,
            second=self.second,
            logs=np.log(values[:, 0] / values[:, 1]),
            squared=squared,
            sided=sided,
        )


def sample_pairs(
    plan: CalibrationPlan,
    images: Sequence[BandImage | None],
    ties: Sequence[PairTies],
    place: BandPlace,
    workers: int,
) -> list[PairSample]:
    """Light of one band at every pair's common places; every picture is opened once, for all its pairs."""
    places: list[dict[int, Points]] = [{} for _ in images]
    for number, pair in enumerate(ties):
        places[pair.first][number] = place.points(pair.first_points)
        places[pair.second][number] = place.points(pair.second_points)
    tasks = [_Task(image, at) if image is not None and at else None for image, at in zip(images, places, strict=True)]
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        sampled = list(pool.map(lambda task: {} if task is None else _sample(plan, task), tasks))
    found = []
    for number, pair in enumerate(ties):
        one, two = sampled[pair.first].get(number), sampled[pair.second].get(number)
        if one is not None and two is not None:
            points = (places[pair.first][number], places[pair.second][number])
            values = np.column_stack([one, two])
            found.append(PairSample(first=pair.first, second=pair.second, points=points, values=values))
    return found


def pair_ratios(samples: Sequence[PairSample]) -> list[PairRatio]:
    """Log ratios of the pairs that have enough usable places."""
    ratios = (PairRatio.of(sample.first, sample.second, sample.values) for sample in samples)
    return [ratio for ratio in ratios if ratio is not None]


def _sample(plan: CalibrationPlan, task: _Task) -> dict[int, NDArray[np.float64]]:
    """Mean of a patch round every point; NaN at edges, and where a pixel is saturated or defective.

    Nothing of a picture that can't be read, which is said when its turn comes to be calibrated.
    """
    import cv2

    try:
        own = response(plan.model, task.image)
        picture = read_picture(task.image.path)
    except CalibrationError:
        return {}
    light, invalid = replace(own, scale=own.scale / plan.divisor(task.image)).apply(picture.dn)
    height, width = light.shape
    half = max(2, width // _PATCHES_ACROSS // 2)
    side = (2 * half + 1, 2 * half + 1)
    mean = cv2.boxFilter(light, -1, side)
    bad = cv2.dilate(invalid.astype(np.uint8), np.ones(side, np.uint8))
    values = {}
    for number, points in task.places.items():
        columns, rows = np.rint(points).astype(int).T
        radius = np.hypot(columns - width / 2, rows - height / 2) / (math.hypot(width, height) / 2)
        good = (columns >= half) & (rows >= half) & (columns < width - half) & (rows < height - half) & (radius < _EDGE)
        columns, rows = np.clip(columns, 0, width - 1), np.clip(rows, 0, height - 1)
        values[number] = np.where(good & (bad[rows, columns] == 0), mean[rows, columns], np.nan).astype(np.float64)
    return values
