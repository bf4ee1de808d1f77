"""Where a model may be applied: dissimilarity index, area of applicability, local point density."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_workflow.compiled import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bool = NDArray[np.bool_]

_CHUNK = 512


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Applicability:
    """The area of applicability of Meyer & Pebesma (2021, Methods Ecol. Evol. 12, 1620), as CAST 1.1 computes it.

    Predictors are scaled by mean and standard deviation (n - 1) of the training cells and multiplied by their
    importance. The dissimilarity index of a new cell is its distance to the nearest training cell over the mean of all
    distances between training cells; that of a training cell is taken to the nearest one outside its fold. The
    threshold is the upper whisker of the latter, third quartile + 1.5 interquartile ranges (R's type 7), and never
    more than their greatest. The local point density counts training cells nearer than the threshold.

    Attributes
    ----------
    centre, scale, importance : float64 (predictors,)
    mean_distance : float
        Mean over training cells of the mean distance to all others.
    training : float64 (n,)
        Dissimilarity index of every training cell.
    threshold : float
        A cell is inside when its index is not above.
    """

    centre: Floats
    scale: Floats
    importance: Floats
    mean_distance: float
    training: Floats
    threshold: float
    _axes: Floats
    _points: Floats

    @classmethod
    def fit(cls, rows: Floats, importance: Floats, groups: Ints) -> Applicability:
        """Measure the training cells.

        Parameters
        ----------
        rows : float64 (n, predictors)
            None of them constant.
        importance : float64 (predictors,)
            Of each predictor for the model; below 0 counts as 0, and where all are 0 they count alike.
        groups : int64 (n,)
            Fold of each cell; two at least.

        Raises
        ------
        ValueError
            A predictor is constant, or all cells are in one fold.
        """
        centre, scale = rows.mean(axis=0), rows.std(axis=0, ddof=1)
        if not (scale > 0).all():
            raise ValueError("a predictor does not vary over the training cells")
        if len(np.unique(groups)) < 2:
            raise ValueError("the training cells are all in one fold")
        weights = np.maximum(importance, 0.0)
        weights = weights if weights.any() else np.ones_like(weights)
        scaled = (rows - centre) / scale * weights
        average, nearest = _distances(scaled, groups)
        training = nearest / average
        # distances do not change when axes are turned; along the longest first a search is cut short soonest
        axes = np.linalg.eigh(np.cov(scaled.T).reshape(scaled.shape[1], -1))[1][:, ::-1]
        turned = scaled @ axes
        return cls(
            centre=centre,
            scale=scale,
            importance=weights,
            mean_distance=average,
            training=training,
            threshold=_threshold(training),
            _axes=axes,
            _points=np.ascontiguousarray(turned[np.argsort(turned[:, 0], kind="stable")]),
        )

    @property
    def training_inside(self) -> Bool:
        """Training cells that would be inside, had their fold not been there."""
        return self.training <= self.threshold

    def of(self, rows: NDArray[np.floating]) -> tuple[Floats, Floats]:
        """Dissimilarity index and local point density of new cells.

        Parameters
        ----------
        rows : (m, predictors)
            All known. The interpreter lock is not held during the search: threads share the work.

        Returns
        -------
        (index, density) : float64 (m,)
        """
        turned = ((rows - self.centre) / self.scale * self.importance) @ self._axes
        nearest, near = np.empty(len(rows)), np.empty(len(rows))
        reach = self.threshold * self.mean_distance
        _search(np.ascontiguousarray(turned), self._points, reach * reach, nearest, near)
        return nearest / self.mean_distance, near


def _threshold(training: Floats) -> float:
    """Upper whisker of the training cells' indices, capped at their greatest."""
    lower, upper = np.quantile(training, [0.25, 0.75], method="linear")
    return float(min(upper + 1.5 * (upper - lower), training.max()))


def _distances(points: Floats, groups: Ints) -> tuple[float, Floats]:
    """Mean over points of the mean distance to the others; distance of each to the nearest outside its group."""
    from scipy.spatial.distance import cdist

    n, total = len(points), 0.0
    nearest = np.empty(n)
    for first in range(0, n, _CHUNK):
        part = slice(first, first + _CHUNK)
        apart = cdist(points[part], points)
        total += float(apart.sum()) / (n - 1)
        nearest[part] = np.where(groups[part, None] == groups[None, :], math.inf, apart).min(axis=1)
    return total / n, nearest


@compiled
def _search(rows: Floats, points: Floats, reach: float, nearest: Floats, near: Floats) -> None:
    """Distance to the nearest point, and number of points within the root of ``reach``; points rise along axis 0."""
    n, axes = points.shape
    lead = points[:, 0].copy()
    for i in range(rows.shape[0]):
        start = np.searchsorted(lead, rows[i, 0])
        best, count = np.inf, 0
        for way in (-1, 1):
            j = start - 1 if way < 0 else start
            while 0 <= j < n:
                apart = (rows[i, 0] - lead[j]) ** 2
                limit = max(best, reach)
                if apart > limit:
                    break
                k = 1
                while k < axes and apart <= limit:
                    apart += (rows[i, k] - points[j, k]) ** 2
                    k += 1
                best = min(best, apart)
                if apart < reach:
                    count += 1
                j += way
        nearest[i], near[i] = np.sqrt(best), count
