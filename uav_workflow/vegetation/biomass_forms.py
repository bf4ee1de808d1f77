"""Forms of a biomass model that are linear in their coefficients: in height, in height and cover, in logarithms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from uav_workflow.domain.product import Json

Floats = NDArray[np.float64]
Bool = NDArray[np.bool_]
Values = Mapping[str, ArrayLike]

LEAST_HEIGHT_M = 0.001
"""Logarithms are taken of heights of at least this."""


class UnfitError(ValueError):
    """A form can't be fitted on these plots; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Plots to learn from.

    Attributes
    ----------
    values : mapping of predictor to float64 (n,)
    agb : float64 (n,)
        Dry biomass, g/m2.
    """

    values: Mapping[str, Floats]
    agb: Floats

    @property
    def n(self) -> int:
        """Plots."""
        return int(self.agb.size)

    def among(self, kept: Bool) -> Sample:
        """Return some of the plots."""
        return Sample(values={name: column[kept] for name, column in self.values.items()}, agb=self.agb[kept])


class Form(Protocol):
    """A fitted form: its middle, its spread, and how far an observation lies off in units of that spread."""

    @property
    def predictors(self) -> tuple[str, ...]:
        """Variables of the plot table it reads."""

    @property
    def formula(self) -> str:
        """One line for people."""

    def middle(self, values: Values) -> Floats:
        """Biomass, g/m2."""

    def sd(self, values: Values) -> Floats:
        """Standard deviation of a new plot about it, g/m2, from the residuals of the fit."""

    def score(self, values: Values, agb: Floats) -> Floats:
        """Conformity score of observed plots: what `interval` must be widened by to hold them."""

    def interval(self, values: Values, width: float) -> tuple[Floats, Floats]:
        """Lower and upper biomass at a score."""

    def student(self, level: float) -> float | None:
        """Score of a Student prediction interval; None where there is none."""

    @property
    def scored_in(self) -> str:
        """What scores are multiples of, for the card; empty where nobody need know."""

    def far(self, values: Values) -> Bool:
        """Return where, inside the ranges of the predictors, the training plots say next to nothing."""

    def to_json(self) -> dict[str, Json]:
        """Everything needed to rebuild it."""


_COVER = "height_mean x fvc_green"
_LOG = "ln height_mean"


def column(term: str, values: Values) -> Floats:
    """One column of the design: a predictor, ``height_mean x fvc_green``, or ``ln height_mean``."""
    if term == _COVER:
        return np.asarray(values["height_mean"], np.float64) * np.asarray(values["fvc_green"], np.float64)
    if term == _LOG:
        return np.asarray(np.log(np.maximum(np.asarray(values["height_mean"], np.float64), LEAST_HEIGHT_M)))
    return np.asarray(values[term], np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class TermForm:
    """``b0 + b1 t1 + b2 t2 …`` by ordinary least squares, of biomass or of its logarithm.

    A logarithmic form is brought back by Duan's smearing (1983, J. Am. Stat. Assoc. 78, 605): the exponential times the
    mean of the exponentials of the residuals. The exponential alone lies low: by a third on Cunliffe's grasses.

    Attributes
    ----------
    terms : tuple of str
        See `column`; the first carries height and must raise biomass.
    inverse : tuple of tuples
        Inverse of X'X, of the intercept and the terms.
    """

    terms: tuple[str, ...]
    logarithmic: bool
    coefficients: tuple[float, ...]
    inverse: tuple[tuple[float, ...], ...]
    n: int
    residual_sd: float
    smearing: float

    @classmethod
    def fit(cls, sample: Sample, terms: Sequence[str], *, logarithmic: bool = False) -> TermForm:
        """Fit on harvested plots.

        Raises
        ------
        UnfitError
            Too few plots, predictors that do not vary apart, a plot without a logarithm, or biomass that does not rise
            with height.
        """
        count = len(terms) + 1
        if sample.n <= count:
            raise UnfitError(f"{sample.n} plots are too few for {count} coefficients")
        target = sample.agb
        if logarithmic:
            if not (sample.agb > 0).all() or not (sample.values["height_mean"] >= LEAST_HEIGHT_M).all():
                raise UnfitError("a plot without height or biomass has no logarithm")
            target = np.log(sample.agb)
        design = np.stack([np.ones(sample.n), *(column(term, sample.values) for term in terms)], axis=1)
        spread = design[:, 1:].std(axis=0)
        if (spread <= 1e-9).any() or np.linalg.cond(design / np.r_[1.0, spread]) > 1e6:
            raise UnfitError(f"{' and '.join(terms)} do not vary apart from each other")
        inverse = np.linalg.inv(design.T @ design)
        coefficients = inverse @ (design.T @ target)
        if coefficients[1] <= 0:
            raise UnfitError("biomass does not rise with height")
        off = target - design @ coefficients
        return cls(
            terms=tuple(terms),
            logarithmic=logarithmic,
            coefficients=tuple(map(float, coefficients)),
            inverse=tuple(tuple(map(float, row)) for row in inverse),
            n=sample.n,
            residual_sd=math.sqrt(float(off @ off) / (sample.n - count)),
            smearing=float(np.exp(off).mean()) if logarithmic else 1.0,
        )

    @property
    def predictors(self) -> tuple[str, ...]:
        """Variables of the plot table behind the terms."""
        names = [part for term in self.terms for part in term.removeprefix("ln ").split(" x ")]
        return tuple(dict.fromkeys(names))

    @property
    def formula(self) -> str:
        """One line for people."""
        intercept, *slopes = self.coefficients
        parts = " ".join(f"{slope:+.5g} {term}" for slope, term in zip(slopes, self.terms, strict=True))
        if self.logarithmic:
            return f"agb_dry [g/m2] = {self.smearing:.4g} exp({intercept:.5g} {parts})"
        return f"agb_dry [g/m2] = {intercept:.5g} {parts}"

    def middle(self, values: Values) -> Floats:
        """Biomass, g/m2; NaN where a predictor is."""
        line = self._line(values)
        return self.smearing * np.exp(line) if self.logarithmic else line

    def sd(self, values: Values) -> Floats:
        """Residual sd times sqrt(1 + leverage); of a logarithmic form that of a lognormal variable."""
        spread = self.residual_sd * self._scale(values)
        return self.middle(values) * np.sqrt(np.expm1(spread**2)) if self.logarithmic else spread

    def score(self, values: Values, agb: Floats) -> Floats:
        """Distance to the line over sqrt(1 + leverage): what a plot's own place takes from the fit is given back."""
        observed = np.log(np.maximum(agb, 1e-9)) if self.logarithmic else agb
        return np.asarray(np.abs(observed - self._line(values)) / self._scale(values))

    def interval(self, values: Values, width: float) -> tuple[Floats, Floats]:
        """Line -/+ width sqrt(1 + leverage), brought back without smearing: quantiles need none."""
        line, half = self._line(values), width * self._scale(values)
        return (np.exp(line - half), np.exp(line + half)) if self.logarithmic else (line - half, line + half)

    def student(self, level: float) -> float | None:
        """Student's prediction interval, as a score."""
        from scipy.stats import t

        return float(t.ppf(0.5 + level / 2, self.n - len(self.coefficients))) * self.residual_sd

    @property
    def scored_in(self) -> str:
        """Nothing to say."""
        return ""

    def far(self, values: Values) -> Bool:
        """Nowhere: a line says as much between the plots as at them."""
        return np.zeros(np.shape(self._line(values)), dtype=bool)

    def to_json(self) -> dict[str, Json]:
        """Coefficients by term, and what intervals need."""
        return {
            "form": "terms",
            "terms": list(self.terms),
            "logarithmic": self.logarithmic,
            "coefficients": dict(zip(("intercept", *self.terms), self.coefficients, strict=True)),
            "inverse": [list(row) for row in self.inverse],
            "n": self.n,
            "residual_sd": self.residual_sd,
            "smearing": self.smearing,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> TermForm:
        """Rebuild."""
        return cls(
            terms=tuple(document["terms"]),
            logarithmic=bool(document["logarithmic"]),
            coefficients=tuple(float(document["coefficients"][term]) for term in ("intercept", *document["terms"])),
            inverse=tuple(tuple(map(float, row)) for row in document["inverse"]),
            n=int(document["n"]),
            residual_sd=float(document["residual_sd"]),
            smearing=float(document["smearing"]),
        )

    def _line(self, values: Values) -> Floats:
        intercept, *slopes = self.coefficients
        line = sum(slope * column(term, values) for slope, term in zip(slopes, self.terms, strict=True))
        return np.asarray(intercept + line, np.float64)

    def _scale(self, values: Values) -> Floats:
        columns = [column(term, values) for term in self.terms]
        design = np.stack([np.ones_like(columns[0]), *columns], axis=-1)
        leverage = np.einsum("...i,ij,...j->...", design, np.asarray(self.inverse), design)
        return np.asarray(np.sqrt(1.0 + leverage), np.float64)
