"""`uav biomass`: fit a model on the harvests of many flights, and show a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from uav_workflow.cli.output import JsonFlag, emit, findings_table, out

if TYPE_CHECKING:
    from rich.table import Table

biomass = typer.Typer(help="Biomass models: fit on the harvests of many flights, show.", no_args_is_help=True)

_SCHEMES = ("in_sample", "leave_site_out", "spatial_blocks", "leave_one_out", "random_folds")


@biomass.command()
def fit(
    workspaces: Annotated[list[Path], typer.Argument(help="Workspaces whose flights have harvested plots.")],
    target: Annotated[Path, typer.Option("-o", "--out", metavar="MODEL", help="Folder for the model.")],
    model: Annotated[
        list[str] | None, typer.Option("--model", help="Model of the ladder to try; may be repeated. All when absent.")
    ] = None,
    json_: JsonFlag = False,
) -> None:
    """Fit a model on every harvested plot, leaving whole sites out where there are five, and write its card.

    MODEL becomes a folder: model.json, model.html, training.csv. A run applies it with --set biomass.model=MODEL.
    """
    from uav_workflow.vegetation.biomass_training import fit_model

    made = fit_model(_tables(workspaces), target, models=tuple(model) if model else None)
    if json_:
        findings = [finding.to_json() for finding in made.findings]
        emit({"model": str(target), "card": _without_trees(made.facts["model"]), "findings": findings})  # type: ignore[arg-type]
        return
    if made.findings:
        out.print(findings_table(made.findings))
        out.print()
    _print(made.facts["model"])  # type: ignore[arg-type]
    out.print(f"\nmodel in {target}", soft_wrap=True, markup=False)


@biomass.command()
def show(
    model: Annotated[Path, typer.Argument(help="Folder of a model, or its model.json.")],
    json_: JsonFlag = False,
) -> None:
    """Show what a model is, how well it predicts where it was not fitted, and what it was made from."""
    from uav_workflow.vegetation.biomass_card import model_of, read_card

    path = model / "model.json" if model.is_dir() else model
    card = read_card(path)
    model_of(card, path)
    if json_:
        emit(_without_trees(card))
    else:
        _print(card)


def _tables(workspaces: Sequence[Path]) -> list[Path]:
    """plot_predictors.parquet of every flight, the newest; each workspace must exist."""
    from uav_workflow.errors import UsageError
    from uav_workflow.store import Store
    from uav_workflow.submission.registry import Registry

    tables: dict[str, Path] = {}
    for root in workspaces:
        if not root.is_dir():
            raise UsageError(f"{root}: is no folder; name workspaces of `uav run`")
        for record in Registry(root):
            product = Store(root).latest(record.flight_id).get("plot_predictors")
            if product is not None and product.not_made is None:
                # a flight in two workspaces is one flight
                tables.setdefault(record.flight_id, product.file("plot_predictors.parquet"))
    if not tables:
        raise UsageError(f"{', '.join(map(str, workspaces))}: no flight with plot predictors; run the flights first")
    return list(tables.values())


def _without_trees(card: Mapping[str, Any]) -> dict[str, Any]:
    parameters = {name: part for name, part in card["parameters"].items() if name != "trees"}
    return {**card, "parameters": parameters}


def _print(card: Mapping[str, Any]) -> None:
    out.print(f"{card['model']}: {card['formula']}", markup=False)
    out.print(f"{card['interval_level']:.0%} interval: {card['interval']}", markup=False)
    if "source" in card:
        out.print(str(card["source"]), markup=False)
    if "ladder" not in card:
        return
    out.print(f"{card['n']} plots, {len(card['flights'])} flights, sites: {', '.join(card['sites'])}", markup=False)
    out.print(f"{card['scope']} ({card['validation_note']})", markup=False)
    out.print()
    out.print(_judged(card))
    out.print()
    out.print(_ladder(card))


def _judged(card: Mapping[str, Any]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("judged on", "n", "R2", "RMSE g/m2", "rRMSE %", "bias", "interval holds", "mean width"):
        table.add_column(column)
    for name in _SCHEMES:
        if name not in card:
            continue
        one, interval = card[name], card.get(f"{name}_interval", {})
        numbers = [(one["r2"], ".3f"), (one["rmse"], ".1f"), (one["rrmse_percent"], ".1f"), (one["bias"], ".1f")]
        held = [(interval.get("share"), ".1%"), (interval.get("mean_width"), ".0f")]
        cells = ["" if value is None else format(value, form) for value, form in (*numbers, *held)]
        table.add_row(name.replace("_", " "), str(one["n"]), *cells)
    return table


def _ladder(card: Mapping[str, Any]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("model", "RMSE g/m2, groups left out", ""):
        table.add_column(column)
    for one in card["ladder"]:
        error = "" if one.get("rmse") is None else f"{one['rmse']:.1f}"
        table.add_row(one["model"], error, "chosen" if one["chosen"] else one.get("reason", ""))
    return table
