"""`uav upscale`: from hand-overs and a satellite's bands to maps, and where they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from uav_workflow.cli.output import JsonFlag, emit, findings_table, log, out

if TYPE_CHECKING:
    from rich.table import Table


def upscale(
    handovers: Annotated[list[Path], typer.Argument(metavar="HANDOVER...", help="Hand-over folders.")],
    predictors: Annotated[
        list[Path], typer.Option("--predictors", metavar="STACK", help="Raster of bands; may be repeated, on one grid.")
    ],
    target: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="Folder to write into.")],
    variable: Annotated[
        list[str] | None, typer.Option(help="Such as fvc_green; may be repeated. All when absent.")
    ] = None,
    index: Annotated[list[str] | None, typer.Option(help="Index of the bands, such as NDVI; may be repeated.")] = None,
    band: Annotated[
        list[str] | None, typer.Option(metavar="NAME=BAND", help="Call a band of the stack, as nir=B8, for indices.")
    ] = None,
    terrain: Annotated[
        Path | None, typer.Option(metavar="DEM", help="Height model: adds elevation, slope and facing.")
    ] = None,
    surroundings: Annotated[
        int, typer.Option(metavar="PIXELS", help="Adds each band's mean over 3, 5, 7 … pixels a side around a pixel.")
    ] = 0,
    coverage: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of a cell that must be covered to train on it.")
    ] = 0.75,
    jobs: Annotated[int | None, typer.Option(min=1, help="Threads; all cores when absent.")] = None,
    json_: JsonFlag = False,
) -> None:
    """Learn cover and biomass from hand-over cells, map them, and say where the map holds.

    OUT receives <variable>.tif (mean, 5 and 95 %, dissimilarity index, local point density), <variable>_aoa.tif,
    left_out.csv, model_card.json, report.html and item.json (STAC).
    """
    from uav_workflow.upscaling.predictors import PredictorStack
    from uav_workflow.upscaling.upscale import upscale as make

    names = {seen: name for name, seen in map(_pair, band or ())}
    with PredictorStack(
        predictors, indices=tuple(index or ()), terrain=terrain, renamed=names, surroundings=surroundings
    ) as stack:
        made = make(
            handovers,
            stack,
            target,
            variables=tuple(variable or ()),
            least_coverage=coverage,
            jobs=jobs,
            sources=[path.name for path in (*predictors, *([terrain] if terrain else []))],
        )
    cards: Sequence[Any] = list(made.facts.values())
    if json_:
        emit({"out": str(target), "variables": cards, "findings": [finding.to_json() for finding in made.findings]})
        return
    if made.findings:
        log.print(findings_table(made.findings))
    for card in cards:
        out.print(_judged(card))
        out.print(_area(card), markup=False)
        out.print()
    out.print(f"maps, card and report.html in {target}", soft_wrap=True, markup=False)


def _pair(text: str) -> tuple[str, str]:
    from uav_workflow.errors import UsageError

    name, sign, seen = text.partition("=")
    if not (sign and name and seen):
        raise UsageError(f"--band {text}: write NAME=BAND, such as nir=B8")
    return name, seen


def _judged(card: Mapping[str, Any]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", title=card["variable"], title_justify="left")
    for column in ("left out", "n", "R2", "RMSE", "rRMSE %", "bias", "interval holds"):
        table.add_column(column)
    for name, row in card["validation"].items():
        numbers = [(row["r2"], ".3f"), (row["rmse"], ".3g"), (row["rrmse_percent"], ".1f"), (row["bias"], ".2g")]
        numbers.append((row["interval"]["share"], ".1%"))
        cells = ["" if value is None else format(value, form) for value, form in numbers]
        table.add_row(name.replace("_", " "), str(row["n"]), *cells)
    return table


def _area(card: Mapping[str, Any]) -> str:
    share = card["map"]["share_inside"]
    inside = "no pixel has every predictor" if share is None else f"{share:.0%} of the map inside"
    return f"area of applicability: {inside}, threshold {card['applicability']['threshold']:.3g}"
