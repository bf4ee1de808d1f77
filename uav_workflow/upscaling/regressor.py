"""What maps predictors to a value: a forest, a trend, or a forest of what a trend leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_workflow.statistics.quantile_forest import QuantileForest
from uav_workflow.upscaling.samples import Samples
from uav_workflow.upscaling.trend import Trend

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rows = NDArray[np.float32]

FORMS: Mapping[str, str] = {
    "forest": "quantile regression forest (Meinshausen 2006)",
    "trend": "ridge regression with squares and products; intervals from a quantile forest of what it leaves",
    "trend_and_forest": "ridge regression with squares and products, and a quantile forest of what it leaves",
}
"""Forms that are tried: a forest can't leave the range of what it learnt, a trend can't bend twice."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Regressor:
    """One of `FORMS`, fitted.

    Attributes
    ----------
    form : str
    trend : Trend or None
    forest : QuantileForest
        Of values; of what the trend leaves where there is one.
    """

    form: str
    trend: Trend | None
    forest: QuantileForest

    def of(self, rows: Rows) -> Floats:
        """Mean, 5 % and 95 % quantile of cells: (m, predictors) to (3, m), NaN where a predictor is."""
        mean, _, low, high = self.forest.moments(rows)
        if self.trend is None:
            return np.stack([mean, low, high])
        base = self.trend.of(rows)
        return np.stack([base + mean if self.form == "trend_and_forest" else base, base + low, base + high])


def fit_forms(rows: Rows, samples: Samples, groups: Ints, signal: Ints) -> dict[str, Regressor]:
    """Fit every form to the same cells.

    The second forest learns what the trend leaves of cells it was not fitted to, so that its quantiles are those of a
    prediction.

    Parameters
    ----------
    rows : float32 (n, predictors)
    groups : int64 (n,)
        Of cells that are left out together to choose the trend.
    signal : int64 (k,)
        Predictors of the trend; without any there is the forest alone.
    """
    value, weight = samples.value, samples.weight
    found = {"forest": Regressor(form="forest", trend=None, forest=QuantileForest.fit(rows, value, weight))}
    if signal.size:
        trend, left_out = Trend.fit(rows, value, weight, groups, signal)
        forest = QuantileForest.fit(rows, value - left_out, weight)
        for form in ("trend", "trend_and_forest"):
            found[form] = Regressor(form=form, trend=trend, forest=forest)
    return found
