"""The quantile forest as a form of the biomass ladder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from uav_workflow.domain.product import Json
from uav_workflow.statistics.quantile_forest import QuantileForest, Tree
from uav_workflow.vegetation.biomass_forms import Bool, Floats, Sample, Values


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ForestForm:
    """Biomass of a plot from the training plots that share its leaves.

    The interval is that of conformalised quantile regression (Romano et al. 2019): the forest's 5 % and 95 % quantiles,
    widened or narrowed by one score.
    """

    predictors: tuple[str, ...]
    forest: QuantileForest

    @classmethod
    def fit(cls, sample: Sample, predictors: Sequence[str]) -> ForestForm:
        """Grow the forest; the same plots make the same one."""
        rows = np.stack([sample.values[name] for name in predictors], axis=1).astype(np.float32)
        return cls(predictors=tuple(predictors), forest=QuantileForest.fit(rows, sample.agb))

    @property
    def formula(self) -> str:
        """One line for people."""
        return f"agb_dry [g/m2] = quantile forest of {len(self.forest.trees)} trees on {', '.join(self.predictors)}"

    def middle(self, values: Values) -> Floats:
        """Weighted mean of the training plots, g/m2."""
        return self._moments(values)[0]

    def sd(self, values: Values) -> Floats:
        """Weighted standard deviation of the training plots, g/m2."""
        return self._moments(values)[1]

    def score(self, values: Values, agb: Floats) -> Floats:
        """How far an observation lies outside the quantiles; negative inside."""
        _, _, low, high = self._moments(values)
        return np.maximum(low - agb, agb - high)

    def interval(self, values: Values, width: float) -> tuple[Floats, Floats]:
        """Quantiles, moved outwards by the width."""
        _, _, low, high = self._moments(values)
        return low - width, np.maximum(high + width, low - width)

    def student(self, level: float) -> float | None:
        """None: a forest has no Student interval."""
        return None

    @property
    def scored_in(self) -> str:
        """Nothing to say."""
        return ""

    def far(self, values: Values) -> Bool:
        """Nowhere: leaves cover all of the space."""
        return np.zeros(np.broadcast_shapes(*(np.shape(values[name]) for name in self.predictors)), dtype=bool)

    def _moments(self, values: Values) -> tuple[Floats, Floats, Floats, Floats]:
        """Mean, standard deviation, lower and upper quantile; NaN where a predictor is."""
        columns = np.broadcast_arrays(*(np.asarray(values[name], np.float64) for name in self.predictors))
        rows = np.stack([each.ravel() for each in columns], axis=1).astype(np.float32)
        mean, sd, low, high = (each.reshape(columns[0].shape) for each in self.forest.moments(rows))
        return mean, sd, low, high

    def to_json(self) -> dict[str, Json]:
        """Every tree as numbers: no version of a library stands between a saved model and its values."""
        return {
            "form": "forest",
            "predictors": list(self.predictors),
            "agb": self.forest.target.tolist(),
            "trees": [tree.to_json() for tree in self.forest.trees],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ForestForm:
        """Rebuild."""
        trees = [Tree.from_json(one) for one in document["trees"]]
        forest = QuantileForest.of(trees, np.asarray(document["agb"], dtype=np.float64))
        return cls(predictors=tuple(document["predictors"]), forest=forest)
