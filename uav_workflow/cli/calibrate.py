"""`uav calibrate`: pictures of a multispectral camera to reflectance, without a node."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from uav_workflow.cli.output import JsonFlag, emit, findings_table, log, out

if TYPE_CHECKING:
    from rich.table import Table


def calibrate(
    folder: Annotated[Path, typer.Argument(help="Folder of pictures of a multispectral camera.")],
    target: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="Folder for the reflectance pictures.")],
    json_: JsonFlag = False,
    panels: Annotated[
        list[Path] | None,
        typer.Option("--panels", metavar="TABLE", help="CSV of your panels: serial, centre_nm, albedo, relative_sd."),
    ] = None,
    use_panels: Annotated[bool, typer.Option("--use-panels/--ignore-panels")] = True,
    use_sun_sensor: Annotated[bool, typer.Option("--use-sun-sensor/--ignore-sun-sensor")] = True,
    workers: Annotated[int, typer.Option(min=1, help="Pictures at a time.")] = 2,
) -> None:
    """Turn pictures into reflectance: one float32 TIFF each, panel pictures too, and calibration.json beside them."""
    from rich.progress import Progress

    from calibration.alone import calibrate_folder
    from calibration.settings import CalibrationSettings

    settings = CalibrationSettings(
        panel_tables=tuple(panels or ()), use_panels=use_panels, use_sun_sensor=use_sun_sensor
    )
    with Progress(console=log, transient=True, disable=not log.is_terminal) as bar:
        row = bar.add_task("calibrating", total=1.0)
        done = calibrate_folder(
            folder,
            target,
            settings=settings,
            workers=workers,
            progress=lambda fraction, text: bar.update(row, completed=fraction, description=text),
        )
    findings = [finding.to_json() for finding in done.findings]
    if json_:
        emit({"folder": str(folder), "out": str(target), **done.document, "findings": findings})
        return
    if done.findings:
        out.print(findings_table(done.findings))
        out.print()
    out.print(_bands(done.document))
    out.print(f"\n{len(done.document['images'])} pictures in {target}", markup=False)  # type: ignore[arg-type]


def _bands(document: Mapping[str, Any]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("band", "quantity", "light from", "factor", "± %"):
        table.add_column(column)
    for band in document["bands"]:
        factors = ", ".join(f"{visit['factor']:.4g}" for visit in band["visits"])
        share = band["relative_uncertainty"].get("combined")
        table.add_row(band["band"], band["quantity"], band["basis"], factors, f"{100 * share:.1f}" if share else "")
    return table
