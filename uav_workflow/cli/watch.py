"""`uav watch`: run every flight folder that arrives in an inbox."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from uav_workflow.cli.output import findings_table, follow_tasks, log

if TYPE_CHECKING:
    from uav_workflow.settings import Settings


def watch(
    inbox: Annotated[Path, typer.Argument(help="Folder into which flights are handed in.")],
    workspace: Annotated[Path | None, typer.Option(help="Products and scratch; UAV_WORKSPACE or .uav.")] = None,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 10.0,
    once: Annotated[bool, typer.Option("--once", help="Work on what is there, then leave.")] = False,
) -> None:
    """Run every flight folder that is whole; a folder is tried again only when it has changed."""
    from uav_workflow.errors import UsageError
    from uav_workflow.settings import Settings
    from uav_workflow.submission.inbox import Inbox

    if not inbox.is_dir():
        raise UsageError(f"{inbox}: not a folder")
    follow_tasks()
    machine = Settings()
    root = workspace or machine.workspace
    box = Inbox(inbox, root)
    while True:
        for arrival in list(box.arrivals()):
            outcome, flight = _run(arrival.folder, root, machine)
            box.remember(arrival, outcome, flight)
            log.print(f"{arrival.folder.name}: {outcome}" + (f" ({flight})" if flight else ""), markup=False)
        if once:
            return
        time.sleep(every)


def _run(folder: Path, workspace: Path, machine: Settings) -> tuple[str, str | None]:
    from tasks.running import run_flight
    from uav_workflow.errors import FlightDataError, UavWorkflowError
    from uav_workflow.recipe import load_recipe

    try:
        result = run_flight(
            folder,
            workspace,
            load_recipe(),
            scheduler=machine.scheduler,
            workers=machine.workers,
            progress=lambda _share, text: log.print(f"{folder.name}: {text}", style="dim", markup=False),
        )
    except FlightDataError as exc:
        log.print(findings_table(exc.findings))
        return f"refused: {exc}", None
    except UavWorkflowError as exc:
        return f"failed: {exc}", None
    return ("complete" if result.complete else "incomplete"), result.flight
