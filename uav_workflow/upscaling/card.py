"""The card of an upscaled variable: what it is, what it was judged on, where it holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from uav_workflow.domain.ground import VARIABLES
from uav_workflow.domain.product import Json
from uav_workflow.upscaling.model import UpscalingModel
from uav_workflow.upscaling.regressor import FORMS
from uav_workflow.upscaling.samples import Samples
from uav_workflow.upscaling.tendency import Tendency
from uav_workflow.upscaling.validation import LEVEL, LeftOut

SCHEMES: Mapping[str, str] = {
    "leave_site_out": "whole sites left out",
    "spatial_blocks": "blocks of space left out",
    "random_folds": "cells by lot (for contrast)",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """A model with everything it was judged on.

    Attributes
    ----------
    by : str
        Scheme that set its intervals and its area of applicability.
    left_out : mapping of scheme to LeftOut
    """

    model: UpscalingModel
    samples: Samples
    by: str
    left_out: Mapping[str, LeftOut]

    @property
    def tendency(self) -> Tendency:
        """Of the scheme it was judged by."""
        one = self.left_out[self.by]
        return Tendency.of(one.mean, one.observed, self.model.applicability.training)

    def card(self, map_facts: Mapping[str, Json]) -> dict[str, Json]:
        """Everything needed to read and to doubt the map."""
        model, samples, area = self.model, self.samples, self.model.applicability
        document = {
            "variable": model.variable,
            "unit": VARIABLES.get(model.variable, ""),
            "model": FORMS[model.regressor.form],
            "form": self._form(),
            "software": {"uav-workflow": version("uav-workflow")},
            "interval_level": LEVEL,
            "interval": f"the quantile forest's 5 % and 95 %, moved by the score of cells left out ({self.by})",
            "interval_score": model.width,
            "cells": samples.n,
            "sites": sorted(set(samples.site.tolist())),
            "flights": sorted(set(samples.flight.tolist())),
            "dates": sorted({day for day in samples.date.tolist() if day}),
            "observed": {"least": float(samples.value.min()), "most": float(samples.value.max())},
            "sd_of_cells_median": _median(samples.sd),
            "predictors": self._predictors(),
            "judged_by": self.by,
            "validation": {name: self._scheme(one) for name, one in self.left_out.items()},
            "inside_and_outside": self._inside_and_outside(),
            "tendency": self.tendency.to_json(),
            "applicability": {
                "method": "Meyer & Pebesma 2021, as CAST 1.1: threshold is Q75 + 1.5 IQR of the training index, "
                "capped at its greatest",
                "threshold": area.threshold,
                "training_index_greatest": float(area.training.max()),
                "mean_distance": area.mean_distance,
            },
            "map": dict(map_facts),
        }
        kept: dict[str, Json] = _without_nan(document)
        return kept

    def _form(self) -> dict[str, Json]:
        """What was tried, and what was taken."""
        one, trend = self.left_out[self.by], self.model.regressor.trend
        return {
            "name": one.form,
            "chosen_by": f"least RMSE of cells left out ({self.by})",
            "tried": {name: {"model": FORMS[name], "rmse": rmse} for name, rmse in one.errors.items()},
            "trees": len(self.model.regressor.forest.trees),
            "trend": None
            if trend is None
            else {
                "predictors": [self.model.predictors[place] for place in trend.columns],
                "with_squares_and_products": bool(trend.square.any()),
                "penalty": trend.penalty,
                "penalty_of_squares": trend.penalty * trend.bend,
            },
        }

    def _predictors(self) -> dict[str, Json]:
        area = self.model.applicability
        return {
            name: {
                "importance": float(self.left_out[self.by].importance[place]),
                "weight_in_the_index": float(area.importance[place]),
                "mean": float(area.centre[place]),
                "sd": float(area.scale[place]),
            }
            for place, name in enumerate(self.model.predictors)
        }

    def _scheme(self, one: LeftOut) -> dict[str, Json]:
        return {
            "note": one.folds.note,
            "groups": one.folds.n_groups,
            **asdict(one.agreement),
            "interval": asdict(one.coverage()),
        }

    def _inside_and_outside(self) -> dict[str, Json]:
        """Cells left out by whether their fold's absence puts them outside the area of applicability."""
        one, inside = self.left_out[self.by], self.model.applicability.training_inside
        found: dict[str, Json] = {}
        for name, kept in (("inside", inside), ("outside", ~inside)):
            error = one.mean[kept] - one.observed[kept]
            rmse = float(np.sqrt(np.mean(error**2))) if error.size else math.nan
            found[name] = {"rmse": rmse, "interval": asdict(one.coverage(kept))}
        return found


def _median(values: np.ndarray[Any, np.dtype[np.float64]]) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else None


def _without_nan(value: Any) -> Any:
    """The same document with null for numbers JSON does not have."""
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
