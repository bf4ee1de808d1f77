"""What a slanted view does to the brightness of the ground, measured where photos overlap, and taken out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.mosaic.graded import at_pixels, graded
from calibration.mosaic.sightings import Sightings
from uav_workflow.domain.product import Json

FloatArray = NDArray[np.float64]
Layer = NDArray[np.float32]

_TERMS = ("east", "north", "sides", "bowl")
_SIDES, _ROUND = 2, np.array([False, False, True, True])
"""Terms that tell no side from the other: they alone are ever taken out. What falls from one side to the other is not
linear near nadir, where a mosaic's pixels are: taken out of simulated flights under a clear sky it did harm."""
_FLAT, _FLAT_SD = 0.1, 0.03
"""Tangent up to which a canopy looks as from above, its tops being round, and how sure that is: 0.05 - 0.15 evenly.
Views within it are too few to tell, and the level from above hangs on it."""
_PRIOR = 2.0
"""Standard deviation of a coefficient before anything was measured: canopies brighten by less."""
_PLACE_SIGMA = 0.02
"""Relative: what views of one place differ by beside their slants, against which the prior weighs."""
_STEEPEST = 0.98
"""Share of the views up to whose tangent the slant is known."""
_WORTHWHILE = 0.95
"""Share of the disagreement up to which the terms leave it before they are used."""
_JUDGED = (50, 90)
"""Percentiles of the disagreement that must both be bettered."""
_HUBER, _ROUNDS = 2.0, 8
_FEWEST_PHOTOS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Slant:
    """Log brightness of ground seen from a direction over that seen from above, by how green the ground is.

    Linear in the direction's east and north parts, plants being brighter with the sun behind the camera; in the sides
    of plants that are seen, and the ground behind them that is not, as of round crowns taller than wide: the root of
    flat² + tangent² (the secant of the view in the geometric kernels of Wanner, Li and Strahler, 1995, J. Geophys.
    Res. 100, 21077; `_FLAT` is width over height of the crowns); and in a bowl, tangent² (Walthall et al., 1985,
    Applied Optics 24, 383), because ground that is hidden can't be hidden again.

    Attributes
    ----------
    greenness : float64 (classes,)
        Middle of each class, rising; see `ground_look.GroundLook`.
    terms : float64 (classes, 4)
        Coefficients of east, north, sides and bowl.
    covariance : float64 (classes, 4, 4)
        Theirs; photos are what varies.
    scatter : float64 (classes,)
        Standard deviation between places of one class of the coefficient of the sides: some hide more than others.
    steepest : float
        Tangent up to which views were compared; beyond it nothing more is made of a slant.
    corrected : bool
        Whether sides and bowl are taken out of the mosaic.
    """

    greenness: FloatArray
    terms: FloatArray
    covariance: FloatArray
    scatter: FloatArray
    steepest: float
    corrected: bool = False

    def of(self, seen: Sightings) -> FloatArray:
        """Log brightness of sightings over their places seen from above, all terms, (n,)."""
        group = np.stack([np.interp(seen.greenness, self.greenness, column) for column in self.terms.T])
        return np.asarray((group.T * _design(seen.direction, self.steepest)).sum(axis=1), np.float64)

    def log_brightness(self, greenness: Layer, direction: Layer) -> Layer:
        """What is taken out: log brightness of pixels (rows, columns) seen from ``direction`` (2, rows, columns)."""
        return self._sum(greenness, self._views(direction), self._chosen)

    def variance(self, greenness: Layer, direction: Layer) -> Layer:
        """Relative variance that is left: what stays in, squared, the doubt about what is taken out, places' own."""
        views, chosen = self._views(direction), self._chosen
        left = self._sum(greenness, views, ~chosen)
        doubt = np.zeros_like(left)
        for one in np.flatnonzero(chosen):
            for two in np.flatnonzero(chosen[: one + 1]):
                share = at_pixels(greenness, self.greenness, self.covariance[:, one, two]) * views[one] * views[two]
                doubt += share if one == two else 2 * share
        own = at_pixels(greenness, self.greenness, self.scatter) * views[_SIDES]
        doubt += own * own
        if self.corrected:
            level = at_pixels(greenness, self.greenness, self.terms[:, _SIDES]) * self._off_level(views[_SIDES])
            doubt += level * level
        return np.asarray(left * left + np.maximum(doubt, np.float32(0)), np.float32)

    @property
    def _chosen(self) -> NDArray[np.bool_]:
        return _ROUND & self.corrected

    def _views(self, direction: Layer) -> Layer:
        """Terms of directions, (4, rows, columns)."""
        flat = direction.reshape(2, -1).T
        return np.asarray(_design(flat, self.steepest).T.reshape(-1, *direction.shape[1:]), np.float32)

    @staticmethod
    def _off_level(sides: Layer) -> Layer:
        """How far the term of the sides is off because nobody knows where canopies begin to show theirs."""
        return np.asarray(np.float32(_FLAT_SD / _FLAT) * sides * np.float32(_FLAT) / (sides + np.float32(_FLAT)))

    def _sum(self, greenness: Layer, views: Layer, chosen: NDArray[np.bool_]) -> Layer:
        found = np.zeros(greenness.shape, np.float32)
        for term in np.flatnonzero(chosen):
            found += at_pixels(greenness, self.greenness, self.terms[:, term]) * views[term]
        return found

    def to_json(self) -> dict[str, Json]:
        """Plain dictionary for JSON: coefficients and standard errors a class."""
        errors = np.sqrt(np.maximum(np.diagonal(self.covariance, axis1=1, axis2=2), 0))
        return {
            "greenness": np.round(self.greenness, 4).tolist(),
            "names": list(_TERMS),
            "terms": np.round(self.terms, 5).tolist(),
            "sd": np.round(errors, 5).tolist(),
            "scatter": np.round(self.scatter, 5).tolist(),
            "steepest_tangent": round(self.steepest, 4),
            "corrected": self.corrected,
        }


