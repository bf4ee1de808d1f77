"""Conformal quantiles hold what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from uav_workflow.statistics.intervals import conformal_quantile, interval_coverage, smallest_sample


@pytest.mark.parametrize(("n", "rank"), [(9, 9), (10, 10), (19, 18), (36, 34), (99, 90)])
def test_quantile_is_the_right_order_statistic(n: int, rank: int) -> None:
    scores = np.random.default_rng(0).permutation(np.arange(1.0, n + 1))
    assert conformal_quantile(scores, 0.9) == rank


def test_too_few_scores_promise_nothing() -> None:
    assert smallest_sample(0.9) == 9
    assert conformal_quantile(np.ones(8), 0.9) == math.inf
    assert conformal_quantile([], 0.9) == math.inf


def test_new_scores_fall_below_it_as_often_as_promised() -> None:
    draw = np.random.default_rng(1)
    held = [draw.lognormal() <= conformal_quantile(draw.lognormal(size=25), 0.9) for _ in range(4000)]
    assert np.mean(held) == pytest.approx(math.ceil(0.9 * 26) / 26, abs=0.015)


def test_coverage_and_width() -> None:
    coverage = interval_coverage([0, 0, 0, np.nan], [1, 2, 3, 4], [0.5, 2.5, 3.0, 1.0])
    assert (coverage.n, coverage.share, coverage.mean_width) == (3, pytest.approx(2 / 3), pytest.approx(2))
    assert math.isnan(interval_coverage([np.nan], [1], [1]).share)
