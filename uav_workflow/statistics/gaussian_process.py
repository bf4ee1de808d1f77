"""A Gaussian process for few cases: Matérn 5/2 with a length a predictor, white noise, and a constant mean."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

Floats = NDArray[np.float64]

LENGTHS = (0.3, 30.0)
"""Bounds of a length, in standard deviations of its predictor: below, single cases explain themselves alone; at the
upper one the predictor does not matter."""
NOISE = (1e-4, 10.0)
"""Bounds of the variance of the noise over that of the signal."""
STEPS = 60
TOLERANCE = 1e-5
BLOCK = 8192
"""Rows predicted at a time: rows x cases numbers are held at once."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GaussianProcess:
    """A fitted process, as the numbers it predicts with.

    The lengths and the noise are those of the largest marginal likelihood with the signal's variance concentrated out
    (Rasmussen and Williams 2006, eq. 2.30 and 5.8-5.9). scikit-learn's GaussianProcessRegressor with the same kernel
    gives the same likelihood and predictions and takes ten times as long, which counts where every fold fits anew.

    Attributes
    ----------
    rows : float64 (n, d)
        Cases, standardised.
    centre, spread : float64 (d,)
        What they were standardised with.
    lengths : float64 (d,)
        In standard deviations.
    noise : float
        Variance of the noise over that of the signal.
    signal : float
        Variance of the signal, in squared units of the target.
    mean : float
        Of the target: what the process falls back on far from all cases.
    weights : float64 (n,)
        K^-1 (y - mean), where K is the correlation of the cases plus the noise.
    inverse : float64 (n, n)
        K^-1.
    likelihood : float
        Log marginal likelihood.
    """

    rows: Floats
    centre: Floats
    spread: Floats
    lengths: Floats
    noise: float
    signal: float
    mean: float
    weights: Floats
    inverse: Floats
    likelihood: float

    @classmethod
    def fit(cls, rows: Floats, target: Floats) -> GaussianProcess:
        """Fit; the same cases make the same process.

        Parameters
        ----------
        rows : float64 (n, d)
            Predictors; one that does not vary has no influence.
        target : float64 (n,)

        Raises
        ------
        ValueError
            The target does not vary.
        """
        centre, spread = rows.mean(axis=0), rows.std(axis=0)
        spread = np.where(spread > 1e-12, spread, 1.0)
        scaled, off = (rows - centre) / spread, target - target.mean()
        if not off.std() > 0:
            raise ValueError("the target does not vary")
        with _blas().limit(limits=1):
            squares = _squares(scaled)
            lengths, noise, cost = _most_likely(squares, off)
            kernel, _ = _correlation(squares, lengths)
            inverse: Floats = np.asarray(np.linalg.inv(kernel + noise * np.eye(len(off))), np.float64)
        weights = inverse @ off
        return cls(
            rows=scaled,
            centre=centre,
            spread=spread,
            lengths=lengths,
            noise=noise,
            signal=float(off @ weights) / len(off),
            mean=float(target.mean()),
            weights=weights,
            inverse=inverse,
            likelihood=-cost - 0.5 * len(off) * (1.0 + math.log(2.0 * math.pi)),
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
        found = np.empty((3, len(rows)))
        for start in range(0, len(rows), BLOCK):
            part = slice(start, start + BLOCK)
            found[:, part] = self._predict(rows[part])
        return found[0], found[1], found[2]

    def left_out(self, out: NDArray[np.bool_]) -> Floats:
        """Mean of some of its own cases without their targets, the lengths and the noise kept.

        In closed form (Sundararajan and Keerthi 2001; Rasmussen and Williams 2006, eq. 5.12, for groups). It looks
        better than it is: the lengths have seen these cases.
        """
        block = self.inverse[np.ix_(out, out)]
        off = np.linalg.solve(block, self.weights[out])
        target = self.mean + self._correlations(self.rows[out]) @ self.weights + self.noise * self.weights[out]
        return np.asarray(target - off, np.float64)

    def _predict(self, rows: Floats) -> Floats:
        likeness = self._correlations((rows - self.centre) / self.spread)
        known = np.einsum("mi,ij,mj->m", likeness, self.inverse, likeness, optimize=True)
        variance = self.signal * np.maximum(1.0 + self.noise - known, 0.0)
        return np.stack([self.mean + likeness @ self.weights, np.sqrt(variance), likeness.max(axis=1)])

    def _correlations(self, scaled: Floats) -> Floats:
        """With every case, (m, n)."""
        apart = (scaled[:, None, :] - self.rows[None, :, :]) / self.lengths
        far = np.sqrt(5.0 * (apart**2).sum(axis=-1))
        return np.asarray((1.0 + far + far**2 / 3.0) * np.exp(-far), np.float64)

    def to_json(self) -> dict[str, Any]:
        """Numbers and lists."""
        return {
            name: one.tolist() if isinstance(one := getattr(self, name), np.ndarray) else one for name in self.__slots__
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> GaussianProcess:
        """Rebuild."""
        parts: dict[str, Any] = {
            name: np.asarray(document[name], np.float64) if isinstance(document[name], list) else float(document[name])
            for name in cls.__slots__
        }
        return cls(**parts)


@cache
def _blas() -> ThreadpoolController:
    """Its threads: waiting for each other over matrices as small as these takes ten times as long as the sums."""
    import scipy.linalg  # noqa: F401  (loads the library that is to be limited)
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _squares(scaled: Floats) -> Floats:
    """Squared differences of all pairs, a predictor a row: (d, n n)."""
    apart = scaled[:, None, :] - scaled[None, :, :]
    return np.ascontiguousarray(np.moveaxis(apart**2, 2, 0).reshape(scaled.shape[1], -1))


def _correlation(squares: Floats, lengths: Floats) -> tuple[Floats, Floats]:
    """Matérn 5/2 of all pairs (n, n), and what times squares / lengths^2 is its derivative by a log length (n n,)."""
    far = np.sqrt(5.0 * (lengths**-2.0 @ squares))
    fall = np.exp(-far)
    side = math.isqrt(far.size)
    return ((1.0 + far + far**2 / 3.0) * fall).reshape(side, side), (5.0 / 3.0) * (1.0 + far) * fall


def _most_likely(squares: Floats, off: Floats) -> tuple[Floats, float, float]:
    """Lengths, noise and cost where the cost is least."""
    from scipy.optimize import minimize

    count = len(squares)
    found = minimize(
        lambda theta: _cost(theta, squares, off),
        np.log([*[1.0] * count, 0.2]),
        jac=True,
        method="L-BFGS-B",
        bounds=np.log([*[LENGTHS] * count, NOISE]),
        options={"maxiter": STEPS, "ftol": TOLERANCE},
    )
    return np.exp(found.x[:-1]), float(np.exp(found.x[-1])), float(found.fun)


def _cost(theta: Floats, squares: Floats, off: Floats) -> tuple[float, Floats]:
    """Negative log marginal likelihood but for a constant, and its gradient by the logarithms of lengths and noise."""
    from scipy.linalg import lapack

    n, lengths, noise = len(off), np.exp(theta[:-1]), math.exp(theta[-1])
    kernel, slope = _correlation(squares, lengths)
    kernel.flat[:: n + 1] += noise
    root, _ = lapack.dpotrf(kernel, lower=1)
    lower, _ = lapack.dpotri(root, lower=1)
    inverse = lower + lower.T
    inverse.flat[:: n + 1] *= 0.5
    weights = inverse @ off
    signal = float(off @ weights) / n
    cost = 0.5 * n * math.log(signal) + float(np.log(root.diagonal()).sum())
    by_kernel = 0.5 * (inverse - np.outer(weights, weights) / signal)
    by_length = (squares @ (by_kernel.ravel() * slope)) * lengths**-2.0
    return cost, np.r_[by_length, by_kernel.diagonal().sum() * noise]
