"""`uav demo`: simulate two flights over one meadow, run them, compare with the truth."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from uav_workflow.cli.output import Exit, JsonFlag, emit, follow_tasks, log, out

if TYPE_CHECKING:
    from uav_workflow.quality.comparison import Row
    from uav_workflow.quality.demo import DemoFlight

SEED = 7


def demo(
    workspace: Annotated[Path, typer.Option(help="Where flights and products go; made anew.")] = Path("demo"),
    seed: Annotated[int, typer.Option(min=0, help="Of the scene and the flights.")] = SEED,
    workers: Annotated[int, typer.Option(min=1, help="Tasks at a time.")] = 2,
    json_: JsonFlag = False,
) -> None:
    """Simulate a five-band and an RGB flight over one meadow, run both, and compare with the truth.

    Prints value, bound and verdict a row; the exit status is 4 when a bound is missed.
    """
    from tasks.running import run_flight
    from uav_workflow.quality.comparison import compare
    from uav_workflow.quality.demo import demo_flights
    from uav_workflow.recipe import load_recipe
    from uav_workflow.simulation.flight import simulate

    follow_tasks()
    started = time.monotonic()
    rows: dict[str, list[Row]] = {}
    reports: dict[str, str] = {}
    flights = demo_flights(seed)
    for name, flight in flights.items():
        folder = workspace / "flights_in" / name
        shutil.rmtree(folder, ignore_errors=True)
        _say(started, f"{name}: simulating {flight.options.captures} captures")
        simulate(folder, flight.options)
        _say(started, f"{name}: running the flight")
        result = run_flight(
            folder,
            workspace,
            load_recipe(),
            workers=workers,
            progress=lambda _share, text: log.print(f"  {text}", style="dim", markup=False),
        )
        for kind, reason in result.not_made.items():
            log.print(f"{name}: {kind} was not made: {reason}", style="yellow", markup=False)
        rows[name] = compare(folder, result.products) if result.complete else []
        if "report" in result.products:
            reports[name] = str(result.products["report"].file("report.html"))
    _say(started, "done")
    reached = all(
        rows[name] and all(row.reached for row in rows[name] if row.kind in flight.judged)
        for name, flight in flights.items()
    )
    if json_:
        emit({"rows": {name: [row.to_json() for row in rows[name]] for name in rows}, "reports": reports})
    else:
        out.print(_table(rows, flights))
        for name, path in reports.items():
            out.print(f"report of {name}: {path}", soft_wrap=True, markup=False)
    raise typer.Exit(Exit.DONE if reached else Exit.BOUND)


def _say(started: float, text: str) -> None:
    log.print(f"[bold]{time.monotonic() - started:5.0f} s[/]  {text}")


def _table(rows: dict[str, list[Row]], flights: dict[str, DemoFlight]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("flight", "what", "value", "bound", "verdict"):
        table.add_column(column)
    for name, figures in rows.items():
        if not figures:
            table.add_row(name, "the run did not complete", "", "", "[red]missed[/]")
        for row in figures:
            sign = ">=" if row.at_least else "<="
            judged = row.kind in flights[name].judged
            verdict = "[green]reached[/]" if row.reached else "[red]missed[/]"
            bound = f"{sign} {row.bound:g}" if judged else ""
            table.add_row(
                name,
                row.what,
                f"{row.value:.3f} {row.unit if row.unit != '1' else ''}",
                bound,
                verdict if judged else "for information",
            )
    return table
