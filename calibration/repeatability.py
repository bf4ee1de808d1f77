"""What photos say differently about the same ground: the error of single views, measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.sightings import Pairs, Places, Sightings
from uav_workflow.domain.product import Json

FloatArray = NDArray[np.float64]
Layer = NDArray[np.float32]

_CLASSES = 10
_FEWEST = 300
_ROUNDS = 30
_FARTHEST = 4.0
"""Standard deviations beyond which a difference is drawn in: an animal that moved does not speak for the meadow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeatability:
    """How far single photos of one band are off on patches of `sightings.PATCH_M`, by how rough the ground looks.

    Attributes
    ----------
    roughness : float64 (classes,)
        Middle of each class, rising; see `roughness.roughness`.
    tilt : float64 (classes, 3)
        Relative change with the direction of view, per unit of its east and north parts and of the squared tangent:
        plants look brighter with the sun behind the camera, and other from the side than from above.
    steep : float64 (classes,)
        Relative standard deviation of a patch seen straight from above: gains of photos, noise, what moves.
    oblique : float64 (classes,)
        Its growth per unit of the tangent of the angle from nadir: what stands there shows another side.
    evening : float
        Relative standard deviation of the mosaic about the photos' common word, beyond what views explain: steps and
        drifts that evening of exposures leaves, vignetting nobody corrected. 0 of calibrated photos.
    photos, pairs : int
        How many went into it.
    """

    roughness: FloatArray
    tilt: FloatArray
    steep: FloatArray
    oblique: FloatArray
    photos: int
    pairs: int
    evening: float = 0.0

    def variance(self, roughness: Layer, direction: Layer) -> Layer:
        """Relative variance of patches, (rows, columns), seen from ``direction`` (2, rows, columns).

        The tilt is not corrected, so what it makes of a view counts as an error against the view from above. Between
        the middles of classes linear, beyond them constant.
        """
        # as a table: interpolation of every pixel would cost more than all the rest
        steps = np.linspace(0.0, 2.0, 401)
        table = np.array(
            [np.interp(steps, self.roughness, row) for row in (self.steep, self.oblique, *self.tilt.T)], np.float32
        )
        index = np.nan_to_num(np.clip(roughness, 0, 2) * np.float32(200), nan=0).astype(np.int32)
        steep, oblique, tilt_east, tilt_north, bowl = (row[index] for row in table)
        east, north = direction
        tangent2 = east * east + north * north
        lean = tilt_east * east + tilt_north * north + bowl * tangent2
        across = oblique * oblique * tangent2
        return np.asarray(steep * steep + across + lean * lean + np.float32(self.evening**2), np.float32)

    def to_json(self) -> dict[str, Json]:
        """Plain dictionary for JSON."""
        return {
            "roughness": _rounded(self.roughness),
            "steep": _rounded(self.steep),
            "oblique": _rounded(self.oblique),
            "tilt": [_rounded(row) for row in self.tilt],
            "evening": round(self.evening, 5),
            "photos": self.photos,
            "pairs": self.pairs,
        }


def measure_repeatability(seen: Sightings) -> Repeatability | None:
    """Compare the photos of one band on places that several of them saw; None where too few did.

    The difference of two views of a place is taken for tilt . (d, the difference of their squared tangents) plus an
    error of variance 2 steep² + oblique² |d|², with d the difference of their directions (the structure function of a
    field; Matheron, 1963). Tilt, steep and oblique are those of a class of roughness; as many places fall into each.
    """
    pairs = seen.pairs()
    if len(pairs.difference) < _FEWEST:
        return None
    edges = np.quantile(pairs.roughness, np.linspace(0, 1, _CLASSES + 1))
    group = np.clip(np.searchsorted(edges, pairs.roughness, side="right") - 1, 0, _CLASSES - 1)
    tilt, variances = split(pairs, group)
    return Repeatability(
        roughness=np.maximum.accumulate(
            [float(np.median(pairs.roughness[group == k])) if (group == k).any() else 0.0 for k in range(_CLASSES)]
        ),
        tilt=tilt,
        steep=np.sqrt(variances[0::2]),
        oblique=np.sqrt(variances[1::2]),
        photos=len(np.unique(seen.photo)),
        pairs=len(pairs.difference),
    )


def measure_evened(seen: Sightings, places: Places) -> Repeatability | None:
    """`measure_repeatability` of photos of unknown exposure, and how well the mosaic of them was evened.

    The photos' levels are taken out first. A place's common word is the median of its photos then.
    """
    level = seen.levelled()
    found = measure_repeatability(level)
    if found is None:
        return None
    several = np.flatnonzero(np.bincount(level.place, minlength=len(places.points)) >= 2)
    rows = level.chosen(np.argsort(level.place, kind="stable"))
    word = [float(np.median(part)) for part in np.split(rows.log_value, np.cumsum(np.bincount(rows.place))[:-1])]
    off = places.log_value[several] - np.array(word)[several]
    spread = 1.4826 * float(np.median(np.abs(off - np.median(off))))
    first = level.steepest(1)
    explained = found.variance(first.roughness[None].astype(np.float32), first.direction.T[:, None].astype(np.float32))
    return replace(found, evening=math.sqrt(max(0.0, spread**2 - float(np.median(explained)))))


def split(pairs: Pairs, group: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """Tilt (classes, 3), and variances: steep² and oblique² of every class in turn.

    In turns: the tilts by weighted least squares, the variances by non-negative least squares of the squared errors,
    weighted as squares of normal deviations ask for.
    """
    from scipy.optimize import nnls

    difference, apart = pairs.difference, pairs.apart
    design = np.zeros((len(difference), 2 * _CLASSES))
    rows = np.arange(len(difference))
    design[rows, 2 * group] = 2.0
    design[rows, 2 * group + 1] = (apart**2).sum(axis=1)
    expected = np.full(len(difference), max(float(np.mean(difference**2)), 1e-12))
    moved = np.column_stack([apart, pairs.bowl])
    tilt, found = np.zeros((_CLASSES, 3)), np.zeros(design.shape[1])
    for _ in range(_ROUNDS):
        error = difference - (moved * tilt[group]).sum(axis=1)
        weight = np.minimum(1.0, _FARTHEST * np.sqrt(expected) / np.maximum(np.abs(error), 1e-12)) / expected
        tilt = np.array([_tilt(moved[group == k], difference[group == k], weight[group == k]) for k in range(_CLASSES)])
        error = difference - (moved * tilt[group]).sum(axis=1)
        squared = np.minimum(error**2, _FARTHEST**2 * expected)
        last, (found, _) = found, nnls(design / expected[:, None], squared / expected)
        expected = np.maximum(design @ found, 1e-9)
        if np.abs(found - last).max() <= 1e-4 * np.abs(found).max():
            break
    return tilt, found


def _tilt(apart: FloatArray, difference: FloatArray, weight: FloatArray) -> FloatArray:
    if len(difference) < 3:
        return np.zeros(3)
    root = np.sqrt(weight)
    return np.asarray(np.linalg.lstsq(apart * root[:, None], difference * root, rcond=None)[0], np.float64)


def _rounded(values: Sequence[float] | FloatArray) -> list[Json]:
    return [round(float(value), 5) for value in values]