def measure_slant(seen: Sightings, *, correct: bool = False) -> Slant:
    """Fit the slant of one band to places that several photos saw.

    log value = that of the place + terms of the view, by least squares with Huber weights, places taken out by their
    weighted means. The covariance holds for errors that all views of a photo share (Liang and Zeger, 1986, Biometrika
    73, 13).

    Parameters
    ----------
    correct : bool
        Whether sides and bowl may be taken out of the mosaic. They are where, told by every other place, they make the
        views of the places between agree better by a twentieth or more, in the middle and in the tail: under the sun
        terms that better the many harmed the slanted few, and the mosaic, on simulated flights.
    """
    group, middles = graded(seen.greenness)
    steepest = float(np.quantile(np.sqrt(seen.tangent2), _STEEPEST))
    design = _design(seen.direction, steepest)
    fitted = _fit(seen, design, group, len(middles))
    return Slant(
        greenness=middles,
        terms=np.array([each.terms for each in fitted]),
        covariance=np.array([each.covariance for each in fitted]),
        scatter=np.array([each.scatter for each in fitted]),
        steepest=steepest,
        corrected=correct and _helps(seen, design, group, len(middles)),
    )


def _design(direction: NDArray[np.floating], steepest: float) -> FloatArray:
    """Terms of views, (n, 4), of directions (n, 2) drawn in to the steepest that is known."""
    tangent = np.hypot(direction[:, 0], direction[:, 1])
    within = np.minimum(1.0, steepest / np.maximum(tangent, 1e-6))
    slant = tangent * within
    return np.column_stack([direction * within[:, None], np.hypot(slant, _FLAT) - _FLAT, slant * slant])


@dataclass(frozen=True, slots=True)
class _Fitted:
    """Terms of a class, their covariance, and the scatter of its places' sides."""

    terms: FloatArray
    covariance: FloatArray
    scatter: float


def _fit(seen: Sightings, design: FloatArray, group: NDArray[np.int64], classes: int) -> list[_Fitted]:
    """Every class by itself; nothing is known of one that too few photos saw."""
    found = []
    for one in range(classes):
        rows = np.flatnonzero(group == one)
        known = len(np.unique(seen.photo[rows])) >= _FEWEST_PHOTOS
        count = design.shape[1]
        nothing = _Fitted(np.zeros(count), np.eye(count) * _PRIOR**2, 0.0)
        found.append(_fit_class(seen.chosen(rows), design[rows]) if known else nothing)
    return found


def _fit_class(seen: Sightings, design: FloatArray) -> _Fitted:
    place = np.unique(seen.place, return_inverse=True)[1]
    photo = np.unique(seen.photo, return_inverse=True)[1]
    weight = np.ones(len(place))
    prior = np.eye(design.shape[1]) * (_PLACE_SIGMA / _PRIOR) ** 2
    for _ in range(_ROUNDS):
        x, y = _within(design, place, weight), _within(seen.log_value[:, None], place, weight)[:, 0]
        normal = x.T @ (weight[:, None] * x) + prior
        found = np.linalg.solve(normal, x.T @ (weight * y))
        error = y - x @ found
        scale = 1.4826 * float(np.median(np.abs(error))) + 1e-9
        weight = np.minimum(1.0, _HUBER * scale / np.maximum(np.abs(error), 1e-12))
    score = np.zeros((int(photo.max()) + 1, design.shape[1]))
    np.add.at(score, photo, (weight * error)[:, None] * x)
    inverse, photos = np.linalg.inv(normal), len(score)
    covariance = photos / (photos - 1) * inverse @ (score.T @ score) @ inverse
    return _Fitted(
        np.asarray(found, np.float64), np.asarray(covariance, np.float64), _scatter(x[:, _SIDES], error, place)
    )


def _scatter(sides: FloatArray, error: FloatArray, place: NDArray[np.intp]) -> float:
    """Standard deviation of the places' own coefficients of the sides, beyond what noise makes of them (moments)."""
    power = np.bincount(place, sides * sides)
    own = np.bincount(place, sides * error) / np.maximum(power, 1e-12)
    freedom = len(place) - 2 * len(power)
    if freedom < 1 or power.sum() <= 0:
        return 0.0
    noise = float(np.sum((error - own[place] * sides) ** 2)) / freedom
    return float(np.sqrt(max(0.0, float(power @ own**2) - noise * len(power)) / power.sum()))


def _within(values: FloatArray, place: NDArray[np.intp], weight: FloatArray) -> FloatArray:
    """Columns minus the weighted means of their places."""
    total = np.bincount(place, weight)
    means = np.column_stack([np.bincount(place, weight * column) / total for column in values.T])
    return np.asarray(values - means[place], np.float64)


def _helps(seen: Sightings, design: FloatArray, group: NDArray[np.int64], classes: int) -> bool:
    telling = np.flatnonzero(seen.place % 2 == 0)
    judged = np.flatnonzero(seen.place % 2)
    if not len(telling) or not len(judged):
        return False
    terms = np.array([each.terms for each in _fit(seen.chosen(telling), design[telling], group[telling], classes)])
    word = (design * terms[group] * _ROUND).sum(axis=1)[judged]
    values, place = seen.log_value[judged], np.unique(seen.place[judged], return_inverse=True)[1]
    left = _within(np.column_stack([values, values - word]), place, np.ones(len(place)))
    spread = np.percentile(np.abs(left), _JUDGED, axis=0)
    return bool((spread[:, 1] < _WORTHWHILE * spread[:, 0]).all())
