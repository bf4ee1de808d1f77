"""The forest's weights against their definition, written out plainly."""

from __future__ import annotations

import numpy as np
import pytest

from uav_workflow.statistics.quantile_forest import QuantileForest


def leaf_of(forest: QuantileForest, tree: int, row: np.ndarray) -> int:
    one, node = forest.trees[tree], 0
    while one.feature[node] >= 0:
        node = int(one.left[node] if row[one.feature[node]] <= one.threshold[node] else one.right[node])
    return node


@pytest.mark.parametrize("weighted", [False, True])
def test_weights_are_shares_of_leaves(weighted: bool) -> None:
    draw = np.random.default_rng(6)
    rows = draw.random((120, 3)).astype(np.float32)
    target = np.round(100 * rows[:, 0] + draw.normal(0, 5, 120))  # ties among the targets
    own = draw.uniform(0.2, 3, 120) if weighted else np.ones(120)
    forest = QuantileForest.fit(rows, target, own if weighted else None)
    new = draw.random((7, 3)).astype(np.float32)
    found = forest.moments(new, (0.1, 0.5, 0.9))
    for i, row in enumerate(new):
        weights = np.zeros(120)
        for tree in range(len(forest.trees)):
            together = own * (forest.trees[tree].leaf == leaf_of(forest, tree, row))
            weights += together / together.sum() / len(forest.trees)
        mean = weights @ target
        order = np.argsort(target)
        quantiles = [target[order][np.searchsorted(np.cumsum(weights[order]), q - 1e-12)] for q in (0.1, 0.5, 0.9)]
        assert found[:, i] == pytest.approx([mean, np.sqrt(weights @ (target - mean) ** 2), *quantiles])


def test_heavier_cases_pull_the_mean() -> None:
    rows = np.zeros((40, 1), np.float32)
    target = np.repeat([0.0, 10.0], 20)
    even = QuantileForest.fit(rows, target).moments(rows[:1])[0, 0]
    heavy = QuantileForest.fit(rows, target, np.repeat([1.0, 9.0], 20)).moments(rows[:1])[0, 0]
    assert (even, heavy) == (pytest.approx(5), pytest.approx(9))


def test_an_unknown_feature_makes_an_unknown_answer() -> None:
    draw = np.random.default_rng(1)
    rows = draw.random((60, 2)).astype(np.float32)
    forest = QuantileForest.fit(rows, draw_target(rows))
    new = rows[:5].copy()
    new[2, 1] = np.nan
    found = forest.moments(new)
    assert np.isnan(found[:, 2]).all()
    assert np.isfinite(found[:, [0, 1, 3, 4]]).all()


def draw_target(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows[:, 0] * 3.0 + rows[:, 1], np.float64)


def test_walks_as_the_library_that_grew_it() -> None:
    """Neighbouring float32 as features: thresholds between them lie on none; more cases than go down together."""
    draw = np.random.default_rng(9)
    steps = np.ones(40, np.float32)
    for place in range(1, 40):
        steps[place] = np.nextafter(steps[place - 1], np.float32(2))
    rows = draw.choice(steps, (700, 2))
    target = (rows[:, 0] - 1) * 1e6 + draw.normal(0, 0.3, 700)
    forest = QuantileForest.fit(rows, target)
    weights = np.zeros((700, 700))
    for tree in forest.trees:  # the leaf of every case is the library's own answer
        together = tree.leaf[:, None] == tree.leaf[None, :]
        weights += together / together.sum(axis=1, keepdims=True) / len(forest.trees)
    mean, sd, low, high = forest.moments(rows)
    assert mean == pytest.approx(weights @ target)
    assert sd == pytest.approx(np.sqrt((weights * (target - mean[:, None]) ** 2).sum(axis=1)))
    order = np.argsort(target)
    reached = np.cumsum(weights[:, order], axis=1)
    for share, found in ((0.05, low), (0.95, high)):
        np.testing.assert_array_equal(found, target[order][(reached >= share - 1e-12).argmax(axis=1)])
