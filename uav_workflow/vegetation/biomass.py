"""Above-ground biomass of a flight: a model of its harvests, a saved model or a published line, and the map."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from uav_workflow.domain.product import Json, Made
from uav_workflow.errors import NotMade, RecipeError
from uav_workflow.findings import Finding, info, warning
from uav_workflow.store import write_json
from uav_workflow.vegetation.biomass_card import FittedLadder, model_of, read_card
from uav_workflow.vegetation.biomass_forms import UnfitError
from uav_workflow.vegetation.biomass_ladder import LADDER, Rung
from uav_workflow.vegetation.biomass_map import Counts, Layer, layers_of, write_map
from uav_workflow.vegetation.biomass_models import Allometry, BiomassModel
from uav_workflow.vegetation.biomass_page import write_page
from uav_workflow.vegetation.harvests import Harvests, read_harvests

MODEL_FILE, PAGE_FILE, TRAINING_FILE = "model.json", "model.html", "training.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class BiomassSettings:
    """How biomass is made.

    Attributes
    ----------
    model : Path or None
        Folder of a model of `uav biomass fit`, applied in place of the flight's own harvests.
    allometry : str or None
        Plant type of `biomass_models.ALLOMETRIES`, used when the flight has too few harvests.
    rungs : tuple of str or None
        Models of the ladder that are tried; all when None.
    minimum_harvests : int
        Fewest harvested plots a model is fitted on; at least 4.
    minimum_valid : float
        Fewest share of measured pixels a cell needs: the same as for plots.
    """

    model: Path | None = None
    allometry: str | None = None
    rungs: tuple[str, ...] | None = None
    minimum_harvests: int = 6
    minimum_valid: float = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """The model of a flight, the side of its map's cells, its card, and what is known of it."""

    model: BiomassModel
    cell_m: float
    card: dict[str, Json]
    fitted: FittedLadder | None = None
    training: Path | None = None
    findings: tuple[Finding, ...] = ()


def make_biomass(predictors: Path | None, rasters: Mapping[str, Path], out: Path, *, settings: BiomassSettings) -> Made:
    """Write ``biomass.tif``, ``model.json``, ``model.html`` and, for a model of harvests, ``training.csv``.

    The cell of the map is the whole multiple of the pixel nearest the side of the training plots (1 m for an
    allometry): a model fitted on means over a plot holds for means over a plot. Values below 0 become 0 and are
    counted.

    Parameters
    ----------
    predictors : Path or None
        plot_predictors.parquet, when the flight has plots.
    rasters : mapping of kind to Path
        canopy_height, and cover and indices where there are any, on one grid.

    Raises
    ------
    NotMade
        Too few harvests and no allometry, or heights that say nothing of biomass.
    RecipeError
        No such allometry or rung.
    StoreError
        The saved model can't be read.
    """
    layers = layers_of(rasters)
    choice = _choose(predictors, layers, settings)
    counts = write_map(choice.model, layers, out / "biomass.tif", choice.cell_m, settings.minimum_valid)
    write_json(out / MODEL_FILE, choice.card)
    write_page(choice.card, out / PAGE_FILE, choice.fitted)
    if choice.fitted is not None:
        choice.fitted.write_training(out / TRAINING_FILE)
    elif choice.training is not None:
        shutil.copyfile(choice.training, out / TRAINING_FILE)
    # the trees of a forest, the matrix of a process are many numbers: they stand in model.json alone
    card = {name: part for name, part in choice.card.items() if name != "parameters" or not _is_bulky(part)}
    facts: dict[str, Json] = {
        "model": card,
        "map": counts.to_json(choice.model),
        "mean_agb_dry": counts.total / counts.cells,
    }
    return Made(findings=choice.findings + _map_findings(counts), facts=facts)


def ladder_of(names: tuple[str, ...] | None) -> tuple[Rung, ...]:
    """Rungs of these names, in the ladder's order; all for None.

    Raises
    ------
    RecipeError
        No such rung.
    """
    known = [rung.name for rung in LADDER]
    if unknown := [name for name in names or () if name not in known]:
        raise RecipeError(f"biomass: no model {', '.join(unknown)}; there are {', '.join(known)}")
    return tuple(rung for rung in LADDER if names is None or rung.name in names)


