"""What photos say differently about the same ground: the error of single views, measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.mosaic.graded import at_pixels, graded
from calibration.mosaic.ground_look import GroundLook
from calibration.mosaic.sightings import Pairs, Places, Sightings
from calibration.mosaic.slant import Slant, measure_slant
from uav_workflow.domain.product import Json

FloatArray = NDArray[np.float64]
Layer = NDArray[np.float32]

_FEWEST = 300
_ROUNDS = 30
_FARTHEST = 4.0
"""Standard deviations beyond which a difference is drawn in: an animal that moved does not speak for the meadow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeatability:
    """How far single photos of one band are off on patches of `sightings.PATCH_M`, by how rough the ground looks.

    Attributes
    ----------
    slant : Slant
        What the direction of view does.
    roughness : float64 (classes,)
        Middle of each class, rising; see `ground_look.GroundLook`.
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

    slant: Slant
    roughness: FloatArray
    steep: FloatArray
    oblique: FloatArray
    photos: int
    pairs: int
    evening: float = 0.0

    def variance(self, look: GroundLook, direction: Layer) -> Layer:
        """Relative variance of patches, (rows, columns), seen from ``direction`` (2, rows, columns).

        What a slant does and is not taken out counts as an error against the view from above.
        """
        steep, oblique = (at_pixels(look.roughness, self.roughness, row) for row in (self.steep, self.oblique))
        across = oblique * oblique * (direction**2).sum(axis=0)
        own = steep * steep + across + np.float32(self.evening**2)
        return np.asarray(own + self.slant.variance(look.greenness, direction), np.float32)

    @property
    def of_place(self) -> float:
        """Relative standard deviation of the mosaic at an even place that is seen from above, a ground target's."""
        return math.hypot(float(self.steep[0]), self.evening)

    def to_json(self) -> dict[str, Json]:
        """Plain dictionary for JSON."""
        return {
            "roughness": _rounded(self.roughness),
            "steep": _rounded(self.steep),
            "oblique": _rounded(self.oblique),
            "slant": self.slant.to_json(),
            "evening": round(self.evening, 5),
            "photos": self.photos,
            "pairs": self.pairs,
        }


def measure_repeatability(seen: Sightings, *, correct: bool = False) -> Repeatability | None:
    """Compare the photos of one band on places that several of them saw; None where too few did.

    What slants do is measured first (`measure_slant`). The difference that it leaves between two views of a place is
    taken for an error of variance 2 steep² + oblique² |d|², with d the difference of their directions (the structure
    function of a field; Matheron, 1963). Steep and oblique are those of a class of roughness.

    Parameters
    ----------
    correct : bool
        Whether what slants do may be taken out of the mosaic.
    """
    if len(seen.pairs().difference) < _FEWEST:
        return None
    slant = measure_slant(seen, correct=correct)
    pairs = replace(seen, log_value=seen.log_value - slant.of(seen)).pairs()
    group, middles = graded(pairs.roughness)
    variances = split(pairs, group, len(middles))
    return Repeatability(
        slant=slant,
        roughness=middles,
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
    rough, green = (values[None].astype(np.float32) for values in (first.roughness, first.greenness))
    look = GroundLook(roughness=rough, greenness=green)
    explained = found.variance(look, first.direction.T[:, None].astype(np.float32))
    return replace(found, evening=math.sqrt(max(0.0, spread**2 - float(np.median(explained)))))


def split(pairs: Pairs, group: NDArray[np.int64], classes: int) -> FloatArray:
    """Variances: steep² and oblique² of every class in turn.

    By non-negative least squares of the squared differences, weighted as squares of normal deviations ask for.
    """
    from scipy.optimize import nnls

    rows = np.arange(len(group))
    design = np.zeros((len(group), 2 * classes))
    design[rows, 2 * group] = 2.0
    design[rows, 2 * group + 1] = (pairs.apart**2).sum(axis=1)
    expected = np.full(len(group), max(float(np.mean(pairs.difference**2)), 1e-12))
    found = np.zeros(2 * classes)
    for _ in range(_ROUNDS):
        squared = np.minimum(pairs.difference**2, _FARTHEST**2 * expected)
        last, (found, _) = found, nnls(design / expected[:, None], squared / expected)
        expected = np.maximum(design @ found, 1e-9)
        if np.abs(found - last).max() <= 1e-4 * np.abs(found).max():
            break
    return found


def _rounded(values: Sequence[float] | FloatArray) -> list[Json]:
    return [round(float(value), 5) for value in values]
