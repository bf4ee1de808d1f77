"""`uav publish`: a flight or a campaign as a data centre takes it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from uav_workflow.cli.output import JsonFlag, emit, findings_table, log, out


def publish(
    name: Annotated[str, typer.Argument(metavar="FLIGHT|CAMPAIGN", help="Flight id, or flight.yaml's campaign.")],
    target: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="Folder to write into.")],
    workspace: Annotated[Path | None, typer.Option(help="Products and scratch; UAV_WORKSPACE or .uav.")] = None,
    campaign: Annotated[
        Path | None, typer.Option(metavar="FILE", help="campaign.yaml; the runs' own when absent.")
    ] = None,
    json_: JsonFlag = False,
) -> None:
    """Gather hand-overs with ISO 19115-3, DataCite, RO-Crate, a page in English and Chinese, and a quality form."""
    from uav_workflow.publication.publish import publish as make
    from uav_workflow.settings import Settings

    record, findings = make(name, workspace or Settings().workspace, target, campaign=campaign)
    if json_:
        emit(
            {
                "out": str(target),
                "title": record.title,
                "flights": [flight.flight_id for flight in record.flights],
                "files": len(record.files),
                "missing": [{"field": gap.field, "where": gap.where} for gap in record.missing],
                "findings": [finding.to_json() for finding in findings],
            }
        )
        return
    if findings:
        log.print(findings_table(findings))
    out.print(f"{len(record.flights)} flight(s), {len(record.files)} files in {target}", soft_wrap=True, markup=False)
