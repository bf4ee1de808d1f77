"""The card of a biomass model: what it is, what it was judged on, and the way back from JSON to the model."""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from uav_workflow.domain.product import Json
from uav_workflow.errors import StoreError
from uav_workflow.statistics.agreement import Agreement
from uav_workflow.statistics.folds import Folds, merged, random_folds, single_cases, validation_folds
from uav_workflow.statistics.intervals import interval_coverage
from uav_workflow.vegetation.biomass_forest import ForestForm
from uav_workflow.vegetation.biomass_forms import Form, TermForm, UnfitError
from uav_workflow.vegetation.biomass_gaussian import GaussianForm
from uav_workflow.vegetation.biomass_ladder import LADDER, HarvestModel, Rung, Tried, cross_validate, fit_ladder
from uav_workflow.vegetation.biomass_models import Allometry, BiomassModel, Prediction
from uav_workflow.vegetation.harvests import HEIGHT, Harvests

MEANINGS: Mapping[str, str] = {
    "height_mean": "m: mean of canopy_height.tif over the valid pixels of the plot or cell, bare ground and negatives "
    "included",
    "fvc_green": "1: mean of cover.tif over the pixels that are not in shadow",
}
TRAINING_LEFT_OUT = ("left_out_g_m2", "left_out_sd_g_m2", "left_out_pi90_lo_g_m2", "left_out_pi90_hi_g_m2")
"""Columns of training.csv with what the ladder says of a plot when climbed without its group."""


SINGLY = 60
"""Most plots for which single plots are left out one at a time."""
OUTER_FOLDS = 25
"""Most groups left out one at a time; the ladder is climbed anew in each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedLadder:
    """A model of harvests with all that its card states.

    Attributes
    ----------
    folds : Folds
        By which the model was chosen, calibrated and judged.
    left_out : Prediction
        Of every plot by a ladder climbed without its group.
    chosen_without : tuple of str
        Rung chosen in each of these folds.
    by_lot : Prediction
        The same with plots dealt out at random.
    """

    harvests: Harvests
    model: HarvestModel
    tried: tuple[Tried, ...]
    folds: Folds
    left_out: Prediction
    chosen_without: tuple[str, ...]
    by_lot: Prediction
    singly: Prediction | None

    @property
    def agreement(self) -> Agreement:
        """Of the left-out predictions with the harvests."""
        return Agreement.of(self.left_out.agb_dry, self.harvests.agb)

    @classmethod
    def fit(cls, harvests: Harvests, rungs: Sequence[Rung] = LADDER) -> FittedLadder:
        """Climb the ladder on harvests and judge it.

        Raises
        ------
        UnfitError
            No rung fits.
        """
        sample = harvests.sample
        try:
            simple = TermForm.fit(sample, [HEIGHT])
            off = sample.agb - simple.middle(sample.values)
        except UnfitError:
            off = sample.agb - sample.agb.mean()
        folds = _affordable(validation_folds(harvests.site_ids, harvests.x, harvests.y, off))
        model, tried = fit_ladder(sample, folds, rungs)
        left_out, chosen = cross_validate(sample, folds, rungs)
        by_lot, _ = cross_validate(sample, random_folds(sample.n), rungs)
        singly: Prediction | None = left_out
        if folds.scheme != "leave_one_out":
            singly = cross_validate(sample, single_cases(sample.n), rungs)[0] if sample.n <= SINGLY else None
        return cls(
            harvests=harvests,
            model=model,
            tried=tried,
            folds=folds,
            left_out=left_out,
            chosen_without=chosen,
            by_lot=by_lot,
            singly=singly,
        )

    def card(self) -> dict[str, Json]:
        """Everything needed to read, to doubt and to rebuild the model."""
        harvests, sites = self.harvests, sorted(set(self.harvests.site_ids))
        fitted = self.model.predict(harvests.values).agb_dry
        return {
            **self.model.card(),
            "predictors": {name: MEANINGS.get(name, "mean over the plot or cell") for name in self.model.predictors},
            "cell_m": harvests.side_m,
            "sites": [*sites],
            "flights": [*sorted(set(harvests.flight_ids))],
            "plots": list(harvests.plot_ids),
            "ladder": [_tried(one, one.name == self.model.name) for one in self.tried],
            "validated_by": self.folds.scheme,
            "validation_note": self.folds.note,
            "validation_groups": self.folds.n_groups,
            "chosen_in_folds": dict(Counter(self.chosen_without)),
            "in_sample": _json(asdict(Agreement.of(fitted, harvests.agb))),
            **_judged(self.folds.scheme, self.left_out, harvests),
            **({} if self.singly is None else _judged("leave_one_out", self.singly, harvests)),
            **_judged("random_folds", self.by_lot, harvests),
            "scope": _scope(self.folds, len(sites)),
        }

    def write_training(self, path: Path) -> None:
        """One row a training plot, with what the ladder says of it when climbed without its group."""
        harvests, one = self.harvests, self.left_out
        names = tuple(harvests.values)
        columns = (
            *harvests.values.values(),
            harvests.agb,
            self.model.predict(harvests.values).agb_dry,
            *(one.agb_dry, one.sd, one.pi90_lo, one.pi90_hi),
        )
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            head = ("flight_id", "site_id", "plot_id", "group", *names, "agb_dry_g_m2", "fitted_g_m2")
            writer.writerow((*head, *TRAINING_LEFT_OUT))
            who = zip(harvests.flight_ids, harvests.site_ids, harvests.plot_ids, self.folds.groups, strict=True)
            for ids, *row in zip(who, *columns, strict=True):
                writer.writerow((*ids, *(repr(float(number)) for number in row)))


def load_model(path: Path) -> BiomassModel:
    """Rebuild a model from its card (``model.json``).

    Raises
    ------
    StoreError
        No card, or one this version does not know.
    """
    return model_of(read_card(path), path)


def read_card(path: Path) -> dict[str, Any]:
    """Read a card.

    Raises
    ------
    StoreError
        Not there, or no card.
    """
    try:
        card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(card["model"], str):
            raise TypeError("the model has no name")
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise StoreError(f"{path}: can't be read as a biomass model ({exc})") from exc
    return card


def model_of(card: Mapping[str, Any], path: Path) -> BiomassModel:
    """Rebuild the model of a card.

    Raises
    ------
    StoreError
        One this version does not know.
    """
    try:
        if "plant_type" in card:
            return Allometry(plant_type=str(card["plant_type"]))
        forms: Mapping[str, type[TermForm | ForestForm | GaussianForm]] = {
            "terms": TermForm,
            "forest": ForestForm,
            "gaussian_process": GaussianForm,
        }
        form: Form = forms[card["parameters"]["form"]].from_json(card["parameters"])
        share = card["site_share_of_variance"]
        return HarvestModel(
            name=str(card["model"]),
            form=form,
            width=float(card["interval_score"]),
            interval=str(card["interval"]),
            sd_factor=float(card["sd_factor"]),
            site_share=math.nan if share is None else float(share),
            ranges={name: (float(low), float(high)) for name, (low, high) in card["ranges"].items()},
            n=int(card["n"]),
        )
    except (ValueError, KeyError, TypeError) as exc:
        raise StoreError(f"{path}: can't be read as a biomass model ({exc!r})") from exc


def read_left_out(path: Path, flight_id: str) -> dict[str, Prediction]:
    """Plot id -> prediction without its group, of one flight's plots in training.csv; none without the file."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as stream:
        return {
            row["plot_id"]: Prediction(
                **{
                    name: np.asarray(float(row[column]))
                    for name, column in zip(("agb_dry", "sd", "pi90_lo", "pi90_hi"), TRAINING_LEFT_OUT, strict=True)
                }
            )
            for row in csv.DictReader(stream)
            if row["flight_id"] == flight_id
        }


