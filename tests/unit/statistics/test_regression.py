"""Lines against closed forms, refits and simulation."""

from __future__ import annotations

import numpy as np
import pytest

from uav_workflow.statistics.regression import (
    deming,
    observed_on_predicted,
    ordinary,
    reduced_major_axis,
    theil_sen,
    through_zero,
)


@pytest.fixture
def cloud() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(3)
    x = draw.uniform(0, 10, 25)
    return x, 3 + 2 * x + draw.standard_normal(25)


def test_ordinary_line_is_polyfits(cloud: tuple[np.ndarray, np.ndarray]) -> None:
    fit = ordinary(*cloud)
    (slope, intercept), covariance = np.polyfit(*cloud, 1, cov=True)
    assert (fit.line.slope, fit.line.intercept) == pytest.approx((slope, intercept))
    assert (fit.line.slope_se, fit.line.intercept_se) == pytest.approx(tuple(np.sqrt(np.diag(covariance))))
    assert fit.leverages.sum() == pytest.approx(2)
    np.testing.assert_allclose(fit.leverage(cloud[0]), fit.leverages)


def test_leave_one_out_residuals_are_those_of_refits(cloud: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = cloud
    refits = [y[i] - np.polyval(np.polyfit(np.delete(x, i), np.delete(y, i), 1), x[i]) for i in range(x.size)]
    np.testing.assert_allclose(ordinary(x, y).leave_one_out_residuals, refits)


@pytest.mark.parametrize(("x", "y"), [([1.0], [2.0]), ([2.0, 2.0], [1.0, 3.0]), ([], [])])
def test_a_line_needs_two_abscissae(x: list[float], y: list[float]) -> None:
    with pytest.raises(ValueError, match="two different abscissae"):
        ordinary(x, y)


def test_line_through_zero(cloud: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = cloud
    line = through_zero(x, y)
    assert line.slope == pytest.approx(np.linalg.lstsq(x[:, None], y, rcond=None)[0][0])
    assert line.intercept == 0
    with pytest.raises(ValueError, match="away from it"):
        through_zero([0.0, 0.0], [1.0, 2.0])


def test_deming_of_equal_errors_is_the_principal_axis(cloud: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = cloud
    axis = np.linalg.svd(np.column_stack([x - x.mean(), y - y.mean()]))[2][0]
    line = deming(x, y)
    assert line.slope == pytest.approx(axis[1] / axis[0])
    assert line.intercept == pytest.approx(y.mean() - line.slope * x.mean())


def test_deming_and_rma_turn_round_with_the_axes(cloud: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = cloud
    assert deming(x, y, 4.0).slope == pytest.approx(1 / deming(y, x, 0.25).slope)
    assert reduced_major_axis(x, y).slope == pytest.approx(1 / reduced_major_axis(y, x).slope)


def test_deming_finds_the_line_that_ordinary_flattens() -> None:
    draw = np.random.default_rng(4)
    truth = draw.uniform(0, 1, 4000)
    x, y = truth + 0.2 * draw.standard_normal(4000), 1.5 * truth + 0.2 * draw.standard_normal(4000)
    line = deming(x, y, 1.0)
    assert line.slope == pytest.approx(1.5, abs=4 * line.slope_se)
    assert line.slope_se < 0.05
    assert ordinary(x, y).line.slope < 1.2


def test_jackknife_error_of_rma_is_that_of_repeated_samples() -> None:
    draw = np.random.default_rng(5)

    def sample() -> tuple[np.ndarray, np.ndarray]:
        x = draw.standard_normal(60)
        return x, x + 0.5 * draw.standard_normal(60)

    fits = [reduced_major_axis(*sample()) for _ in range(300)]
    spread = np.std([fit.slope for fit in fits])
    assert np.mean([fit.slope_se for fit in fits]) == pytest.approx(spread, rel=0.15)


def test_too_few_points_have_no_line() -> None:
    assert np.isnan(deming([1, 2], [1, 2]).slope)
    three = deming([1, 2, 3], [1, 2, 3])
    assert three.slope == pytest.approx(1)
    assert np.isnan(three.slope_se)
    assert np.isnan(reduced_major_axis([1, 1, 1, 1], [1, 2, 3, 4]).slope)


def test_theil_sen_is_the_median_of_all_slopes(cloud: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = cloud
    i, j = np.triu_indices(x.size, 1)
    line = theil_sen(x, y)
    assert line.slope == pytest.approx(np.median((y[i] - y[j]) / (x[i] - x[j])))
    assert line.intercept == pytest.approx(np.median(y) - line.slope * np.median(x))
    assert line.slope_lo < 2 < line.slope_hi


def test_wild_points_move_the_ordinary_line_and_not_theil_sens(cloud: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = cloud
    wild = y.copy()
    wild[np.argsort(x)[-4:]] -= 40
    assert abs(theil_sen(x, wild).slope - 2) < 0.6
    assert ordinary(x, wild).line.slope < 0


def test_observed_on_predicted_is_the_line_of_identity_for_a_sound_model() -> None:
    """Predictions vary less than what is observed: the line the other way round looks biased for the best model."""
    draw = np.random.default_rng(6)
    predicted = draw.uniform(0, 1, 5000)
    observed = predicted + 0.3 * draw.standard_normal(5000)
    line = observed_on_predicted(predicted, observed)
    assert (line.slope, line.intercept) == pytest.approx((1, 0), abs=0.05)
    assert ordinary(observed, predicted).line.slope < 0.6
    assert np.isnan(observed_on_predicted([1, 1, 1], [1, 2, 3]).slope)
    assert np.isnan(theil_sen([1, 1, 1], [1, 2, 3]).slope)
