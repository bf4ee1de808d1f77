"""`uav simulate`: a flight over a simulated scene, with its truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress
from rich.table import Table

from uav_workflow.cli.output import JsonFlag, emit, log, out
from uav_workflow.errors import UsageError

if TYPE_CHECKING:
    from uav_workflow.simulation.options import SimulationSummary


def simulate(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="New folder for the flight and its truth.")],
    sensor: Annotated[str, typer.Option(help="rgb, rededge or rededge_dual.")] = "rgb",
    captures: Annotated[int, typer.Option(min=1, help="Survey captures.")] = 24,
    gsd: Annotated[float, typer.Option(help="Ground sampling distance, cm.")] = 1.5,
    seed: Annotated[int, typer.Option(min=0, help="Of flight and scene; the same seed makes the same files.")] = 1,
    scene_seed: Annotated[int | None, typer.Option(min=0, help="Of the scene alone, to fly twice over one.")] = None,
    scene: Annotated[str, typer.Option(help="meadow, or built: hills with boxes, walls, trees and shrubs.")] = "meadow",
    sky: Annotated[str, typer.Option(help="clear, overcast or broken.")] = "clear",
    plots: Annotated[
        int | None, typer.Option(min=0, help="Ground plots of 1 m2; 20 on the meadow when absent, elsewhere none.")
    ] = None,
    harvested: Annotated[int | None, typer.Option(min=0, help="Plots that are cut; six in ten when absent.")] = None,
    size: Annotated[
        str | None, typer.Option(help="Pixels of a photo, as 2000x1500; the sensor's own when absent.")
    ] = None,
    control_points: Annotated[
        int, typer.Option(min=0, help="Surveyed points in gcp_list.txt, every third a check.")
    ] = 0,
    targets: Annotated[
        int, typer.Option(min=0, help="Grey targets of known reflectance on the ground; they need --plots 0.")
    ] = 0,
    ppk: Annotated[bool, typer.Option(help="Write post-processed positions of 2 and 4 cm to geo.txt.")] = False,
    altitude_drift: Annotated[float, typer.Option(help="Drift of the tagged altitude over the flight, m.")] = 0.0,
    as_json: JsonFlag = False,
) -> None:
    """Simulate a flight over a known scene: photos, ground survey, and truth/ beside them."""
    from uav_workflow.simulation.flight import simulate as fly
    from uav_workflow.simulation.options import SimulationOptions
    from uav_workflow.simulation.sky import Sky

    if sky not in tuple(Sky):
        raise UsageError(f"no sky '{sky}'; there are {', '.join(Sky)}")
    laid = (20 if scene == "meadow" else 0) if plots is None else plots
    options = SimulationOptions(
        sensor=sensor,
        landscape=scene,
        captures=captures,
        gsd_cm=gsd,
        seed=seed,
        scene_seed=scene_seed,
        sky=Sky(sky),
        plots=laid,
        harvested=round(0.6 * laid) if harvested is None else harvested,
        image_size=_size(size),
        control_points=control_points,
        targets=targets,
        ppk=ppk,
        altitude_drift_m=altitude_drift,
    )
    with Progress(console=log, transient=True) as bar:
        task = bar.add_task("simulating", total=1.0)
        summary = fly(folder, options, lambda share, word: bar.update(task, completed=share, description=word))
    if summary.facts["plots"] != laid:
        log.print(f"[yellow]only {summary.facts['plots']} of {laid} plots fit inside so small a block[/]")
    if as_json:
        emit(summary.to_json())
    else:
        out.print(_table(summary))


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    width, cross, height = text.lower().partition("x")
    if not cross or not width.isdigit() or not height.isdigit() or int(width) < 64 or int(height) < 64:
        raise UsageError(f"picture size '{text}' is not WIDTHxHEIGHT in pixels of at least 64, such as 2000x1500")
    return int(width), int(height)


def _table(summary: SimulationSummary) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", title=f"{summary.captures} captures in {summary.out}")
    for column in ("what", "value"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for group, values in (("scene", summary.shares), ("error of the tags", summary.errors)):
        table.add_row(f"[bold]{group}[/]", "")
        for name, value in values.items():
            table.add_row(f"  {name}", f"{value:.4g}")
    table.add_row("CPU-seconds a megapixel and band", f"{summary.cpu_s_per_megapixel_band:.2f}")
    return table
