"""Models from canopy height to above-ground biomass, with their uncertainty; each saves to and loads from JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from uav_workflow.domain.product import Json
from uav_workflow.errors import RecipeError, StoreError
from uav_workflow.statistics.agreement import Agreement
from uav_workflow.statistics.intervals import conformal_quantile, smallest_sample
from uav_workflow.statistics.regression import ordinary
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
class LinearHeight:
    """``agb_dry = intercept + slope height_mean`` by ordinary least squares.

    The 90 % interval is a jackknife conformal one: leave-one-out residuals, each divided by the standard deviation its
    leverage gives it, are ranked (`conformal_quantile`), and the quantile is scaled by the leverage of the new point.
    Below nine plots that quantile is not finite, and Student's prediction interval is used.
    """

    slope: float
    intercept: float
    n: int
    x_mean: float
    x_scatter: float
    x_min: float
    x_max: float
    residual_sd: float
    half_width: float
    """Half-width of the interval at leverage 0, g/m2."""
    interval: str

    name = "linear_height"
    predictors = ("height_mean",)

    @classmethod
    def fit(cls, height: ArrayLike, agb: ArrayLike) -> LinearHeight:
        """Fit on harvested plots.

        Parameters
        ----------
        height, agb : (n,) m, g/m2

        Raises
        ------
        ValueError
            Fewer than three plots, or heights that do not vary.
        """
        from scipy.stats import t

        heights = np.asarray(height, dtype=np.float64)
        fit = ordinary(heights, agb)
        if fit.n < 3:
            raise ValueError(f"a height model needs three plots; there are {fit.n}")
        scores = np.abs(fit.residuals) / np.sqrt(1.0 - fit.leverages)
        conformal = fit.n >= smallest_sample(LEVEL)
        half = conformal_quantile(scores, LEVEL) if conformal else float(t.ppf(0.5 + LEVEL / 2, fit.n - 2))
        return cls(
            slope=fit.line.slope,
            intercept=fit.line.intercept,
            n=fit.n,
            x_mean=fit.x_mean,
            x_scatter=fit.x_scatter,
            x_min=float(heights.min()),
            x_max=float(heights.max()),
            residual_sd=fit.residual_sd,
            half_width=half if conformal else half * fit.residual_sd,
            interval="jackknife conformal, scaled by leverage" if conformal else "Student prediction interval",
        )

    def predict(self, predictors: Mapping[str, ArrayLike]) -> Prediction:
        """Biomass with the standard deviation of a new plot: s sqrt(1 + leverage)."""
        height = np.asarray(predictors["height_mean"], dtype=np.float64)
        agb = self.intercept + self.slope * height
        scale = np.sqrt(1.0 + 1.0 / self.n + (height - self.x_mean) ** 2 / self.x_scatter)
        half = self.half_width * scale
        return Prediction(agb_dry=agb, sd=self.residual_sd * scale, pi90_lo=agb - half, pi90_hi=agb + half)

    def outside(self, predictors: Mapping[str, ArrayLike]) -> NDArray[np.bool_]:
        """Return where the height lies outside those of the training plots."""
        height = np.asarray(predictors["height_mean"], dtype=np.float64)
        result: NDArray[np.bool_] = (height < self.x_min) | (height > self.x_max)
        return result

    def card(self) -> dict[str, Json]:
        """Parameters and meaning."""
        numbers: dict[str, Json] = {field: getattr(self, field) for field in _LINEAR_FIELDS}
        return {
            "model": self.name,
            "formula": "agb_dry [g/m2] = intercept + slope * height_mean [m]",
            "height_mean": HEIGHT_MEANING,
            "interval_level": LEVEL,
            "parameters": numbers,
        }


_LINEAR_FIELDS = tuple(LinearHeight.__dataclass_fields__)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveOneOut:
    """What a linear height model says of each of its plots when fitted without it.

    Attributes
    ----------
    prediction : Prediction
        One value a plot; the interval, too, is made without the plot.
    agreement : Agreement
        Of these predictions with the harvests.
    """

    prediction: Prediction
    agreement: Agreement

    @classmethod
    def of(cls, height: ArrayLike, agb: ArrayLike) -> LeaveOneOut:
        """Refit without each plot in turn.

        Raises
        ------
        ValueError
            Fewer than four plots, or heights that do not vary without one of them.
        """
        heights, harvests = np.asarray(height, dtype=np.float64), np.asarray(agb, dtype=np.float64)
        keep = ~np.eye(heights.size, dtype=bool)
        rows = []
        for i, others in enumerate(keep):
            one = LinearHeight.fit(heights[others], harvests[others]).predict({"height_mean": heights[i]})
            rows.append((one.agb_dry, one.sd, one.pi90_lo, one.pi90_hi))
        agb_dry, sd, low, high = np.array(rows, dtype=np.float64).T
        prediction = Prediction(agb_dry=agb_dry, sd=sd, pi90_lo=low, pi90_hi=high)
        return cls(prediction=prediction, agreement=Agreement.of(agb_dry, harvests))


def load_model(path: Path) -> BiomassModel:
    """Rebuild a model from its card (``model.json``).

    Raises
    ------
    StoreError
        No card, or one this version does not know.
    """
    try:
        card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if card["model"] == LinearHeight.name:
            return LinearHeight(**{field: card["parameters"][field] for field in _LINEAR_FIELDS})
        return Allometry(plant_type=str(card["plant_type"]))
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise StoreError(f"{path}: can't be read as a biomass model ({exc})") from exc
