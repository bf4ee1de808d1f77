"""A Gaussian process for few cases: Matérn 5/2 with a length a predictor, white noise, and a constant mean."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import Kernel
    from threadpoolctl import ThreadpoolController

Floats = NDArray[np.float64]

LENGTHS = (0.3, 30.0)
"""Bounds of a length, in standard deviations of its predictor: below, single cases explain themselves alone; at the
upper one the predictor does not matter."""
SIGNAL = (1e-3, 1e3)
"""Bounds of the variance of the signal over that of the target."""
NOISE = (1e-4, 10.0)
"""Bounds of the variance of the noise over that of the target."""
STEPS = 60
TOLERANCE = 1e-3
"""Of the log likelihood, relative: a few hundredths, which no likelihood of so few cases can tell apart."""
BLOCK = 8192
"""Rows predicted at a time: rows x cases numbers are held at once."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GaussianProcess:
    """scikit-learn's Gaussian process on standardised cases, and the numbers it is rebuilt from.

    Lengths, signal and noise have the largest marginal likelihood (Rasmussen and Williams 2006, eq. 5.8-5.9) that one
    climb from one start finds.

    Attributes
    ----------
    rows : float64 (n, d)
        Predictors of the cases.
    target : float64 (n,)
    lengths : float64 (d,)
        In standard deviations of the predictors.
    signal, noise : float
        Variances over that of the target.
    converged : bool
        False where the climb ended before the likelihood stood still.
    """

    rows: Floats
    target: Floats
    lengths: Floats
    signal: float
    noise: float
    converged: bool
    _regressor: GaussianProcessRegressor

    @classmethod
    def fit(cls, rows: Floats, target: Floats, start: GaussianProcess | None = None) -> GaussianProcess:
        """Fit lengths, signal and noise; the same cases and start make the same process.

        Parameters
        ----------
        rows : float64 (n, d)
            Predictors; one that does not vary has no influence.
        target : float64 (n,)
        start : GaussianProcess, optional
            Where the climb begins: the process of these cases and more. It ends sooner, on the hill of that process.

        Raises
        ------
        ValueError
            The target does not vary.
        """
        if start is None:
            return cls._of(rows, target, _kernel(np.ones(rows.shape[1]), 1.0, 0.2), _Climb())
        return cls._of(rows, target, _kernel(start.lengths, start.signal, start.noise), _Climb())

    @classmethod
    def _of(cls, rows: Floats, target: Floats, kernel: Kernel, climb: _Climb | None) -> GaussianProcess:
        """Of the kernel's settings, or of those that are climbed to from them."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor

        if not target.std() > 0:
            raise ValueError("the target does not vary")
        regressor = GaussianProcessRegressor(kernel, optimizer=climb, alpha=0.0, normalize_y=True)
        with _blas().limit(limits=1), warnings.catch_warnings():
            # of settings at their bounds: `at_bounds` tells
            warnings.simplefilter("ignore", ConvergenceWarning)
            regressor.fit(_standardised(rows, rows), target)
        found = regressor.kernel_
        return cls(
            rows=rows,
            target=target,
            lengths=np.atleast_1d(found.k1.k2.length_scale),
            signal=float(found.k1.k1.constant_value),
            noise=float(found.k2.noise_level),
            converged=climb is None or climb.converged,
            _regressor=regressor,
        )

    @property
    def mean(self) -> float:
        """Of the target: what the process falls back on far from all cases."""
        return float(self.target.mean())

    @property
    def signal_sd(self) -> float:
        """Standard deviation of the signal, in units of the target."""
        return math.sqrt(self.signal) * float(self.target.std())

    @property
    def noise_sd(self) -> float:
        """Standard deviation of the noise, in units of the target."""
        return math.sqrt(self.noise) * float(self.target.std())

    @property
    def at_bounds(self) -> tuple[str, ...]:
        """Settings that the likelihood would have beyond their bounds: ``signal``, ``noise``, ``length 1`` …"""
        settings = {"signal": (self.signal, SIGNAL), "noise": (self.noise, NOISE)}
        settings |= {f"length {one + 1}": (float(length), LENGTHS) for one, length in enumerate(self.lengths)}
        return tuple(
            name for name, (value, bounds) in settings.items() if np.isclose(np.log(value), np.log(bounds)).any()
        )

    def predict(self, rows: Floats) -> tuple[Floats, Floats, Floats]:
        """Mean, standard deviation of a new case, and correlation with the case that is most like it.

        Parameters
        ----------
        rows : float64 (m, d)

        Returns
        -------
        (mean, sd, likeness) : float64 (m,) each
            NaN where a predictor is.
        """
        found = np.full((3, len(rows)), np.nan)
        known = np.flatnonzero(np.isfinite(rows).all(axis=1))
        alike = self._regressor.kernel_.k1.k2
        with _blas().limit(limits=1):
            for first in range(0, len(known), BLOCK):
                part = known[first : first + BLOCK]
                scaled = _standardised(rows[part], self.rows)
                found[:2, part] = self._regressor.predict(scaled, return_std=True)
                found[2, part] = alike(scaled, self._regressor.X_train_).max(axis=1)
        return found[0], found[1], found[2]

    def left_out(self, out: NDArray[np.bool_]) -> Floats:
        """Mean of some of its own cases without their targets, the settings and the constant mean kept.

        In closed form (Rasmussen and Williams 2006, eq. 5.12, for groups): y - [K^-1]_out^-1 [K^-1 y]_out. It looks
        better than it is: the settings have seen these cases.
        """
        from scipy.linalg import cho_solve

        ones = np.eye(len(self.target))[:, out]
        block = cho_solve((self._regressor.L_, True), ones)[out]
        off = np.linalg.solve(block, np.ravel(self._regressor.alpha_)[out]) * self.target.std()
        return np.asarray(self.target[out] - off, np.float64)

    def to_json(self) -> dict[str, Any]:
        """Cases and settings."""
        return {
            "rows": self.rows.tolist(),
            "target": self.target.tolist(),
            "lengths": self.lengths.tolist(),
            "signal": self.signal,
            "noise": self.noise,
            "converged": self.converged,
            "at_bounds": list(self.at_bounds),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> GaussianProcess:
        """Rebuild: nothing is climbed again.

        Raises
        ------
        ValueError
            Saved without its cases, as before scikit-learn's process was used.
        """
        if "target" not in document:
            raise ValueError("a Gaussian process saved by an earlier version; fit the model again")
        rows, target, lengths = (np.asarray(document[name], np.float64) for name in ("rows", "target", "lengths"))
        made = cls._of(rows, target, _kernel(lengths, float(document["signal"]), float(document["noise"])), None)
        return replace(made, converged=bool(document["converged"]))


class _Climb:
    """Search for the largest likelihood as scikit-learn asks for it; remembers whether it came to an end."""

    def __init__(self) -> None:
        self.converged = False

    def __call__(
        self, cost: Callable[[Floats], tuple[float, Floats]], start: Floats, bounds: Floats
    ) -> tuple[Floats, float]:
        from scipy.optimize import minimize

        limits = {"maxiter": STEPS, "ftol": TOLERANCE}
        found = minimize(cost, start, jac=True, method="L-BFGS-B", bounds=bounds, options=limits)
        self.converged = bool(found.success)
        return np.asarray(found.x, np.float64), float(found.fun)


def _kernel(lengths: Floats, signal: float, noise: float) -> Kernel:
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    return ConstantKernel(signal, SIGNAL) * Matern(lengths, LENGTHS, nu=2.5) + WhiteKernel(noise, NOISE)


def _standardised(rows: Floats, cases: Floats) -> Floats:
    """Rows by the mean and the standard deviation of the cases; a column that does not vary stays as it is."""
    spread = cases.std(axis=0)
    return np.asarray((rows - cases.mean(axis=0)) / np.where(spread > 1e-12, spread, 1.0), np.float64)


@cache
def _blas() -> ThreadpoolController:
    """Its threads: waiting for each other over matrices as small as these takes ten times as long as the sums."""
    import scipy.linalg  # noqa: F401  (loads the library that is to be limited)
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
