"""A quantile regression forest that is kept as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from uav_workflow.compiled import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rows = NDArray[np.float32]

TREES = 100
LEAST_LEAF = 5
SHARES = (0.05, 0.95)
"""Quantiles that are read off by default."""


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """Nodes of one tree: feature (-1 at a leaf), threshold, children; and the leaf of every training case."""

    feature: Ints
    threshold: Floats
    left: Ints
    right: Ints
    leaf: Ints

    def to_json(self) -> dict[str, Any]:
        """Lists of numbers."""
        return {name: getattr(self, name).tolist() for name in self.__slots__}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Tree:
        """Rebuild."""
        return cls(
            np.asarray(document["feature"], np.int64),
            np.asarray(document["threshold"], np.float64),
            np.asarray(document["left"], np.int64),
            np.asarray(document["right"], np.int64),
            np.asarray(document["leaf"], np.int64),
        )


class _Nodes(NamedTuple):
    """Every tree in one row of nodes, and the training cases of every leaf, by rank of their target."""

    feature: NDArray[np.int32]
    threshold: Floats
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    roots: NDArray[np.int32]
    first: NDArray[np.int32]
    members: NDArray[np.int32]
    portions: Floats
    ranked: Floats


@dataclass(frozen=True, slots=True, eq=False)
class QuantileForest:
    """Weights of training cases by shared leaves (Meinshausen 2006, J. Mach. Learn. Res. 7, 983).

    A case's share of a leaf is its own weight over that of all cases in the leaf; shares are averaged over the trees.

    Attributes
    ----------
    trees : tuple of Tree
    target : float64 (n,)
        What the training cases measured.
    importance : float64 (features,)
        Share of the fall in variance that splits on a feature brought; empty when rebuilt from numbers.
    """

    trees: tuple[Tree, ...]
    target: Floats
    importance: Floats
    _nodes: _Nodes

    @classmethod
    def fit(cls, rows: Rows, target: Floats, weight: Floats | None = None, *, jobs: int = 1) -> QuantileForest:
        """Grow `TREES` trees on bootstrap samples with a fixed seed; half of the features are tried at each split.

        Parameters
        ----------
        rows : float32 (n, features)
        target : float64 (n,)
        weight : float64 (n,), optional
            Above 0; all alike when absent.
        jobs : int
            Trees grown at a time; they are the same whatever the number.
        """
        from sklearn.ensemble import RandomForestRegressor

        share = max(1, rows.shape[1] // 2) / rows.shape[1]
        forest = RandomForestRegressor(
            n_estimators=TREES, min_samples_leaf=LEAST_LEAF, max_features=share, random_state=0, n_jobs=jobs
        ).fit(rows, target, sample_weight=weight)
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
        return cls(trees, target, np.asarray(forest.feature_importances_), _packed(trees, target, weight))

    @classmethod
    def of(cls, trees: Sequence[Tree], target: Floats) -> QuantileForest:
        """Rebuild a forest of cases that weigh alike."""
        return cls(tuple(trees), target, np.empty(0), _packed(trees, target, None))

    def moments(self, rows: Rows, shares: Sequence[float] = SHARES) -> Floats:
        """Mean, standard deviation and quantiles of the weighted training cases.

        Parameters
        ----------
        rows : float32 (m, features)
            NaN where unknown.
        shares : sequence of float
            Of the distribution, 0 - 1.

        Returns
        -------
        float64 (2 + quantiles, m)
            NaN where a feature is. The interpreter lock is not held meanwhile: threads share the work.
        """
        found = np.full((2 + len(shares), len(rows)), np.nan)
        known = np.flatnonzero(np.isfinite(rows).all(axis=1))
        kept = np.ascontiguousarray(rows[known], dtype=np.float32)
        answer = np.empty((len(known), 2 + len(shares)))
        _weigh(kept, self._nodes, np.asarray(shares, np.float64), answer)
        found[:, known] = answer.T
        return found


def _packed(trees: Sequence[Tree], target: Floats, weight: Floats | None) -> _Nodes:
    """Lay the trees end to end; leaves list their cases by rank, so that quantiles are one pass."""
    rank = np.empty(target.size, np.int64)
    order = np.argsort(target, kind="stable")
    rank[order] = np.arange(target.size)
    own = np.ones(target.size) if weight is None else np.asarray(weight, np.float64)
    sizes = np.array([tree.feature.size for tree in trees])
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    leaf = np.concatenate([tree.leaf + root for tree, root in zip(trees, roots, strict=True)])
    case = np.tile(np.arange(target.size), len(trees))
    by_leaf = np.lexsort((rank[case], leaf))
    leaf, case = leaf[by_leaf], case[by_leaf]
    total = np.bincount(leaf, weights=own[case], minlength=int(sizes.sum()))
    return _Nodes(
        feature=np.concatenate([tree.feature for tree in trees]).astype(np.int32),
        threshold=np.concatenate([tree.threshold for tree in trees]),
        left=np.concatenate([tree.left + root for tree, root in zip(trees, roots, strict=True)]).astype(np.int32),
        right=np.concatenate([tree.right + root for tree, root in zip(trees, roots, strict=True)]).astype(np.int32),
        roots=roots.astype(np.int32),
        first=np.searchsorted(leaf, np.arange(int(sizes.sum()) + 1)).astype(np.int32),
        members=rank[case].astype(np.int32),
        portions=own[case] / total[leaf] / len(trees),
        ranked=target[order],
    )


@compiled
def _weigh(rows: Rows, nodes: _Nodes, shares: Floats, answer: Floats) -> None:
    """Fill ``answer`` (m, 2 + shares)."""
    ranked = nodes.ranked
    weights = np.empty(ranked.size)
    for i in range(rows.shape[0]):
        weights[:] = 0.0
        for root in nodes.roots:
            node = root
            while nodes.feature[node] >= 0:
                less = rows[i, nodes.feature[node]] <= nodes.threshold[node]
                node = nodes.left[node] if less else nodes.right[node]
            for k in range(nodes.first[node], nodes.first[node + 1]):
                weights[nodes.members[k]] += nodes.portions[k]
        mean = 0.0
        for k in range(ranked.size):
            mean += weights[k] * ranked[k]
        variance, total, reached = 0.0, 0.0, 0
        for k in range(ranked.size):
            variance += weights[k] * (ranked[k] - mean) ** 2
            total += weights[k]
            while reached < shares.size and total >= shares[reached] - 1e-12:
                answer[i, 2 + reached] = ranked[k]
                reached += 1
        while reached < shares.size:
            answer[i, 2 + reached] = ranked[-1]
            reached += 1
        answer[i, 0], answer[i, 1] = mean, np.sqrt(variance)
