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
_TOGETHER = 256
"""Rows that go down a tree together."""
_STEP = 32
"""Cases whose weights are added before one is looked at alone."""
_ROUNDING = 1e-12


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
    """Every tree in one row of nodes, laid out for walking many rows through one tree at a time.

    Attributes
    ----------
    feature : uint32 (nodes,)
        0 at a leaf.
    threshold : float32 (nodes,)
        Greatest float32 not above the tree's own; infinite at a leaf.
    child : uint32 (2 nodes,)
        Where a row goes that is not above the threshold, and one that is; a leaf leads to itself.
    roots, depth : uint32 (trees,)
    first : uint32 (nodes + 1,)
        Where the cases of each leaf begin in `members`.
    members : uint32 (trees n,)
        Training cases by rank of their target.
    share : float64 (nodes,)
        1 / (trees x weight of the leaf's cases).
    middle, square : float64 (nodes,)
        What the leaf adds to the mean, and to the mean square, of the target less `centre`.
    ranked, own : float64 (n,)
        Target and weight of the cases by rank.
    """

    feature: NDArray[np.uint32]
    threshold: NDArray[np.float32]
    child: NDArray[np.uint32]
    roots: NDArray[np.uint32]
    depth: NDArray[np.uint32]
    first: NDArray[np.uint32]
    members: NDArray[np.uint32]
    share: Floats
    middle: Floats
    square: Floats
    ranked: Floats
    own: Floats
    centre: float


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
    def fit(cls, rows: Rows, target: Floats, weight: Floats | None = None) -> QuantileForest:
        """Grow `TREES` trees on bootstrap samples with a fixed seed; half of the features are tried at each split.

        Parameters
        ----------
        rows : float32 (n, features)
        target : float64 (n,)
        weight : float64 (n,), optional
            Above 0; all alike when absent.
        """
        from sklearn.ensemble import RandomForestRegressor

        # threads of scikit-learn 1.9 race for the filters of warnings and then warn of themselves, thousands of times
        share = max(1, rows.shape[1] // 2) / rows.shape[1]
        forest = RandomForestRegressor(
            n_estimators=TREES, min_samples_leaf=LEAST_LEAF, max_features=share, random_state=0, n_jobs=1
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
            Of the distribution, 0 - 1, rising.

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
    order = np.argsort(target, kind="stable")
    rank = np.empty(target.size, np.int64)
    rank[order] = np.arange(target.size)
    own = np.ones(target.size) if weight is None else np.asarray(weight, np.float64)
    sizes = np.array([tree.feature.size for tree in trees])
    roots, count = np.cumsum(sizes) - sizes, int(sizes.sum())
    leaf = np.concatenate([tree.leaf + root for tree, root in zip(trees, roots, strict=True)])
    case = np.tile(np.arange(target.size), len(trees))
    by_leaf = np.lexsort((rank[case], leaf))
    leaf, case = leaf[by_leaf], case[by_leaf]
    total = np.bincount(leaf, weights=own[case], minlength=count)
    share = np.divide(1.0 / len(trees), total, out=np.zeros(count), where=total > 0)
    centre = float(np.average(target, weights=own))
    off = target[case] - centre
    return _Nodes(
        **_walked(trees, roots),
        first=np.searchsorted(leaf, np.arange(count + 1)).astype(np.uint32),
        members=rank[case].astype(np.uint32),
        share=share,
        middle=share * np.bincount(leaf, weights=own[case] * off, minlength=count),
        square=share * np.bincount(leaf, weights=own[case] * off**2, minlength=count),
        ranked=target[order],
        own=own[order],
        centre=centre,
    )


def _walked(trees: Sequence[Tree], roots: Ints) -> dict[str, Any]:
    """What walking through the trees needs."""
    feature = np.concatenate([tree.feature for tree in trees])
    exact = np.concatenate([tree.threshold for tree in trees])
    # rows are float32: what is not above the threshold is not above the greatest float32 that is not
    threshold = exact.astype(np.float32)
    threshold = np.where(threshold > exact, np.nextafter(threshold, np.float32(-np.inf)), threshold)
    places = np.arange(feature.size)
    child = [
        np.concatenate([getattr(tree, side) + root for tree, root in zip(trees, roots, strict=True)])
        for side in ("left", "right")
    ]
    end = feature < 0
    return {
        "feature": np.where(end, 0, feature).astype(np.uint32),
        "threshold": np.where(end, np.float32(np.inf), threshold),
        "child": np.stack([np.where(end, places, side) for side in child], axis=1).ravel().astype(np.uint32),
        "roots": roots.astype(np.uint32),
        "depth": np.array([_depth(tree) for tree in trees], np.uint32),
    }


def _depth(tree: Tree) -> int:
    """Splits on the longest way to a leaf."""
    level, depth = np.zeros(1, np.int64), 0
    while (inner := level[tree.feature[level] >= 0]).size:
        level, depth = np.concatenate([tree.left[inner], tree.right[inner]]), depth + 1
    return depth


@compiled
def _weigh(rows: Rows, nodes: _Nodes, shares: Floats, answer: Floats) -> None:
    """Fill ``answer`` (m, 2 + shares); shares rise."""
    leaves = np.empty((_TOGETHER, nodes.roots.size), np.uint32)
    weights = np.empty(nodes.ranked.size)
    for begin in range(0, rows.shape[0], _TOGETHER):
        end = min(begin + _TOGETHER, rows.shape[0])
        _walk(rows[begin:end], nodes, leaves)
        for i in range(end - begin):
            mean, square = 0.0, 0.0
            weights[:] = 0.0
            for leaf in leaves[i]:
                mean += nodes.middle[leaf]
                square += nodes.square[leaf]
                for k in range(nodes.first[leaf], nodes.first[leaf + np.uint32(1)]):
                    weights[nodes.members[k]] += nodes.share[leaf]
            answer[begin + i, 0] = nodes.centre + mean
            answer[begin + i, 1] = np.sqrt(max(square - mean * mean, 0.0))
            _quantiles(weights, nodes, shares, answer[begin + i, 2:])


@compiled
def _walk(rows: Rows, nodes: _Nodes, leaves: NDArray[np.uint32]) -> None:
    """Leaf of every row in every tree: a tree stays in the nearest cache while all rows go down it level by level."""
    count = rows.shape[0]
    place = np.empty(count, np.uint32)
    for tree in range(nodes.roots.size):
        place[:] = nodes.roots[tree]
        for _ in range(nodes.depth[tree]):
            for i in range(count):
                node = np.uint64(place[i])
                above = rows[i, nodes.feature[node]] > nodes.threshold[node]
                place[i] = nodes.child[np.uint64(2) * node + np.uint64(above)]
        for i in range(count):
            leaves[i, tree] = place[i]


@compiled
def _quantiles(weights: Floats, nodes: _Nodes, shares: Floats, answer: Floats) -> None:
    """Least target at which the weights reach each share: whole steps of cases first, then one by one."""
    total, begin = 0.0, 0
    for q in range(shares.size):
        goal = shares[q] - _ROUNDING
        while begin + _STEP <= weights.size:
            more = _sum(weights, nodes.own, begin)
            if total + more >= goal:
                break
            total += more
            begin += _STEP
        k, reached = begin, total
        while k < weights.size:
            reached += weights[k] * nodes.own[k]
            if reached >= goal:
                break
            k += 1
        answer[q] = nodes.ranked[min(k, weights.size - 1)]


@compiled
def _sum(weights: Floats, own: Floats, begin: int) -> float:
    """Weight of one step of cases: four sums side by side, so that no addition waits for the one before."""
    one, two, three, four = 0.0, 0.0, 0.0, 0.0
    for k in range(begin, begin + _STEP, 4):
        one += weights[k] * own[k]
        two += weights[k + 1] * own[k + 1]
        three += weights[k + 2] * own[k + 2]
        four += weights[k + 3] * own[k + 3]
    return (one + two) + (three + four)
