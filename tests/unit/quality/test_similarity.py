from __future__ import annotations

import numpy as np
import pytest

from uav_workflow.quality.similarity import fit_similarity


def test_a_known_similarity_is_found() -> None:
    rng = np.random.default_rng(3)
    source = rng.normal(size=(12, 3))
    angle = 0.3
    rotation = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    target = 1.7 * source @ rotation.T + np.array([500000.0, 4200000.0, 3000.0])
    found = fit_similarity(source, target)
    assert found.scale == pytest.approx(1.7)
    assert found.rotation == pytest.approx(rotation, abs=1e-9)
    assert found.apply(source) == pytest.approx(target)


def test_a_mirror_image_is_no_similarity() -> None:
    source = np.random.default_rng(4).normal(size=(8, 3))
    found = fit_similarity(source, source * np.array([1, 1, -1]))
    assert np.linalg.det(found.rotation) == pytest.approx(1.0)


def test_two_points_are_too_few() -> None:
    with pytest.raises(ValueError, match="three"):
        fit_similarity(np.zeros((2, 3)), np.zeros((2, 3)))
