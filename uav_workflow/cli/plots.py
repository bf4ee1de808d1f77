"""`uav plots`: plot-level numbers over all flights of a workspace."""

from __future__ import annotations

import sys
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from uav_workflow.cli.output import JsonFlag, emit, findings_table, log
from uav_workflow.cli.tables import plot_tables

if TYPE_CHECKING:
    import geopandas as gpd

    from uav_workflow.domain.campaign import Campaign
    from uav_workflow.findings import Finding


class Format(StrEnum):
    """File formats of the answer."""

    CSV = "csv"
    WIDE = "wide"
    GEOJSON = "geojson"
    GPKG = "gpkg"
    PARQUET = "parquet"
    DATAPACKAGE = "datapackage"
    DWC = "dwc"


def plots(
    workspace: Annotated[Path | None, typer.Option(help="Products and scratch; UAV_WORKSPACE or .uav.")] = None,
    site: Annotated[str | None, typer.Option(help="Plots of this site.")] = None,
    flight: Annotated[str | None, typer.Option(help="Plots as seen by this flight.")] = None,
    start: Annotated[datetime | None, typer.Option("--from", help="Flights of this day or later.")] = None,
    end: Annotated[datetime | None, typer.Option("--to", help="Flights of this day or earlier.")] = None,
    variable: Annotated[list[str] | None, typer.Option(help="Such as fvc_green or agb_dry; may be repeated.")] = None,
    bbox: Annotated[str | None, typer.Option(help="west,south,east,north in degrees.")] = None,
    format_: Annotated[Format, typer.Option("--format", help="Format of the answer.")] = Format.CSV,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="File; for datapackage (Frictionless) and dwc (Darwin Core) a new folder or a .zip. "
            "Standard output when absent.",
        ),
    ] = None,
    campaign: Annotated[
        Path | None, typer.Option(metavar="FILE", help="campaign.yaml for dwc; the runs' own when absent.")
    ] = None,
    json_: JsonFlag = False,
) -> None:
    """Look up the plot table: one row a plot, variable and method, newest products of every flight."""
    from uav_workflow.errors import UsageError
    from uav_workflow.plots.lookup import PlotQuery, look_up, parse_bbox, write_table
    from uav_workflow.settings import Settings

    query = PlotQuery(
        site=site,
        flight=flight,
        start=start.date() if start else None,
        end=end.date() if end else None,
        variables=tuple(variable or ()),
        bbox=parse_bbox(bbox) if bbox else None,
    )
    if campaign is not None and (json_ or format_ is not Format.DWC):
        raise UsageError("--campaign: only the archive of --format dwc says who publishes it")
    root = workspace or Settings().workspace
    table = look_up(plot_tables([root]), query)
    if json_:
        emit(table.to_geo_dict())
    elif output is not None:
        said, findings = _campaign(root, table, campaign) if format_ is Format.DWC else (None, [])
        findings = [*findings, *write_table(table, output, format_, said)]
        if findings:
            log.print(findings_table(findings))
    elif format_ not in {Format.CSV, Format.WIDE, Format.GEOJSON}:
        raise UsageError(f"--format {format_} is no text; name a file with -o")
    else:
        write_table(table, sys.stdout, format_)


def _campaign(root: Path, table: gpd.GeoDataFrame, named: Path | None) -> tuple[Campaign, list[Finding]]:
    """Campaign of the flights that the answer holds."""
    from uav_workflow.submission.campaigns import campaign_of
    from uav_workflow.submission.registry import Registry

    held = set(table["flight_id"])
    return campaign_of([record for record in Registry(root) if record.flight_id in held], named)
