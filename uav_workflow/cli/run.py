"""`uav run`: a flight folder to every product it allows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from uav_workflow.cli.output import Exit, JsonFlag, emit, findings_table, follow_tasks, log, out

if TYPE_CHECKING:
    from tasks.running import RunResult
    from uav_workflow.recipe import Recipe


def run(
    folder: Annotated[Path, typer.Argument(help="Flight folder.")],
    workspace: Annotated[Path | None, typer.Option(help="Products and scratch; UAV_WORKSPACE or .uav.")] = None,
    node: Annotated[str | None, typer.Option(help="URL of a NodeODM or ClusterODM; own node when absent.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="URL of a luigid; in-process when absent.")] = None,
    recipe: Annotated[Path | None, typer.Option(help="Recipe file (YAML).")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="section.key=value of the recipe.")] = None,
    campaign: Annotated[
        Path | None, typer.Option(help="campaign.yaml, when it does not lie beside the folder.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Tasks at a time.")] = None,
    until: Annotated[str | None, typer.Option(help="Stop after this kind of product.")] = None,
    json_: JsonFlag = False,
) -> None:
    """Check a flight folder and make every product it allows: maps, plot tables, report, hand-over."""
    from tasks.running import run_flight
    from uav_workflow.errors import FlightDataError
    from uav_workflow.recipe import load_recipe
    from uav_workflow.settings import Settings

    follow_tasks()
    machine = Settings()
    if node is not None:
        # tasks may run in other processes: they read the node from the environment, never from a parameter
        os.environ["UAV_NODE"] = node
    try:
        result = run_flight(
            folder,
            workspace or machine.workspace,
            _checked(load_recipe(recipe, settings or ())),
            campaign=campaign,
            until=until,
            scheduler=scheduler or machine.scheduler,
            workers=workers or machine.workers,
            progress=lambda _share, text: log.print(text, style="dim", markup=False),
        )
    except FlightDataError as exc:
        if not json_:
            raise
        findings = [finding.to_json() for finding in exc.findings]
        emit({"flight": None, "status": "incomplete", "findings": findings, "products": {}, "not_made": {}})
        raise typer.Exit(Exit.DATA) from exc
    if json_:
        emit(result.to_json())
    else:
        _print(result)
    raise typer.Exit(_status(result))


def _checked(recipe: Recipe) -> Recipe:
    """The recipe, its bounds, markers and scene bands looked up: a wrong one is refused now, not hours into the run."""
    if recipe.calibration.limits or recipe.calibration.panel_markers:
        from calibration.planning.settings import CalibrationSettings

        CalibrationSettings.of(recipe.calibration)
    if recipe.handover.scenes:
        from uav_workflow.handover.bridge import refuse_absent_bands

        for scene in recipe.handover.scenes:
            refuse_absent_bands(scene.name, scene.raster, scene.bands.values())
    return recipe


def _print(result: RunResult) -> None:
    out.print(findings_table(result.findings))
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("product")
    table.add_column("where, or why not", overflow="fold")
    for kind, product in result.products.items():
        table.add_row(kind, Text(str(product.path)))
    for kind, reason in result.not_made.items():
        table.add_row(Text(kind, style="yellow"), Text(f"not made: {reason}"))
    out.print(table)
    out.print(f"flight {result.flight}: {'complete' if result.complete else 'incomplete'}")


def _status(result: RunResult) -> Exit:
    blames = {failure.blame for failure in result.failures}
    if "internal" in blames:
        return Exit.INTERNAL
    if "service" in blames:
        return Exit.SERVICE
    return Exit.DATA if blames else Exit.DONE
