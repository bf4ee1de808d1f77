"""The Gaussian process: scikit-learn's numbers, a known surface, and what it says far from all cases."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from numpy.typing import NDArray

from uav_workflow.statistics.gaussian_process import BLOCK, LENGTHS, NOISE, GaussianProcess

Floats = NDArray[np.float64]


def surface(rows: Floats) -> Floats:
    """Of two predictors in units of their own; the third does not matter."""
    return np.asarray(300 + 200 * np.sin(12 * rows[:, 0]) + 80 * rows[:, 1] ** 2, np.float64)


def cases(n: int, seed: int, error: float = 5.0) -> tuple[Floats, Floats]:
    draw = np.random.default_rng(seed)
    rows = draw.uniform(size=(n, 3)) * [0.4, 1.0, 1.0]
    return rows, surface(rows) + error * draw.standard_normal(n)


@pytest.mark.parametrize("n", [6, 15, 40])
def test_predictions_and_likelihood_are_scikit_learns(n: int) -> None:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    rows, target = cases(n, 1)
    ours = GaussianProcess.fit(rows, target)
    kernel = ConstantKernel(ours.signal) * Matern(ours.lengths, nu=2.5) + WhiteKernel(ours.signal * ours.noise)
    # a fixed kernel, the spread we standardise by and the mean we take off: nothing is left to its own choice
    theirs = GaussianProcessRegressor(kernel, optimizer=None, alpha=0.0)
    theirs.fit((rows - rows.mean(0)) / rows.std(0), target - target.mean())
    new, _ = cases(200, 2)
    mean, sd = theirs.predict((new - rows.mean(0)) / rows.std(0), return_std=True)
    ours_mean, ours_sd, _ = ours.predict(new)
    assert ours_mean == pytest.approx(mean + target.mean(), abs=1e-7)
    assert ours_sd == pytest.approx(sd, rel=1e-7)
    assert ours.likelihood == pytest.approx(theirs.log_marginal_likelihood_value_, abs=1e-8)


def test_no_likelihood_of_scikit_learns_is_better() -> None:
    """Its own optimiser, started anew five times inside the same bounds."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    rows, target = cases(25, 3)
    ours = GaussianProcess.fit(rows, target)
    kernel = ConstantKernel(1.0, (1e-3, 1e4)) * Matern([1.0] * 3, LENGTHS, nu=2.5) + WhiteKernel(0.2, (1e-6, 10))
    theirs = GaussianProcessRegressor(kernel, n_restarts_optimizer=5, random_state=0)
    scale = target.std()
    with warnings.catch_warnings():
        # a length at its bound: the third predictor does not matter
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs.fit((rows - rows.mean(0)) / rows.std(0), (target - target.mean()) / scale)
    assert ours.likelihood + len(target) * np.log(scale) >= theirs.log_marginal_likelihood_value_ - 0.05


def test_a_known_surface_is_found_from_forty_cases() -> None:
    rows, target = cases(40, 4)
    fitted = GaussianProcess.fit(rows, target)
    new, _ = cases(500, 5)
    off = fitted.predict(new)[0] - surface(new)
    assert np.sqrt(np.mean(off**2)) < 0.1 * surface(new).std()
    assert np.sqrt(fitted.noise * fitted.signal) == pytest.approx(5.0, rel=0.5)
    assert fitted.lengths[2] > 3 * fitted.lengths[0]


def test_noise_alone_is_its_mean() -> None:
    draw = np.random.default_rng(6)
    fitted = GaussianProcess.fit(draw.uniform(size=(30, 2)), draw.normal(100, 10, 30))
    mean, sd, _ = fitted.predict(draw.uniform(size=(50, 2)))
    assert np.abs(mean - 100).max() < 8
    assert sd == pytest.approx(10, rel=0.35)


def test_far_away_it_falls_back_on_the_mean_and_says_so() -> None:
    rows, target = cases(20, 7)
    fitted = GaussianProcess.fit(rows, target)
    mean, sd, likeness = fitted.predict(np.full((1, 3), 1e4))
    assert mean[0] == pytest.approx(target.mean())
    assert sd[0] == pytest.approx(np.sqrt(fitted.signal * (1 + fitted.noise)))
    assert likeness[0] < 1e-6
    assert fitted.predict(rows)[2] == pytest.approx(1)


def test_left_out_in_closed_form_is_the_process_without_them() -> None:
    rows, target = cases(18, 8)
    fitted = GaussianProcess.fit(rows, target)
    out = np.arange(18) < 4
    others = fitted.rows[~out] / fitted.lengths
    ones = fitted.rows[out] / fitted.lengths

    def alike(a: Floats, b: Floats) -> Floats:
        far = np.sqrt(5) * np.linalg.norm(a[:, None] - b[None], axis=2)
        return np.asarray((1 + far + far**2 / 3) * np.exp(-far))

    known = np.linalg.solve(alike(others, others) + fitted.noise * np.eye(14), target[~out] - target.mean())
    assert fitted.left_out(out) == pytest.approx(target.mean() + alike(ones, others) @ known, abs=1e-8)


def test_it_is_rebuilt_to_the_last_bit_and_predicts_in_blocks() -> None:
    rows, target = cases(12, 9)
    fitted = GaussianProcess.fit(rows, target)
    again = GaussianProcess.from_json(json.loads(json.dumps(fitted.to_json())))
    new, _ = cases(BLOCK + 5, 10)
    new[3, 1] = np.nan
    for one, other in zip(fitted.predict(new), again.predict(new), strict=True):
        assert np.array_equal(one, other, equal_nan=True)
        assert np.flatnonzero(np.isnan(one)).tolist() == [3]
    assert fitted.predict(new[-5:])[0] == pytest.approx(fitted.predict(new)[0][-5:])


def test_a_predictor_that_does_not_vary_has_no_say_and_a_target_that_does_not_is_refused() -> None:
    rows, target = cases(15, 11)
    rows[:, 2] = 7.0
    with_it, without = GaussianProcess.fit(rows, target), GaussianProcess.fit(rows[:, :2], target)
    assert with_it.predict(rows)[0] == pytest.approx(without.predict(rows[:, :2])[0], abs=0.5)
    with pytest.raises(ValueError, match="does not vary"):
        GaussianProcess.fit(rows, np.full(15, 3.0))
    assert NOISE[0] <= with_it.noise <= NOISE[1]
