"""`uav sensors`: the cameras that are known, and what is known of one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from uav_workflow.cli.output import JsonFlag, emit, out
from uav_workflow.errors import UsageError

if TYPE_CHECKING:
    from uav_workflow.domain.flight import SensorProfile


def sensors(
    name: Annotated[str | None, typer.Argument(help="A camera family of the list, to be explained.")] = None,
    json_: JsonFlag = False,
) -> None:
    """List the camera families that are known, or explain one in plain words.

    A new camera is a new YAML file in the folder that UAV_SENSORS names; a file of the same name replaces a shipped
    one, and `extends: NAME` takes over what it does not say.
    """
    from uav_workflow.flights.sensors import load_profiles

    profiles = load_profiles()
    if name is None:
        _list(profiles, json_)
        return
    profile = next((profile for profile in profiles if profile.name == name), None)
    if profile is None:
        raise UsageError(f"no camera family '{name}'; there are {', '.join(sorted(p.name for p in profiles))}")
    _explain(profile, json_)


def _list(profiles: Sequence[SensorProfile], as_json: bool) -> None:
    from rich.table import Table

    if as_json:
        emit({"sensors": [_summary(profile) for profile in profiles]})
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("name", "camera", "bands", "light"):
        table.add_column(column, overflow="fold")
    for profile in profiles:
        bands = ", ".join(band.name for band in profile.bands) or "as tagged"
        table.add_row(profile.name, profile.title, bands, str(_summary(profile)["quantity"]))
    out.print(table)
    out.print("\nuav sensors NAME explains one.", markup=False)


def _explain(profile: SensorProfile, as_json: bool) -> None:
    from rich.table import Table

    from calibration.sensors.explanation import explain

    rows = explain(profile)
    if as_json:
        words = [{"about": about, "meaning": meaning} for about, meaning in rows]
        # dataclasses and mappings alone: through JSON and back they are plain
        emit(_summary(profile) | {"explained": words, "profile": json.loads(json.dumps(asdict(profile)))})
        return
    out.print(f"[bold]{profile.title}[/]")
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for about, meaning in rows:
        table.add_row(about, meaning)
    out.print(table)


def _summary(profile: SensorProfile) -> dict[str, object]:
    from calibration.sensors.model import RadiometricModel

    quantity = RadiometricModel.of(profile).quantity if profile.radiometry else "rgb"
    return {
        "name": profile.name,
        "title": profile.title,
        "kind": profile.kind,
        "quantity": {"si": "SI", "relative": "relative", "rgb": "linearised"}[quantity],
        "bands": [asdict(band) for band in profile.bands],
        "source": profile.source,
    }
