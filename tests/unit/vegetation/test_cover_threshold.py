"""Otsu against brute force, and evidence that tells one hump from two."""

from __future__ import annotations

import numpy as np
import pytest

from uav_workflow.vegetation.threshold import otsu


def test_threshold_is_the_best_of_all_cuts() -> None:
    values = np.round(np.random.default_rng(0).gamma(2.0, size=200), 2)
    cuts = np.unique(values)
    within = [
        np.var(values[values <= c]) * (values <= c).sum() + np.var(values[values > c]) * (values > c).sum()
        for c in cuts[:-1]
    ]
    best = int(np.argmin(within))
    split = otsu(values)
    assert split.threshold == pytest.approx((cuts[best] + cuts[best + 1]) / 2)
    assert split.between_share == pytest.approx(1 - within[best] / (values.var() * values.size))
    assert split.share_below == pytest.approx((values <= cuts[best]).mean())


def test_two_humps_are_seen_and_cut_between() -> None:
    draw = np.random.default_rng(1)
    split = otsu(np.concatenate([draw.normal(-20, 3, 30_000), draw.normal(2, 3, 70_000)]))
    assert split.threshold == pytest.approx(-9, abs=1)
    assert split.share_below == pytest.approx(0.3, abs=0.01)
    assert split.ashman_d == pytest.approx(22 / 3, rel=0.03)
    assert split.valley_depth > 0.9
    assert not split.unimodal


@pytest.mark.parametrize("shape", ["normal", "uniform", "exponential"])
def test_one_hump_is_refused_although_halves_of_it_look_apart(shape: str) -> None:
    draw = np.random.default_rng(2)
    values = {"normal": draw.normal, "uniform": draw.uniform, "exponential": draw.exponential}[shape](size=100_000)
    split = otsu(values)
    low, high = values[values < split.threshold], values[values >= split.threshold]
    naive = np.sqrt(2) * (high.mean() - low.mean()) / np.sqrt(low.var() + high.var())
    assert naive > 2
    assert split.between_share > 0.5
    assert split.unimodal


def test_equal_values_are_never_parted() -> None:
    split = otsu([1, 1, 1, 2, np.nan])
    assert (split.threshold, split.share_below, split.n) == (1.5, 0.75, 4)
    with pytest.raises(ValueError, match="two different values"):
        otsu([3.0, 3.0, np.inf])
