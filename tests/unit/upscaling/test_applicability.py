"""The area of applicability against cases worked by hand and against the definition written out plainly."""

from __future__ import annotations

import math

import numpy as np
import pytest

from uav_workflow.upscaling.applicability import Applicability

# One predictor, four cells at 0, 1, 2, 5 in four folds of their own. Mean 2, variance (4 + 1 + 0 + 9) / 3 = 14/3.
# Distances times sd: 0: 1 2 5, mean 8/3; 1: 1 1 4, mean 2; 2: 2 1 3, mean 2; 5: 5 4 3, mean 4; mean of all 8/3.
# Nearest: 1 1 1 3; over 8/3: 3/8 3/8 3/8 9/8.
# Type 7 quartiles: 3/8 and 3/8 + 0.25 (9/8 - 3/8) = 9/16; whisker 9/16 + 1.5 x 3/16 = 27/32, below the greatest, 9/8.
LINE = np.array([[0.0], [1.0], [2.0], [5.0]])
ALONE = np.arange(4)


def test_worked_by_hand() -> None:
    area = Applicability.fit(LINE, np.array([1.0]), ALONE)
    sd = math.sqrt(14 / 3)
    assert area.centre == pytest.approx([2.0])
    assert area.scale == pytest.approx([sd])
    assert area.mean_distance == pytest.approx(8 / 3 / sd)
    assert area.training == pytest.approx([3 / 8, 3 / 8, 3 / 8, 9 / 8])
    assert area.threshold == pytest.approx(27 / 32)
    assert area.training_inside.tolist() == [True, True, True, False]
    # reach 27/32 x 8/3 = 2.25: 7.2 lies 2.2 from 5 and is inside, 7.3 lies 2.3 and is not
    index, density = area.of(np.array([[0.0], [3.0], [7.2], [7.3], [-10.0]]))
    assert index == pytest.approx([0, 3 / 8, 2.2 * 3 / 8, 2.3 * 3 / 8, 10 * 3 / 8])
    assert (index <= area.threshold).tolist() == [True, True, True, False, False]
    # within 2.25 of 0: 0 1 2; of 3: 1 2 5; of 7.2: 5
    assert density.tolist() == [3, 3, 1, 0, 0]


def test_cap_worked_by_hand() -> None:
    """Cells at 0 1 | 3 4, two folds: nearest outside 3 2 2 3; the whisker, 3 + 1.5 x 1, is capped at 3."""
    area = Applicability.fit(np.array([[0.0], [1.0], [3.0], [4.0]]), np.array([1.0]), np.array([0, 0, 1, 1]))
    # 0: 1 3 4, mean 8/3; 1: 1 2 3, mean 2; by symmetry 7/3 over all
    assert area.training * 7 / 3 == pytest.approx([3, 2, 2, 3])
    lower, upper = 2 / (7 / 3), 3 / (7 / 3)
    assert upper + 1.5 * (upper - lower) > area.training.max()
    assert area.threshold == area.training.max() == pytest.approx(9 / 7)


def test_importance_stretches_the_axes() -> None:
    """The second predictor counts nothing: the same as the first alone. Alike where none counts."""
    rows = np.column_stack([LINE[:, 0], [3.0, -1.0, 4.0, 0.0]])
    one = Applicability.fit(LINE, np.array([1.0]), ALONE)
    first = Applicability.fit(rows, np.array([0.7, -0.2]), ALONE)
    assert first.training == pytest.approx(one.training)
    assert first.threshold == pytest.approx(one.threshold)
    alike = Applicability.fit(rows, np.array([0.0, -1.0]), ALONE)
    assert alike.training == pytest.approx(Applicability.fit(rows, np.array([2.0, 2.0]), ALONE).training)


def test_search_equals_the_definition() -> None:
    draw = np.random.default_rng(4)
    rows = draw.normal(size=(300, 6)) @ draw.normal(size=(6, 6))
    importance, groups = draw.random(6), draw.integers(0, 7, 300)
    area = Applicability.fit(rows, importance, groups)
    scaled = (rows - rows.mean(0)) / rows.std(0, ddof=1) * importance
    apart = np.linalg.norm(scaled[:, None] - scaled[None], axis=2)
    mean = (apart.sum(1) / 299).mean()
    outside = np.where(groups[:, None] == groups, np.inf, apart).min(1) / mean
    assert area.training == pytest.approx(outside)
    new = 2 * draw.normal(size=(400, 6)) @ draw.normal(size=(6, 6))
    index, density = area.of(new)
    scaled_new = (new - rows.mean(0)) / rows.std(0, ddof=1) * importance
    far = np.linalg.norm(scaled_new[:, None] - scaled[None], axis=2) / mean
    assert index == pytest.approx(far.min(1))
    assert density.tolist() == (far < area.threshold).sum(1).tolist()
    assert 0 < (density > 0).mean() < 1


def test_what_can_not_be_measured() -> None:
    with pytest.raises(ValueError, match="does not vary"):
        Applicability.fit(np.ones((4, 1)), np.array([1.0]), ALONE)
    with pytest.raises(ValueError, match="one fold"):
        Applicability.fit(LINE, np.array([1.0]), np.zeros(4, int))
