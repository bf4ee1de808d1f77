"""`uav series`: the same plots over the dates of many flights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from uav_workflow.cli.output import JsonFlag, emit, findings_table, log, out
from uav_workflow.cli.tables import plot_tables


def series(
    workspaces: Annotated[list[Path], typer.Argument(metavar="WORKSPACE...", help="Workspaces with runs.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="Folder to write into.")],
    site: Annotated[str | None, typer.Option(help="Plots of this site.")] = None,
    variable: Annotated[
        list[str] | None,
        typer.Option(help="Such as ndvi_mean or height_mean; greenness and cover when absent. May be repeated."),
    ] = None,
    json_: JsonFlag = False,
) -> None:
    """Follow plots over dates: curves, start, peak and end of season where the dates allow, charts and tables."""
    from uav_workflow.errors import UsageError
    from uav_workflow.findings import Finding
    from uav_workflow.plots.curve import MEAN
    from uav_workflow.plots.lookup import PlotQuery, look_up
    from uav_workflow.plots.series import find_curves, write_series

    tables = plot_tables(workspaces)
    if not tables:
        raise UsageError(f"no plot table in {', '.join(map(str, workspaces))}; `uav run` a flight with plots first")
    curves, findings = find_curves(look_up(tables, PlotQuery(site=site)), tuple(variable or ()))
    document = write_series(curves, findings, output)
    if json_:
        emit(document)
        return
    rows = document["seasons"]
    assert isinstance(rows, list)
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("site", "plot", "variable", "dates", "start", "peak", "end", "note"):
        shown.add_column(column, overflow="fold")
    means = [row for row in rows if isinstance(row, dict) and row["plot_id"] == MEAN] or rows
    for row in means:
        assert isinstance(row, dict)
        keys = ("site_id", "plot_id", "variable", "n_dates", "start", "peak", "end", "note")
        shown.add_row(*("" if row[key] is None else str(row[key]) for key in keys))
    out.print(shown)
    told = document["findings"]
    assert isinstance(told, list)
    if told:
        log.print(findings_table([Finding.from_json(row) for row in told]))  # type: ignore[arg-type]
    log.print(f"{len(curves)} curves in {output}")