def fit_harvests(harvests: Harvests, rungs: tuple[str, ...] | None) -> tuple[FittedLadder, tuple[Finding, ...]]:
    """Climb the ladder on harvests, and what there is to say of it.

    Raises
    ------
    UnfitError
        No rung fits.
    """
    fitted = FittedLadder.fit(harvests, ladder_of(rungs))
    return fitted, tuple(_fit_findings(fitted))


def _choose(predictors: Path | None, layers: Mapping[str, Layer], settings: BiomassSettings) -> _Choice:
    if settings.model is not None:
        return _saved(settings.model)
    harvests = None if predictors is None else _mapped(read_harvests([predictors]), layers)
    n = 0 if harvests is None else harvests.n
    least = max(settings.minimum_harvests, 4)
    reason = f"{n} harvested plots with a height, of at least {least} needed"
    if harvests is not None and n >= least:
        try:
            fitted, findings = fit_harvests(harvests, settings.rungs)
        except UnfitError as exc:
            reason = f"no model of the {n} harvested plots ({exc})"
        else:
            return _Choice(
                model=fitted.model, cell_m=harvests.side_m, card=fitted.card(), fitted=fitted, findings=findings
            )
    if settings.allometry is None:
        raise NotMade(f"biomass: {reason}, and neither recipe nor flight.yaml names an allometry")
    model = Allometry(plant_type=settings.allometry)
    note = info(
        "biomass-allometry",
        "biomass.tif",
        f"{reason}: the published line of {settings.allometry} plants was applied; its heights are means of cell "
        "maxima of a point cloud, which lie above those of a surface model",
        "harvest plots that span bare to dense, and survey their place, to have a line of this flight's own",
    )
    return _Choice(model=model, cell_m=1.0, card=model.card(), findings=(note,))


def _saved(folder: Path) -> _Choice:
    """Read the model a recipe names."""
    path = folder / MODEL_FILE
    card = read_card(path)
    training = folder / TRAINING_FILE
    return _Choice(
        model=model_of(card, path),
        cell_m=float(card.get("cell_m", 1.0)),
        card=card,
        training=training if training.is_file() else None,
        findings=(
            info("biomass-saved-model", "model.json", f"the saved model {folder.name} ({card['model']}) was applied"),
        ),
    )


def _mapped(harvests: Harvests, layers: Mapping[str, Layer]) -> Harvests:
    """Return the harvests with those predictors alone that also have a map."""
    return replace(harvests, values={name: column for name, column in harvests.values.items() if name in layers})


def _fit_findings(fitted: FittedLadder) -> list[Finding]:
    harvests, agreement, found = fitted.harvests, fitted.agreement, []
    if harvests.without_height:
        names = ", ".join(harvests.without_height)
        found.append(warning("harvest-without-height", names, "harvested plots without a height were not used"))
    if harvests.incomplete:
        text = f"{', '.join(harvests.incomplete)}: not used, because some harvested plots lack a value"
        found.append(info("harvest-predictor-gaps", MODEL_FILE, text))
    if agreement.r2 <= 0:
        found.append(
            warning(
                "biomass-weak",
                MODEL_FILE,
                f"left out ({fitted.folds.scheme.replace('_', ' ')}), the plots are predicted no better than by their "
                f"mean (R2 {agreement.r2:.2f}, n {harvests.n})",
                "use the interval, not the value",
            )
        )
    return found


def _is_bulky(parameters: Json) -> bool:
    return isinstance(parameters, dict) and parameters.get("form") in ("forest", "gaussian_process")


def _map_findings(counts: Counts) -> tuple[Finding, ...]:
    beyond, cut = counts.outside_training / counts.cells, counts.cut_at_zero / counts.cells
    if max(beyond, cut) <= 0.1:
        return ()
    text = f"{beyond:.0%} of the cells lie outside the plots behind the model, {cut:.0%} were cut at 0"
    return (info("biomass-extrapolated", "biomass.tif", text, "see the band flags"),)
