"""A model of hand-over cells with its interval and its area of applicability."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_workflow.statistics.intervals import conformal_quantile
from uav_workflow.upscaling.applicability import Applicability
from uav_workflow.upscaling.regressor import Regressor, fit_forms
from uav_workflow.upscaling.samples import Samples
from uav_workflow.upscaling.validation import LEVEL, LeftOut

Floats = NDArray[np.float64]
Rows = NDArray[np.float32]

BANDS = ("mean", "q05", "q95", "dissimilarity_index", "local_point_density")
_FROM_ZERO = (0.0, math.inf)
_POSSIBLE: Mapping[str, tuple[float, float]] = {
    "fvc_green": (0.0, 1.0),
    "fvc_total": (0.0, 1.0),
    "agb_dry": _FROM_ZERO,
    "agb_fresh": _FROM_ZERO,
    "lai": _FROM_ZERO,
}
"""What a variable can be: means and intervals are cut there."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UpscalingModel:
    """Predicts one variable where the predictors are known.

    The interval is that of conformalised quantile regression (Romano et al. 2019): the 5 % and 95 % quantiles of a
    quantile forest, both moved by the 90 % quantile of the scores of cells that were left out.

    Attributes
    ----------
    width : float
        By which quantiles are moved outwards; below 0 inwards.
    possible : (least, most)
        Of the variable.
    """

    variable: str
    predictors: tuple[str, ...]
    regressor: Regressor
    width: float
    applicability: Applicability
    possible: tuple[float, float]

    @classmethod
    def fit(
        cls,
        variable: str,
        predictors: tuple[str, ...],
        rows: Rows,
        samples: Samples,
        judged: LeftOut,
        *,
        signal: NDArray[np.int64],
    ) -> UpscalingModel:
        """Fit the best form to all cells; interval and area are those of the groups that were left out.

        Parameters
        ----------
        rows : float32 (n, predictors)
            None of the predictors constant.
        judged : LeftOut
            Of the same cells: its best form is fitted to all of them.
        signal : int64 (k,)
            Predictors a trend may use.
        """
        forms = fit_forms(rows, samples, judged.folds.groups, signal)
        return cls(
            variable=variable,
            predictors=predictors,
            regressor=forms[judged.form],
            width=conformal_quantile(judged.score, LEVEL),
            applicability=Applicability.fit(rows.astype(np.float64), judged.importance, judged.folds.groups),
            possible=_POSSIBLE.get(variable, (-math.inf, math.inf)),
        )

    def predict(self, rows: Rows) -> Floats:
        """`BANDS` of cells.

        Parameters
        ----------
        rows : float32 (m, predictors)

        Returns
        -------
        float64 (5, m)
            NaN where a predictor is.
        """
        found = np.full((len(BANDS), len(rows)), np.nan)
        known = np.flatnonzero(np.isfinite(rows).all(axis=1))
        if known.size == 0:
            return found
        kept = rows[known]
        mean, low, high = self.regressor.of(kept)
        low, high = low - self.width, np.maximum(high + self.width, low - self.width)
        found[:, known] = *np.clip((mean, low, high), *self.possible), *self.applicability.of(kept)
        return found
