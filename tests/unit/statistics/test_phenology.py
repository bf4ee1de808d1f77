"""Seasons whose dates are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from uav_workflow.statistics.phenology import DOUBLE_LOGISTIC, HALF_MAXIMUM, double_logistic, season

TRUTH = (0.1, 0.7, 140.0, 260.0, 0.12, 0.08)


def test_double_logistic_finds_the_inflections_it_was_made_with() -> None:
    days = np.arange(100, 310, 15)
    noise = 0.01 * np.random.default_rng(1).standard_normal(days.size)
    found = season(days, double_logistic(days, TRUTH) + noise)
    assert found.method == DOUBLE_LOGISTIC
    assert found.start == pytest.approx(140, abs=3)
    assert found.end == pytest.approx(260, abs=3)
    assert abs(found.start - 140) < 4 * found.start_sd
    assert found.rmse < 0.03
    curve = double_logistic(np.arange(100, 310), TRUTH)
    assert found.peak == pytest.approx(100 + int(np.argmax(curve)), abs=8)


def test_few_dates_cross_half_of_the_amplitude_on_straight_lines() -> None:
    found = season([120, 150, 200, 250, 290], [0.1, 0.3, 0.7, 0.5, 0.1])
    assert found.method == HALF_MAXIMUM
    # half is 0.4: a quarter of the way from 0.3 to 0.7, and from 0.5 to 0.1
    assert found.start == pytest.approx(150 + 50 / 4)
    assert found.start_between == (150, 200)
    assert found.end == pytest.approx(250 + 40 / 4)
    assert found.end_between == (250, 290)
    assert found.peak == 200


def test_order_days_and_holes_do_not_matter() -> None:
    plain = season([120, 150, 200, 250, 290], [0.1, 0.3, 0.7, 0.5, 0.1])
    mixed = season([290, 200, 120, 250, 200, 150, 170], [0.1, 0.6, 0.1, 0.5, 0.8, 0.3, np.nan])
    assert (mixed.start, mixed.peak, mixed.end) == pytest.approx((plain.start, plain.peak, plain.end))


@pytest.mark.parametrize(
    ("days", "values", "word"),
    [
        ([120, 160, 200], [0.1, 0.6, 0.2], "3 dates, of at least 4"),
        ([120, 160, 200, 240], [0.30, 0.31, 0.33, 0.30], "amplitude of 0.030"),
        ([120, 160, 200, 240], [0.1, 0.3, 0.5, 0.7], "greatest on the last date"),
        ([120, 160, 200, 240], [0.7, 0.3, 0.2, 0.1], "greatest on the first date"),
    ],
)
def test_no_season_is_forced(days: list[float], values: list[float], word: str) -> None:
    found = season(days, values)
    assert word in found.note
    assert found.method == ""
    assert np.isnan([found.start, found.peak, found.end]).all()


def test_a_side_that_was_not_flown_has_no_date() -> None:
    found = season([160, 190, 220, 260], [0.5, 0.7, 0.4, 0.1])
    assert np.isnan(found.start)
    assert "no start" in found.note
    assert found.end == pytest.approx(220)
    assert found.peak == 190


def test_a_curve_that_does_not_fit_gives_way_to_straight_lines() -> None:
    """Two seasons in a year are no double logistic."""
    days = np.arange(60, 330, 15)
    first = double_logistic(days, (0.1, 0.7, 100, 140, 0.3, 0.3))
    twice = first + double_logistic(days, (0, 0.55, 230, 270, 0.3, 0.3))
    assert season(days, twice).method == HALF_MAXIMUM
