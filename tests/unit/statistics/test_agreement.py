"""Agreement figures against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from uav_workflow.statistics.agreement import Agreement, bias, concordance, paired, pearson_r, r2_centred, rmse


def test_r2_is_centred_where_programs_print_the_uncentred_one() -> None:
    """A line through zero on data with a large mean: uncentred 0.9, against the mean it explains less than nothing."""
    draw = np.random.default_rng(1)
    x = draw.uniform(0.9, 1.1, 200)
    y = 100 + 5 * draw.standard_normal(200)
    fitted = x * (x @ y) / (x @ x)
    uncentred = 1 - np.sum((y - fitted) ** 2) / np.sum(y**2)
    assert uncentred > 0.9
    assert r2_centred(fitted, y) == pytest.approx(1 - np.sum((y - fitted) ** 2) / np.sum((y - y.mean()) ** 2))
    assert r2_centred(fitted, y) < 0


def test_r2_of_the_mean_is_zero_and_of_a_shift_is_not_the_squared_correlation() -> None:
    observed = np.array([1.0, 2.0, 3.0, 4.0])
    assert r2_centred(np.full(4, 2.5), observed) == pytest.approx(0)
    assert pearson_r(observed + 10, observed) == pytest.approx(1)
    assert r2_centred(observed + 10, observed) < -50


def test_bias_interval_is_students() -> None:
    draw = np.random.default_rng(2)
    observed = draw.normal(10, 2, 15)
    predicted = observed + draw.normal(0.5, 1, 15)
    theirs = stats.ttest_1samp(predicted - observed, 0).confidence_interval(0.95)
    mean, low, high = bias(predicted, observed)
    assert (mean, low, high) == pytest.approx(((predicted - observed).mean(), theirs.low, theirs.high))


@pytest.mark.parametrize(
    ("predicted", "expected"),
    [((1, 2, 3), 1.0), ((2, 3, 4), 2 * (2 / 3) / (2 / 3 + 2 / 3 + 1)), ((3, 2, 1), -1.0)],
)
def test_concordance_of_hand_made_pairs(predicted: tuple[int, ...], expected: float) -> None:
    assert concordance(predicted, (1, 2, 3)) == pytest.approx(expected)


def test_block_of_hand_made_pairs() -> None:
    block = Agreement.of([1.0, 3.0, np.nan, 5.0], [2.0, 2.0, 7.0, 5.0])
    assert block.n == 3
    assert block.mean_observed == pytest.approx(3)
    assert block.rmse == pytest.approx(np.sqrt(2 / 3))
    assert block.rmse_unbiased == pytest.approx(np.sqrt(2 / 3))
    assert block.rrmse_percent == pytest.approx(100 * np.sqrt(2 / 3) / 3)
    assert block.nrmse_percent == pytest.approx(100 * np.sqrt(2 / 3) / 3)
    assert block.mae == pytest.approx(2 / 3)
    assert (block.error_median, block.error_p90) == pytest.approx((1, 1))
    assert block.bias == pytest.approx(0)
    assert block.r2 == pytest.approx(1 - 2 / 6)


def test_what_is_not_defined_is_nan() -> None:
    empty = Agreement.of([], [])
    assert empty.n == 0
    assert np.isnan([empty.rmse, empty.r2, empty.bias, empty.ccc, empty.mae]).all()
    one = Agreement.of([1.0], [2.0])
    assert (one.rmse, one.bias) == (1, -1)
    assert np.isnan([one.r2, one.r, one.ccc, one.bias_ci95_lo]).all()


def test_lengths_must_pair() -> None:
    with pytest.raises(ValueError, match="3 predictions do not pair with 2"):
        paired([1, 2, 3], [1, 2])
    assert np.isnan(rmse([np.nan], [1.0]))
