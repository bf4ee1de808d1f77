"""`uav submit`: a flight folder, checked, copied and verified into an inbox."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from uav_workflow.cli.output import Exit, JsonFlag, emit, findings_table, log, out


def submit(
    folder: Annotated[Path, typer.Argument(help="Flight folder.")],
    to: Annotated[str, typer.Option("--to", help="Inbox folder, also on a network share.")],
    name: Annotated[str | None, typer.Option(help="Name in the inbox; the folder's own when absent.")] = None,
    json_: JsonFlag = False,
) -> None:
    """Check a flight folder and hand it in: copied with checksums, resumable, visible only when it is whole."""
    from uav_workflow.errors import FlightDataError, UsageError
    from uav_workflow.findings import has_errors
    from uav_workflow.flights.reading import read_flight
    from uav_workflow.submission.handin import hand_in

    if "://" in to:
        raise UsageError(f"--to {to}: this version hands in to folders only; mount the share and name its folder")
    flight, findings = read_flight(folder)
    if not json_:
        out.print(findings_table(findings))
    if flight is None or has_errors(findings):
        if json_:
            emit({"folder": None, "findings": [finding.to_json() for finding in findings]})
            raise typer.Exit(Exit.DATA)
        raise FlightDataError(f"{folder}: not handed in; mend the errors above first")
    with log.status("copying") as status:
        receipt = hand_in(folder, Path(to), name=name, progress=lambda _share, text: status.update(text))
    if json_:
        emit(
            {
                "flight": flight.flight_id,
                "folder": str(receipt.folder),
                "files": receipt.files,
                "copied_bytes": receipt.copied_bytes,
                "findings": [finding.to_json() for finding in findings],
            }
        )
    else:
        out.print(f"{len(receipt.files)} files verified in {receipt.folder} ({receipt.copied_bytes >> 20} MiB copied)")
