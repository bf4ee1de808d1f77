"""geo.txt in ODM's format: positions (PPK, RTK) that stand above those in the photos."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from dataclasses import replace
from pathlib import Path

from uav_workflow.domain.flight import Attitude, BandImage, Position
from uav_workflow.findings import Finding, error, info, warning
from uav_workflow.flights.captures import shows_panel
from uav_workflow.flights.crs import WGS84, is_degrees, looks_like_metres, parse_crs, transformer
from uav_workflow.flights.names import by_file_name, which_is_meant
from uav_workflow.flights.text import read_text
from uav_workflow.flights.wording import counted, listed


def apply_positions(path: Path, where: str, images: Sequence[BandImage]) -> tuple[list[BandImage], list[Finding]]:
    """Images with the positions and attitudes of geo.txt.

    The first line names the CRS, each other line reads ``image x y [z] [yaw pitch roll] [h_acc v_acc] [extras]``;
    ``nan`` stands for unknown angles; pitch 0 is nadir there, as ODM has it. A photo without a line keeps its own GPS
    position, which is said.
    Findings: ``positions-invalid``, ``positions-line``, ``positions-photo``, ``positions-partly``.
    """
    text = read_text(path, where)
    findings = list(text.findings)
    lines = [(n, line.strip()) for n, line in enumerate(text.lines, start=1)]
    lines = [(n, line) for n, line in lines if line and not line.startswith("#")]
    crs = parse_crs(lines[0][1]) if lines else None
    if crs is None:
        message = f"the first line '{lines[0][1][:40]}' names no CRS" if lines else "the file is empty"
        return list(images), [
            *findings,
            error("positions-invalid", where, message, "begin with a line such as EPSG:4326"),
        ]
    by_name = by_file_name(images)
    entries: dict[str, tuple[float, ...]] = {}
    unknown: list[str] = []
    for n, line in lines[1:]:
        name, *cells = line.split()
        numbers = _numbers(cells)
        if len(numbers) < 2:
            message = f"'{line[:60]}' can't be read; it is not used"
            findings.append(
                warning("positions-line", f"{where}:{n}", message, "write image x y z [yaw pitch roll h_acc v_acc]")
            )
        elif name not in by_name:
            unknown.append(name)
        else:
            entries[by_name[name].name] = numbers
    if is_degrees(crs) and looks_like_metres([(numbers[0], numbers[1]) for numbers in entries.values()]):
        message = f"the coordinates are metres, but the first line says degrees ({crs})"
        return list(images), [*findings, error("crs-metres-as-degrees", where, message, "name the right CRS in line 1")]
    findings += _unknown(where, unknown, images) + _coverage(where, entries, images)
    return [_moved(image, entries.get(image.name), crs) for image in images], findings


def _numbers(cells: Sequence[str]) -> tuple[float, ...]:
    """Leading numbers of a line; text behind them is extras."""
    numbers: list[float] = []
    for cell in cells[:8]:
        try:
            numbers.append(float(cell))
        except ValueError:
            break
    return tuple(numbers)


def _moved(image: BandImage, numbers: tuple[float, ...] | None, crs: str) -> BandImage:
    if numbers is None:
        return image
    lon, lat = transformer(crs, WGS84).transform(numbers[0], numbers[1])
    own_alt = image.position.alt_m if image.position is not None else None
    position = Position(
        lon=lon,
        lat=lat,
        alt_m=numbers[2] if len(numbers) > 2 and math.isfinite(numbers[2]) else own_alt,
        sigma_h_m=numbers[6] if len(numbers) > 6 else None,
        sigma_v_m=numbers[7] if len(numbers) > 7 else None,
    )
    attitude = image.attitude
    if len(numbers) > 5 and all(map(math.isfinite, numbers[3:6])):
        attitude = Attitude(yaw_deg=numbers[3], pitch_deg=numbers[4] - 90, roll_deg=numbers[5])
    return replace(image, position=position, attitude=attitude)


def _unknown(where: str, unknown: Sequence[str], images: Sequence[BandImage]) -> list[Finding]:
    if not unknown:
        return []
    message = f"{counted(len(unknown), 'line', 'name')} no photo for sure ({listed(unknown)})"
    return [warning("positions-photo", where, message, which_is_meant(unknown[0], images))]


def _coverage(where: str, matched: Container[str], images: Sequence[BandImage]) -> list[Finding]:
    """Panel pictures are on the ground and in no block: nobody misses their lines."""
    survey = [image for image in images if not shows_panel([image])]
    without = [image for image in survey if image.name not in matched]
    if not any(image.name in matched for image in images):
        return [error("positions-invalid", where, "no line fits a photo", "correct the file or remove it")]
    if not without:
        return []
    message = f"{len(without)} of {len(survey)} images have no line and keep their own GPS position"
    return [info("positions-partly", where, message, "mixing PPK and plain GPS positions can bend the model")]
