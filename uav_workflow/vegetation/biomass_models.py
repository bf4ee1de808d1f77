"""What a biomass model is: biomass of plots and cells with its uncertainty; and the published lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from uav_workflow.domain.product import Json
from uav_workflow.errors import RecipeError
from uav_workflow.vegetation.allometries import ALLOMETRIES, SOURCE, Published

Floats = NDArray[np.float64]
LEVEL = 0.90
HEIGHT_MEANING = (
    "mean of canopy_height.tif over the valid pixels of the plot or cell, bare ground and negatives included"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Biomass in g/m2, float64, before values below 0 are cut."""

    agb_dry: Floats
    sd: Floats
    pi90_lo: Floats
    pi90_hi: Floats

    def cut_at_zero(self) -> tuple[Prediction, NDArray[np.bool_]]:
        """Without negative biomass, and where it was."""
        negative = self.agb_dry < 0
        cut = Prediction(
            agb_dry=np.maximum(self.agb_dry, 0),
            sd=self.sd,
            pi90_lo=np.maximum(self.pi90_lo, 0),
            pi90_hi=np.maximum(self.pi90_hi, 0),
        )
        return cut, negative


class BiomassModel(Protocol):
    """Anything that gives biomass from the predictors of a plot or cell."""

    @property
    def name(self) -> str:
        """Name in tables."""

    @property
    def predictors(self) -> tuple[str, ...]:
        """Variables of the plot table it needs, in order."""

    def predict(self, predictors: Mapping[str, ArrayLike]) -> Prediction:
        """Biomass of plots or cells; NaN where a predictor is."""

    def outside(self, predictors: Mapping[str, ArrayLike]) -> NDArray[np.bool_]:
        """Return where a predictor lies outside what the model has seen."""

    def card(self) -> dict[str, Json]:
        """Everything needed to read and to rebuild the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allometry:
    """A published line through zero; sd = sqrt(rmse^2 + (slope_se height)^2), Gaussian 90 % interval."""

    plant_type: str

    predictors = ("height_mean",)

    def __post_init__(self) -> None:
        if self.plant_type not in ALLOMETRIES:
            raise RecipeError(f"biomass: no allometry {self.plant_type!r}; there are {', '.join(ALLOMETRIES)}")

    @property
    def name(self) -> str:
        """``allometry_<plant type>``."""
        return f"allometry_{self.plant_type}"

    @property
    def published(self) -> Published:
        """Its numbers."""
        return ALLOMETRIES[self.plant_type]

    def predict(self, predictors: Mapping[str, ArrayLike]) -> Prediction:
        """Biomass of plots or cells."""
        from scipy.stats import norm

        height = np.asarray(predictors["height_mean"], dtype=np.float64)
        agb = self.published.slope * height
        sd = np.sqrt(self.published.rmse**2 + (self.published.slope_se * height) ** 2)
        half = float(norm.ppf(0.5 + LEVEL / 2)) * sd
        return Prediction(agb_dry=agb, sd=sd, pi90_lo=agb - half, pi90_hi=agb + half)

    def outside(self, predictors: Mapping[str, ArrayLike]) -> NDArray[np.bool_]:
        """Return where the height is negative: the range of the published plots is not at hand."""
        result: NDArray[np.bool_] = np.asarray(predictors["height_mean"], dtype=np.float64) < 0
        return result

    def card(self) -> dict[str, Json]:
        """Parameters and source."""
        numbers: dict[str, Json] = {field: getattr(self.published, field) for field in Published.__dataclass_fields__}
        return {
            "model": self.name,
            "plant_type": self.plant_type,
            "formula": "agb_dry [g/m2] = slope * height_mean [m]",
            "height_mean": HEIGHT_MEANING,
            "interval_level": LEVEL,
            "interval": "Gaussian, from the published RMSE and the standard error of the slope",
            "source": SOURCE,
            "parameters": numbers,
        }
