"""A quantile regression forest that is saved as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.product import Json
from uav_workflow.vegetation.biomass_forms import Floats, Sample, Values

Ints = NDArray[np.int64]

TREES = 100
LEAST_LEAF = 5
QUANTILES = (0.05, 0.95)
_CHUNK = 4096
"""Cells whose weights are held at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """Nodes of one tree: feature (-1 at a leaf), threshold, children; and the leaf of every training plot."""

    feature: Ints
    threshold: Floats
    left: Ints
    right: Ints
    leaf: Ints

    def leaves(self, rows: NDArray[np.float32]) -> Ints:
        """Leaf of each row (m, features)."""
        at = np.zeros(len(rows), np.int64)
        while True:
            inner = np.flatnonzero(self.feature[at] >= 0)
            if inner.size == 0:
                return at
            node = at[inner]
            less = rows[inner, self.feature[node]] <= self.threshold[node]
            at[inner] = np.where(less, self.left[node], self.right[node])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ForestForm:
    """Weights of training plots by shared leaves (Meinshausen 2006, J. Mach. Learn. Res. 7, 983).

    The interval is that of conformalised quantile regression (Romano et al. 2019): the forest's 5 % and 95 % quantiles,
    widened or narrowed by one score.
    """

    predictors: tuple[str, ...]
    trees: tuple[Tree, ...]
    agb: Floats

    @classmethod
    def fit(cls, sample: Sample, predictors: Sequence[str]) -> ForestForm:
        """Grow `TREES` trees on bootstrap samples with a fixed seed."""
        from sklearn.ensemble import RandomForestRegressor

        rows = np.stack([sample.values[name] for name in predictors], axis=1).astype(np.float32)
        share = max(1, len(predictors) // 2) / len(predictors)
        forest = RandomForestRegressor(
            n_estimators=TREES, min_samples_leaf=LEAST_LEAF, max_features=share, random_state=0, n_jobs=1
        ).fit(rows, sample.agb)
        leaves = forest.apply(rows)
        trees = tuple(
            Tree(
                np.where(one.tree_.children_left < 0, -1, one.tree_.feature).astype(np.int64),
                one.tree_.threshold.astype(np.float64),
                one.tree_.children_left.astype(np.int64),
                one.tree_.children_right.astype(np.int64),
                leaves[:, index].astype(np.int64),
            )
            for index, one in enumerate(forest.estimators_)
        )
        return cls(predictors=tuple(predictors), trees=trees, agb=sample.agb)

    @property
    def formula(self) -> str:
        """One line for people."""
        return f"agb_dry [g/m2] = quantile forest of {len(self.trees)} trees on {', '.join(self.predictors)}"

    def middle(self, values: Values) -> Floats:
        """Weighted mean of the training plots, g/m2."""
        return self._moments(values)[0]

    def sd(self, values: Values) -> Floats:
        """Weighted standard deviation of the training plots, g/m2."""
        return self._moments(values)[1]

    def score(self, values: Values, agb: Floats) -> Floats:
        """How far an observation lies outside the quantiles; negative inside."""
        _, _, low, high = self._moments(values)
        return np.maximum(low - agb, agb - high)

    def interval(self, values: Values, width: float) -> tuple[Floats, Floats]:
        """Quantiles, moved outwards by the width."""
        _, _, low, high = self._moments(values)
        return low - width, np.maximum(high + width, low - width)

    def student(self, level: float) -> float | None:
        """None: a forest has no Student interval."""
        return None

    def _moments(self, values: Values) -> tuple[Floats, Floats, Floats, Floats]:
        """Mean, standard deviation, lower and upper quantile; NaN where a predictor is."""
        columns = np.broadcast_arrays(*(np.asarray(values[name], np.float64) for name in self.predictors))
        shape = columns[0].shape
        rows = np.stack([each.ravel() for each in columns], axis=1).astype(np.float32)
        found = np.full((4, len(rows)), np.nan)
        known = np.flatnonzero(np.isfinite(rows).all(axis=1))
        for first in range(0, len(known), _CHUNK):
            part = known[first : first + _CHUNK]
            found[:, part] = self._weighted(rows[part])
        mean, sd, low, high = (each.reshape(shape) for each in found)
        return mean, sd, low, high

    def _weighted(self, rows: NDArray[np.float32]) -> Floats:
        weights = np.zeros((len(rows), self.agb.size))
        for tree in self.trees:
            counts = np.bincount(tree.leaf, minlength=len(tree.feature))
            leaf = tree.leaves(rows)
            weights += (leaf[:, None] == tree.leaf[None, :]) / np.maximum(counts[leaf], 1)[:, None]
        weights /= weights.sum(axis=1, keepdims=True)
        order = np.argsort(self.agb, kind="stable")
        ranked = self.agb[order]
        total = np.cumsum(weights[:, order], axis=1)
        mean = weights @ self.agb
        variance = np.maximum(weights @ self.agb**2 - mean**2, 0.0)
        quantiles = [ranked[np.minimum((total < share - 1e-12).sum(axis=1), ranked.size - 1)] for share in QUANTILES]
        return np.stack([mean, np.sqrt(variance), *quantiles])

    def to_json(self) -> dict[str, Json]:
        """Every tree as numbers: no version of a library stands between a saved model and its values."""
        return {
            "form": "forest",
            "predictors": list(self.predictors),
            "agb": self.agb.tolist(),
            "trees": [
                {
                    "feature": tree.feature.tolist(),
                    "threshold": tree.threshold.tolist(),
                    "left": tree.left.tolist(),
                    "right": tree.right.tolist(),
                    "leaf": tree.leaf.tolist(),
                }
                for tree in self.trees
            ],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ForestForm:
        """Rebuild."""
        trees = tuple(
            Tree(
                np.asarray(one["feature"], np.int64),
                np.asarray(one["threshold"], np.float64),
                np.asarray(one["left"], np.int64),
                np.asarray(one["right"], np.int64),
                np.asarray(one["leaf"], np.int64),
            )
            for one in document["trees"]
        )
        return cls(
            predictors=tuple(document["predictors"]), trees=trees, agb=np.asarray(document["agb"], dtype=np.float64)
        )