def _affordable(folds: Folds) -> Folds:
    """Return folds whose number of fits stays bounded: whole groups are left out several at a time, and said."""
    if folds.n_groups <= OUTER_FOLDS:
        return folds
    if folds.scheme == "leave_one_out":
        if len(folds.groups) <= SINGLY:
            return folds
        return replace(random_folds(len(folds.groups)), note=f"{folds.note}; many plots: ten random folds")
    fewer = merged(folds, OUTER_FOLDS)
    return replace(fewer, note=f"{folds.note}, in {OUTER_FOLDS} groups")


def _judged(scheme: str, prediction: Prediction, harvests: Harvests) -> dict[str, Json]:
    coverage = interval_coverage(prediction.pi90_lo, prediction.pi90_hi, harvests.agb)
    return {
        scheme: _json(asdict(Agreement.of(prediction.agb_dry, harvests.agb))),
        f"{scheme}_interval": _json(asdict(coverage)),
    }


def _tried(one: Tried, chosen: bool) -> Json:
    if one.reason:
        return {"model": one.name, "chosen": False, "reason": one.reason}
    return {"model": one.name, "chosen": chosen, "rmse": one.rmse, **_json({"mse": one.mse, "mse_se": one.mse_se})}


def _scope(folds: Folds, sites: int) -> str:
    if folds.scheme == "leave_site_out":
        return f"whole sites left out ({sites}): holds for sites like these that were not seen"
    of = "one site" if sites == 1 else f"{sites} sites"
    return f"plots of {of}, {folds.scheme.replace('_', ' ')}: says nothing of other sites or dates"


def _json(numbers: Mapping[str, float]) -> dict[str, Json]:
    return {name: None if isinstance(x, float) and not math.isfinite(x) else x for name, x in numbers.items()}
