"""L*a*b* of colours whose coordinates are in every table."""

from __future__ import annotations

import numpy as np
import pytest

from uav_workflow.vegetation.colour import a_star, lightness, luminance


@pytest.mark.parametrize(
    ("rgb", "l_star", "a"),
    [
        ((1, 1, 1), 100.0, 0.0),
        ((1, 0, 0), 53.24, 80.09),
        ((0, 1, 0), 87.73, -86.18),
        ((0, 0, 1), 32.30, 79.19),
        ((0.5, 0.5, 0.5), 76.07, 0.0),
        ((0.001, 0.001, 0.001), 0.903, 0.0),
    ],
)
def test_primaries_and_greys(rgb: tuple[float, float, float], l_star: float, a: float) -> None:
    colour = np.array(rgb, np.float32).reshape(3, 1, 1)
    assert lightness(float(luminance(colour)[0, 0])) == pytest.approx(l_star, abs=0.01)
    assert a_star(colour, 1.0)[0, 0] == pytest.approx(a, abs=0.02)
    assert a_star(colour, 1.0).dtype == np.float32


def test_white_scales_linear_light() -> None:
    colour = np.array([0.05, 0.09, 0.04], np.float32).reshape(3, 1, 1)
    assert a_star(colour, 0.3) == pytest.approx(a_star(colour / np.float32(0.3), 1.0), abs=1e-4)
    assert np.isfinite(a_star(-colour, 1.0)).all()
