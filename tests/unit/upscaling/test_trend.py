"""The trend against values known in closed form, and against fits made group by group."""

from __future__ import annotations

import numpy as np
import pytest

from uav_workflow.upscaling.trend import BEYOND, Trend


def test_carries_a_parabola_on_and_stops() -> None:
    draw = np.random.default_rng(2)
    rows = draw.random((400, 3)).astype(np.float32)
    truth = lambda a, b: 3 + 2 * a - b + 4 * a * b + a**2  # noqa: E731
    target = truth(*rows[:, :2].astype(float).T)
    trend, left_out = Trend.fit(rows, target, np.ones(400), np.arange(400) // 40, np.array([0, 1]))
    assert left_out == pytest.approx(target, abs=1e-3)
    new = np.array([[1.2, 1.1, 9.0], [0.5, -0.3, 0.0]], np.float32)  # beyond; the third is not used
    assert trend.of(new) == pytest.approx(truth(*new[:, :2].astype(float).T), abs=0.01)
    ends = rows[:, 0].max() + BEYOND * np.ptp(rows[:, 0])
    far = np.array([[50.0, 0.5, 0.0], [ends, 0.5, 0.0]], np.float32)
    assert trend.of(far)[0] == pytest.approx(trend.of(far)[1])


def test_left_out_is_what_a_fit_without_the_group_says() -> None:
    """Ridge regression of standardised terms, solved again for every group."""
    draw = np.random.default_rng(3)
    rows = draw.normal(size=(90, 2)).astype(np.float32)
    weight, groups = draw.uniform(0.5, 2, 90), np.arange(90) % 6
    target = rows @ [1.0, -2.0] + draw.normal(0, 0.5, 90)
    trend, left_out = Trend.fit(rows, target, weight, groups, np.arange(2))
    scaled = (rows.astype(float) - rows.mean(0, dtype=float)) / rows.std(0, dtype=float)
    terms = np.column_stack([scaled, scaled[:, 0] ** 2, scaled[:, 0] * scaled[:, 1], scaled[:, 1] ** 2])
    design = np.column_stack([np.ones(90), (terms - terms.mean(0)) / terms.std(0)])
    dear = trend.penalty * weight.sum() * np.array([0, 1, 1, *[trend.bend] * 3])
    for group in range(6):
        kept = groups != group
        inner = (design[kept] * weight[kept, None]).T @ design[kept] + np.diag(dear)
        found = np.linalg.solve(inner, design[kept].T @ (weight * target)[kept])
        assert design[~kept] @ found == pytest.approx(left_out[~kept])


def test_few_cells_make_it_linear() -> None:
    draw = np.random.default_rng(4)
    rows = draw.random((60, 5)).astype(np.float32)
    trend, _ = Trend.fit(rows, rows[:, 0] ** 2 * 1.0, np.ones(60), np.zeros(60, int), np.arange(5))
    assert not trend.square.any()


def test_predictors_that_run_away_together_end_at_the_values_own_range() -> None:
    draw = np.random.default_rng(5)
    rows = draw.random((400, 2)).astype(np.float32)
    target = rows[:, 0].astype(float) * rows[:, 1] * 100
    trend, _ = Trend.fit(rows, target, np.ones(400), np.arange(400) // 40, np.arange(2))
    inside, outside = trend.of(np.array([[0.9, 0.9], [1.5, 1.5]], np.float32))
    assert inside == pytest.approx(81, abs=1)
    assert outside == pytest.approx(target.max() + BEYOND * np.ptp(target))
