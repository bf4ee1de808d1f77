"""Which plots are left out together."""

from __future__ import annotations

import numpy as np
import pytest

from uav_workflow.statistics.folds import Folds, merged, random_folds, single_cases, validation_folds, variogram_range


def autocorrelated(reach_m: float, seed: int, n: int = 120, side: float = 100.0) -> tuple[np.ndarray, ...]:
    """Values whose exponential variogram has this practical range, at places by lot."""
    draw = np.random.default_rng(seed)
    x, y = draw.uniform(0, side, (2, n))
    covariance = np.exp(-3 * np.hypot(x[:, None] - x, y[:, None] - y) / reach_m)
    return x, y, np.linalg.cholesky(covariance + 1e-9 * np.eye(n)) @ draw.standard_normal(n)


def test_every_case_is_left_out_once() -> None:
    for folds in (single_cases(17), random_folds(17, 5), Folds(scheme="leave_site_out", groups=np.arange(17) % 4)):
        outs = np.array([out for _, out in folds.split()])
        assert (outs.sum(axis=0) == 1).all()
        assert all((kept == ~out).all() for kept, out in folds.split())
    assert random_folds(17, 5).n_groups == 5


def test_five_sites_are_left_out_whole() -> None:
    sites = [f"S{i % 5}" for i in range(30)]
    x = np.arange(30.0)
    folds = validation_folds(sites, x, x, x)
    assert (folds.scheme, folds.n_groups) == ("leave_site_out", 5)
    for _, out in folds.split():
        assert len({site for site, gone in zip(sites, out, strict=True) if gone}) == 1


def test_few_sites_fall_back_with_a_word() -> None:
    x, y, values = autocorrelated(20.0, 1)
    blocks = validation_folds(["a", "b"] * 60, x, y, values)
    assert blocks.scheme == "spatial_blocks"
    assert "2 sites" in blocks.note
    few = validation_folds(["a"] * 12, np.arange(12.0), np.arange(12.0), np.arange(12.0))
    assert few.scheme == "leave_one_out"
    assert "too few" in few.note
    unplaced = validation_folds(["a"] * 120, np.full(120, np.nan), y, values)
    assert unplaced.scheme == "leave_one_out"


def test_a_block_holds_neighbours() -> None:
    x, y, values = autocorrelated(25.0, 2)
    folds = validation_folds(["a"] * 120, x, y, values)
    for _, out in folds.split():
        assert np.ptp(x[out]) <= 60
        assert np.ptp(y[out]) <= 60


@pytest.mark.parametrize("reach_m", [10.0, 30.0])
def test_range_of_the_variogram(reach_m: float) -> None:
    ranges = [variogram_range(*autocorrelated(reach_m, seed), np.zeros(120, np.int64)) for seed in range(20)]
    assert np.median(ranges) == pytest.approx(reach_m, rel=0.5)


def test_noise_has_no_range() -> None:
    draw = np.random.default_rng(0)
    ranges = []
    for _ in range(20):
        x, y = draw.uniform(0, 100, (2, 120))
        ranges.append(variogram_range(x, y, draw.standard_normal(120), np.zeros(120, np.int64)))
    assert np.mean(np.array(ranges) == 0) >= 0.5


def test_merging_keeps_groups_whole_and_even() -> None:
    groups = np.repeat(np.arange(23), np.random.default_rng(1).integers(1, 9, 23))
    small = merged(Folds(scheme="leave_site_out", groups=groups), 5)
    assert small.n_groups == 5
    assert all(len(np.unique(small.groups[groups == group])) == 1 for group in range(23))
    assert np.ptp(np.bincount(small.groups)) <= 4
    few = Folds(scheme="leave_site_out", groups=np.arange(4))
    assert merged(few, 5) is few
