"""`uav calibrate`: pictures of a multispectral camera to reflectance, without a node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from uav_workflow.cli.output import JsonFlag, emit, findings_table, log, out

if TYPE_CHECKING:
    from rich.table import Table

    from calibration.alone import CalibratedFolder
    from calibration.panels.search import PanelPlace
    from calibration.planning.settings import CalibrationSettings
    from uav_workflow.findings import Finding


def calibrate(
    folder: Annotated[Path, typer.Argument(help="Folder of pictures of a multispectral camera.")],
    target: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="Folder for the reflectance pictures.")],
    json_: JsonFlag = False,
    recipe: Annotated[
        Path | None, typer.Option("--recipe", metavar="FILE", help="Recipe; its section `calibration` is used.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, such as calibration.sky=overcast."),
    ] = None,
    panels: Annotated[
        list[Path] | None,
        typer.Option("--panels", metavar="TABLE", help="CSV of your panels: serial, centre_nm, albedo, relative_sd."),
    ] = None,
    markers: Annotated[
        Path | None,
        typer.Option(
            "--markers",
            metavar="TABLE",
            help="CSV of ArUco markers and AprilTags beside your panels: family, id, serial, side_mm, x_mm, y_mm, "
            "region_mm, turned.",
        ),
    ] = None,
    panel_at: Annotated[
        list[str] | None,
        typer.Option(
            "--panel-at",
            metavar="IMAGE=SERIAL:X,Y,X,Y,X,Y,X,Y",
            help="Where a panel is in a picture: its corners as column, row of the stored picture.",
        ),
    ] = None,
    use_panels: Annotated[bool, typer.Option("--use-panels/--ignore-panels")] = True,
    use_sun_sensor: Annotated[bool, typer.Option("--use-sun-sensor/--ignore-sun-sensor")] = True,
    pan_sharpen: Annotated[
        bool,
        typer.Option("--pan-sharpen", help="Sharpened captures too (RedEdge-P, Altum-PT): to look at, not to measure."),
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Pictures at a time.")] = 2,
) -> None:
    """Turn pictures into reflectance: one float32 TIFF each, panel pictures too, and calibration.json beside them."""
    changes = [*(set_ or ()), *_switches(use_panels, use_sun_sensor)]
    settings = _settings(changes, recipe, panels=panels, markers=markers, at=panel_at, pan_sharpen=pan_sharpen)
    done = _calibrated(folder, target, settings, workers)
    if json_:
        findings = [finding.to_json() for finding in done.findings]
        emit({"folder": str(folder), "out": str(target), **done.document, "findings": findings})
    else:
        _show(done.findings, done.document, target)


def _calibrated(folder: Path, target: Path, settings: CalibrationSettings, workers: int) -> CalibratedFolder:
    from rich.progress import Progress

    from calibration.alone import calibrate_folder

    with Progress(console=log, transient=True, disable=not log.is_terminal) as bar:
        row = bar.add_task("calibrating", total=1.0)
        return calibrate_folder(
            folder,
            target,
            settings=settings,
            workers=workers,
            progress=lambda fraction, text: bar.update(row, completed=fraction, description=text),
        )


def _show(findings: Sequence[Finding], document: Mapping[str, Any], target: Path) -> None:
    if findings:
        out.print(findings_table(findings))
        out.print()
    out.print(_bands(document))
    for row in document["thermal"]:
        spread = f"{row['lowest']:.1f} - {row['highest']:.1f} °C (pictures: {row['pictures']})"
        out.print(f"{row['band']}: {row['quantity']}, {spread}", markup=False)
    out.print()
    out.print(_gates(document))
    out.print(f"\n{len(document['images'])} pictures in {target}", markup=False)


def _switches(use_panels: bool, use_sun_sensor: bool) -> list[str]:
    """Settings of the recipe that the options switch off."""
    off = {"calibration.use_panels": use_panels, "calibration.use_sun_sensor": use_sun_sensor}
    return [f"{key}=false" for key, on in off.items() if not on]


def _settings(
    changes: Sequence[str],
    recipe: Path | None,
    *,
    panels: Sequence[Path] | None,
    markers: Path | None,
    at: Sequence[str] | None,
    pan_sharpen: bool,
) -> CalibrationSettings:
    from calibration.panels.markers import read_markers
    from calibration.planning.settings import CalibrationSettings
    from uav_workflow.recipe import load_recipe

    chosen = CalibrationSettings.of(load_recipe(recipe, changes).calibration)
    return replace(
        chosen,
        panel_tables=tuple(panels or ()),
        panel_markers=(*chosen.panel_markers, *(read_markers(markers) if markers else ())),
        panel_places={**chosen.panel_places, **dict(map(_place, at or ()))},
        pan_sharpen=pan_sharpen,
    )


def _place(text: str) -> tuple[str, PanelPlace]:
    from calibration.panels.search import PanelPlace
    from uav_workflow.errors import UsageError

    image, _, rest = text.partition("=")
    serial, _, numbers = rest.rpartition(":")
    try:
        flat = [float(number) for number in numbers.split(",")]
    except ValueError:
        flat = []
    if not (image and serial) or len(flat) != 8:
        raise UsageError(
            f"--panel-at {text}: write IMAGE=SERIAL:X,Y,X,Y,X,Y,X,Y, such as "
            "panels/IMG_0001_2.tif=RP02-1603036-SC:310,205,402,207,400,299,309,297"
        )
    corners = tuple(zip(flat[::2], flat[1::2], strict=True))
    return image, PanelPlace(serial=serial, corners=corners)


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


def _gates(document: Mapping[str, Any]) -> Table:
    """Gates that are missed, and how many are passed."""
    from rich.table import Table

    missed = [gate for gate in document["gates"] if gate["verdict"] != "pass"]
    passed = len(document["gates"]) - len(missed)
    table = Table(box=None, pad_edge=False, header_style="bold", title=f"{passed} gates passed, {len(missed)} missed")
    for column in ("gate", "value", "bound", "verdict"):
        table.add_column(column)
    for gate in missed:
        numbers = ("" if gate[key] is None else f"{gate[key]:.4g}" for key in ("value", "threshold"))
        table.add_row(gate["name"], *numbers, gate["verdict"])
    return table
