"""The Gaussian process: the textbook's numbers, a known surface, and what it says far from all cases."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from numpy.typing import NDArray

from uav_workflow.statistics import gaussian_process
from uav_workflow.statistics.gaussian_process import BLOCK, LENGTHS, NOISE, SIGNAL, GaussianProcess

Floats = NDArray[np.float64]


def surface(rows: Floats) -> Floats:
    """Of two predictors in units of their own; the third does not matter."""
    return np.asarray(300 + 200 * np.sin(12 * rows[:, 0]) + 80 * rows[:, 1] ** 2, np.float64)


def cases(n: int, seed: int, error: float = 5.0) -> tuple[Floats, Floats]:
    draw = np.random.default_rng(seed)
    rows = draw.uniform(size=(n, 3)) * [0.4, 1.0, 1.0]
    return rows, surface(rows) + error * draw.standard_normal(n)


def alike(a: Floats, b: Floats) -> Floats:
    """Matérn 5/2 of rows in units of the lengths."""
    far = np.sqrt(5) * np.linalg.norm(a[:, None] - b[None], axis=2)
    return np.asarray((1 + far + far**2 / 3) * np.exp(-far))


def in_lengths(fitted: GaussianProcess, rows: Floats) -> Floats:
    return np.asarray((rows - fitted.rows.mean(0)) / fitted.rows.std(0) / fitted.lengths)


@pytest.mark.parametrize("n", [6, 15, 40])
def test_predictions_are_those_of_the_textbook(n: int) -> None:
    """Rasmussen and Williams (2006), eq. 2.25 and 2.26, on the mean taken off."""
    rows, target = cases(n, 1)
    fitted = GaussianProcess.fit(rows, target)
    new, _ = cases(200, 2)
    near, own = (in_lengths(fitted, each) for each in (new, rows))
    inverse = np.linalg.inv(fitted.signal_sd**2 * alike(own, own) + fitted.noise_sd**2 * np.eye(n))
    between = fitted.signal_sd**2 * alike(near, own)
    mean, sd, likeness = fitted.predict(new)
    assert mean == pytest.approx(target.mean() + between @ inverse @ (target - target.mean()), abs=1e-6)
    known = np.einsum("mi,ij,mj->m", between, inverse, between)
    assert sd == pytest.approx(np.sqrt(fitted.signal_sd**2 + fitted.noise_sd**2 - known), rel=1e-6)
    assert likeness == pytest.approx(alike(near, own).max(axis=1))


def test_many_restarts_find_no_likelihood_that_matters_more() -> None:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    rows, target = cases(25, 3)
    ours = GaussianProcess.fit(rows, target)
    assert ours.converged
    kernel = ConstantKernel(1.0, SIGNAL) * Matern([1.0] * 3, LENGTHS, nu=2.5) + WhiteKernel(0.2, NOISE)
    theirs = GaussianProcessRegressor(kernel, n_restarts_optimizer=5, random_state=0, normalize_y=True, alpha=0.0)
    scaled = (rows - rows.mean(0)) / rows.std(0)
    with warnings.catch_warnings():
        # a length at its bound: the third predictor does not matter
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs.fit(scaled, target)
    found = np.log([ours.signal, *ours.lengths, ours.noise])
    assert theirs.log_marginal_likelihood(found) >= theirs.log_marginal_likelihood_value_ - 0.1


def test_settings_at_their_bounds_are_told_and_not_warned_of(recwarn: pytest.WarningsRecorder) -> None:
    rows, target = cases(40, 4, error=0.0)
    fitted = GaussianProcess.fit(rows, target)
    assert "length 3" in fitted.at_bounds
    assert "length 1" not in fitted.at_bounds
    assert "noise" in fitted.at_bounds
    assert not recwarn.list
    assert fitted.to_json()["at_bounds"] == list(fitted.at_bounds)


def test_a_search_that_ended_early_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaussian_process, "STEPS", 1)
    fitted = GaussianProcess.fit(*cases(25, 3))
    assert not fitted.converged
    assert not GaussianProcess.from_json(fitted.to_json()).converged


def test_begun_from_more_cases_it_ends_where_it_would_have_ended_anyway() -> None:
    """A search from the settings of all cases keeps none of them: what was left out is forgotten."""
    rows, target = cases(30, 12)
    target[3] += 500
    kept = np.arange(30) != 3
    anew = GaussianProcess.fit(rows[kept], target[kept])
    begun = GaussianProcess.fit(rows[kept], target[kept], GaussianProcess.fit(rows, target))
    new, _ = cases(100, 13)
    apart = begun.predict(new)[0] - anew.predict(new)[0]
    assert np.abs(apart).max() < 0.1 * target[kept].std()
    assert begun.noise_sd == pytest.approx(anew.noise_sd, rel=0.2)


def test_a_known_surface_is_found_from_forty_cases() -> None:
    rows, target = cases(40, 4)
    fitted = GaussianProcess.fit(rows, target)
    new, _ = cases(500, 5)
    off = fitted.predict(new)[0] - surface(new)
    assert np.sqrt(np.mean(off**2)) < 0.1 * surface(new).std()
    assert fitted.noise_sd == pytest.approx(5.0, rel=0.5)
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
    assert sd[0] == pytest.approx(np.hypot(fitted.signal_sd, fitted.noise_sd))
    assert likeness[0] < 1e-6
    assert fitted.predict(rows)[2] == pytest.approx(1)


def test_left_out_in_closed_form_is_the_process_without_them() -> None:
    rows, target = cases(18, 8)
    fitted = GaussianProcess.fit(rows, target)
    out = np.arange(18) < 4
    others, ones = (in_lengths(fitted, rows[part]) for part in (~out, out))
    inner = alike(others, others) + fitted.noise / fitted.signal * np.eye(14)
    known = np.linalg.solve(inner, target[~out] - target.mean())
    assert fitted.left_out(out) == pytest.approx(target.mean() + alike(ones, others) @ known, abs=1e-6)


def test_it_is_rebuilt_to_the_last_bit_and_predicts_in_blocks() -> None:
    rows, target = cases(12, 9)
    fitted = GaussianProcess.fit(rows, target)
    again = GaussianProcess.from_json(json.loads(json.dumps(fitted.to_json())))
    new, _ = cases(BLOCK + 5, 10)
    new[3, 1] = np.nan
    assert again.lengths.tolist() == fitted.lengths.tolist()
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


def test_one_saved_by_an_earlier_version_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="fit the model again"):
        GaussianProcess.from_json({"rows": [[1.0]], "weights": [0.1], "inverse": [[1.0]]})
