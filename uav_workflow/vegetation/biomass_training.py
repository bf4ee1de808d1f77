"""A model of many flights' harvests, written as a folder that runs apply."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from uav_workflow.domain.product import Json, Made
from uav_workflow.errors import UsageError
from uav_workflow.store import write_json
from uav_workflow.vegetation.biomass import MODEL_FILE, PAGE_FILE, TRAINING_FILE, fit_harvests
from uav_workflow.vegetation.biomass_forms import UnfitError
from uav_workflow.vegetation.biomass_page import write_page
from uav_workflow.vegetation.harvests import read_harvests

LEAST_HARVESTS = 6


def fit_model(tables: Sequence[Path], out: Path, *, models: tuple[str, ...] | None = None) -> Made:
    """Fit a model on the harvests of plot_predictors tables and write ``model.json``, ``model.html``, ``training.csv``.

    Parameters
    ----------
    tables : sequence of Path
        plot_predictors.parquet, one a flight.
    out : Path
        A new folder, an empty one, or that of an earlier model, which is replaced.
    models : tuple of str, optional
        Models of the ladder that are tried.

    Raises
    ------
    UsageError
        Too few harvests, no model fits, or the folder holds something else.
    RecipeError
        No such model.
    """
    _refuse_foreign(out)
    harvests = read_harvests(tables)
    if harvests.n < LEAST_HARVESTS:
        raise UsageError(f"{harvests.n} harvested plots with a height, of at least {LEAST_HARVESTS} needed for a model")
    try:
        fitted, findings = fit_harvests(harvests, models)
    except UnfitError as exc:
        raise UsageError(f"no biomass model of {harvests.n} harvested plots: {exc}") from exc
    card: dict[str, Json] = fitted.card()
    out.mkdir(parents=True, exist_ok=True)
    write_page(card, out / PAGE_FILE, fitted)
    fitted.write_training(out / TRAINING_FILE)
    # last: a folder with a card is whole
    write_json(out / MODEL_FILE, card)
    return Made(findings=findings, facts={"model": card})


def _refuse_foreign(out: Path) -> None:
    """Never write among a user's other files."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: is a file; name a folder for the model")
    ours = {MODEL_FILE, PAGE_FILE, TRAINING_FILE}
    if out.is_dir() and (strangers := sorted(path.name for path in out.iterdir() if path.name not in ours)):
        raise UsageError(f"{out}: holds other files ({', '.join(strangers[:3])}); name a folder of its own")
