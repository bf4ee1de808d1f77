"""The empirical line against lines that are known."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from calibration.mosaic.empirical_line import TargetReading, fit_line

SLOPE, INTERCEPT = 1.7, -0.012


def reading(number, reflectance, *, slope=SLOPE, intercept=INTERCEPT, signal_sd=0.0, sd=0.005, off=0.0):
    signal = (reflectance - intercept) / slope
    return TargetReading(
        target_id=f"T{number}",
        band="red",
        signal=signal,
        signal_sd=signal_sd,
        reflectance=reflectance + off,
        sd=sd,
        pixels=200,
        cv=0.02,
    )


def test_exact_targets_give_back_their_line():
    line = fit_line([reading(k, rho, signal_sd=0.001) for k, rho in enumerate((0.03, 0.12, 0.30, 0.55))])
    assert_allclose((line.slope, line.intercept), (SLOPE, INTERCEPT), rtol=1e-12)
    assert line.levels == line.targets == 4
    assert line.r2 == pytest.approx(1.0)
    assert line.loo_rmse == pytest.approx(0.0, abs=1e-12)
    assert line.residual_sd == 0.0
    assert line.usable
    assert {gate.verdict for gate in line.gates()} == {"pass"}
    signal = np.array([0.01, 0.2, np.nan], np.float32)
    assert_allclose(line.apply(signal), SLOPE * signal + INTERCEPT, rtol=1e-6)


def test_one_target_goes_through_the_origin_and_says_so():
    line = fit_line([reading(1, 0.30, intercept=0.0)])
    assert_allclose((line.slope, line.intercept), (SLOPE, 0.0))
    assert math.isnan(line.loo_rmse)
    assert math.isnan(line.r2)
    assert [(gate.name, gate.verdict) for gate in line.gates()] == [("target-levels[red]", "warn")]
    assert line.usable
    assert line.low == 0.0


def test_targets_of_one_level_are_averaged_through_the_origin():
    """Two greys a hundredth apart make no slope of their own."""
    line = fit_line([reading(1, 0.300, intercept=0.0), reading(2, 0.310, intercept=0.0, off=0.006)])
    assert line.levels == 1
    assert line.intercept == 0.0
    assert line.slope == pytest.approx(SLOPE * (1 + 0.006 / 0.305 / 2), rel=1e-3)


def test_two_targets_make_a_line_whose_error_is_told_by_leaving_one_out():
    line = fit_line([reading(1, 0.05), reading(2, 0.40)])
    assert_allclose((line.slope, line.intercept), (SLOPE, INTERCEPT), rtol=1e-12)
    assert math.isnan(line.r2)
    by_hand = [0.40 / (0.412 / SLOPE) * (0.062 / SLOPE) - 0.05, 0.05 / (0.062 / SLOPE) * (0.412 / SLOPE) - 0.40]
    assert line.loo_rmse == pytest.approx(math.sqrt(np.mean(np.square(by_hand))))
    assert "target-r2[red]" not in [gate.name for gate in line.gates()]


def test_weights_follow_both_axes():
    """A target ten times less sure of either axis hardly moves the line."""
    sure = [reading(k, rho, signal_sd=0.0002, sd=0.002) for k, rho in enumerate((0.03, 0.20, 0.50))]
    for doubt in ({"sd": 0.02, "signal_sd": 0.0002}, {"sd": 0.002, "signal_sd": 0.02 / SLOPE}):
        line = fit_line([*sure, reading(9, 0.35, off=0.01, **doubt)])
        even = fit_line([*sure, reading(9, 0.35, off=0.01, signal_sd=0.0002, sd=0.002)])
        assert abs(line.slope - SLOPE) < 0.05 * abs(even.slope - SLOPE)


def test_covariance_is_that_of_many_fits():
    """Monte Carlo: the spread of fitted reflectances is what `variance` states."""
    rng = np.random.default_rng(11)
    truth = np.array([0.03, 0.10, 0.25, 0.50])
    signal = ((truth - INTERCEPT) / SLOPE).astype(np.float32)
    made, stated = [], []
    for _ in range(1500):
        rows = [
            TargetReading(
                target_id=f"T{k}",
                band="red",
                signal=float(s + rng.normal(0, 0.002)),
                signal_sd=0.002,
                reflectance=float(rho + rng.normal(0, 0.004)),
                sd=0.004,
                pixels=100,
                cv=0.02,
            )
            for k, (s, rho) in enumerate(zip(signal, truth, strict=True))
        ]
        line = fit_line(rows)
        made.append(line.apply(signal))
        stated.append(line.variance(signal))
    # the covariance grows with misfit beyond the expected and never shrinks: on average by less than a third
    ratio = np.mean(stated, axis=0) / np.var(made, axis=0)
    assert (ratio > 0.93).all()
    assert (ratio < 1.45).all()


def test_scatter_beyond_the_stated_errors_is_measured():
    rng = np.random.default_rng(12)
    levels = (0.03, 0.1, 0.2, 0.35, 0.5)
    found = [
        fit_line([reading(k, rho, sd=0.003, off=rng.normal(0, 0.02)) for k, rho in enumerate(levels)])
        for _ in range(300)
    ]
    assert np.sqrt(np.mean([line.residual_sd**2 for line in found])) == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize(
    ("off", "gate"),
    [((0.0, 0.12, -0.12, 0.0), "target-loo-rmse[red]"), ((0.25, 0.25, 0.25, 0.25), "target-intercept[red]")],
)
def test_a_line_whose_gates_fail_is_not_usable(off, gate):
    line = fit_line([reading(k, rho, off=d) for k, (rho, d) in enumerate(zip((0.05, 0.2, 0.4, 0.6), off, strict=True))])
    assert not line.usable
    assert gate in [each.name for each in line.gates() if each.verdict == "fail"]


def test_brighter_targets_that_are_darker_make_no_line():
    line = fit_line([reading(1, 0.05, slope=-1.0, intercept=0.6), reading(2, 0.50, slope=-1.0, intercept=0.6)])
    assert line.slope < 0
    assert not line.usable
    with pytest.raises(ValueError, match="at least one"):
        fit_line([])


def test_targets_that_lie_in_photos_of_their_own_do_not_speak_for_dark_ground():
    """Mosaics off by 3 % from photo to photo: a bright target's error is no scatter of all ground in reflectance."""
    truth = np.array([0.03, 0.067, 0.12, 0.2, 0.3])
    off, stated, scatter = [], [], []
    for seed in range(200):
        signal = 2 * truth * (1 + np.random.default_rng(seed).normal(0, 0.03, 5))
        rows = [
            TargetReading(
                target_id=f"T{k}",
                band="blue",
                signal=float(signal[k]),
                signal_sd=1e-4,
                reflectance=float(truth[k]),
                sd=3e-4,
                pixels=400,
                cv=0.02,
            )
            for k in range(5)
        ]
        line = fit_line([row.seen_once(0.03) for row in rows])
        dark = np.array([0.08], np.float32)
        off.append(float(line.apply(dark)[0]) - 0.04)
        stated.append(float(np.sqrt(line.variance(dark)[0] + line.residual_sd**2)))
        scatter.append(fit_line(rows).residual_sd)
    inside = np.abs(off) <= 1.645 * np.array(stated)
    assert 0.85 <= inside.mean() <= 0.96
    assert np.median(stated) < 0.5 * np.median(scatter)
