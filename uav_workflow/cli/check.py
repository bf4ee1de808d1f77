"""`uav check`: what is in a flight folder, and whether it can be used."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from uav_workflow.cli.output import Exit, JsonFlag, emit, findings_table, log, out
from uav_workflow.findings import Finding, Level, has_errors

_SHOWN = 3


def check(
    folder: Annotated[Path, typer.Argument(help="Flight folder, or a bare folder of photos.")],
    json_: JsonFlag = False,
    campaign: Annotated[
        Path | None, typer.Option("--campaign", help="campaign.yaml, when it does not lie beside the folder.")
    ] = None,
) -> None:
    """Read a flight folder and say what is wrong with it; nothing in it is changed."""
    from rich.progress import Progress

    from calibration.panels.on_site import panels_on_site
    from uav_workflow.flights.reading import read_flight
    from uav_workflow.flights.summary import summarise, verdict

    with Progress(console=log, transient=True, disable=not log.is_terminal) as bar:
        row = bar.add_task("reading", total=1.0)
        flight, findings = read_flight(
            folder,
            campaign=campaign,
            progress=lambda fraction, text: bar.update(row, completed=fraction, description=text),
        )
        if flight is not None:
            bar.update(row, description="looking for panels")
            findings = [*findings, *panels_on_site(flight)]
    usable = flight is not None and not has_errors(findings)
    summary = summarise(flight) if flight is not None else {}
    if json_:
        emit(
            {
                "folder": str(folder),
                "flight": flight.flight_id if flight is not None else None,
                "usable": usable,
                "summary": {key: _finite(value) for key, value in summary.items()},
                "findings": [finding.to_json() for finding in findings],
            }
        )
    else:
        if findings:
            out.print(findings_table(_condensed(findings)))
            out.print()
        for line in summary_lines(summary):
            out.print(line, markup=False)
        colour = "green" if usable else "red"
        if usable and any(finding.level is Level.WARNING for finding in findings):
            colour = "yellow"
        out.print(f"[{colour}]{verdict(usable, findings)}[/]")
    if not usable:
        raise typer.Exit(Exit.DATA)


def _condensed(findings: Sequence[Finding]) -> list[Finding]:
    """Findings for a reader: of many with one code the first three, and how many more there are (JSON has them all)."""
    shown: list[Finding] = []
    counts = Counter(finding.code for finding in findings)
    seen: Counter[str] = Counter()
    for finding in findings:
        seen[finding.code] += 1
        more = counts[finding.code] - _SHOWN
        if seen[finding.code] <= _SHOWN or more == 1:
            shown.append(finding)
        elif seen[finding.code] == _SHOWN + 1:
            shown.append(replace(finding, where="…", message=f"{more} more like this; --json lists them all", hint=""))
    return shown


def summary_lines(summary: dict[str, object]) -> list[str]:
    """Summary as lines for a reader; what is not known is left out."""
    lines = []
    for key, (label, unit, factor, digits) in _LABELS.items():
        value = summary.get(key)
        if isinstance(value, float):
            if math.isfinite(value):
                lines.append(f"{label:<20} {value * factor:.{digits}f} {unit}".rstrip())
        elif value not in (None, "", 0):
            lines.append(f"{label:<20} {value}")
    return lines


_LABELS: dict[str, tuple[str, str, float, int]] = {
    "flight": ("flight", "", 1, 0),
    "site": ("site", "", 1, 0),
    "sensor": ("sensor", "", 1, 0),
    "camera": ("camera", "", 1, 0),
    "photos": ("photos", "", 1, 0),
    "captures": ("captures", "", 1, 0),
    "panel_captures": ("panel captures", "", 1, 0),
    "bands": ("bands", "", 1, 0),
    "time": ("time", "", 1, 0),
    "height_above_ground_m": ("height above ground", "m", 1, 0),
    "gsd_m": ("pixel on the ground", "cm", 100, 1),
    "forward_overlap": ("forward overlap", "%", 100, 0),
    "side_overlap": ("side overlap", "%", 100, 0),
    "area_m2": ("area", "ha", 1e-4, 2),
    "sun_elevation_deg": ("sun elevation", "°", 1, 0),
    "control_points": ("control points", "", 1, 0),
    "check_points": ("check points", "", 1, 0),
    "targets": ("targets", "", 1, 0),
    "plots": ("plots", "", 1, 0),
    "observations": ("observations", "", 1, 0),
}


def _finite(value: object) -> object:
    """JSON has no NaN: unknown is null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
