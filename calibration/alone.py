"""Calibration by itself: a folder of pictures to a folder of reflectance, no node and no workflow around it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from calibration.captures import DOCUMENT, calibrate_captures
from calibration.pictures.folder import PictureFolder, read_pictures
from calibration.planning.settings import CalibrationSettings
from uav_workflow.domain.product import Json
from uav_workflow.errors import UsageError
from uav_workflow.findings import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibratedFolder:
    """What was made of a folder.

    Attributes
    ----------
    document : mapping
        What ``calibration.json`` holds: quantity, bands with their factors and uncertainty, panels, gates, images.
    """

    out: Path
    document: dict[str, Json]
    findings: tuple[Finding, ...]


def calibrate_folder(
    folder: Path,
    out: Path,
    *,
    settings: CalibrationSettings | None = None,
    workers: int = 2,
    progress: Callable[[float, str], None] | None = None,
) -> CalibratedFolder:
    """Calibrate every picture of a folder.

    Writes one float32 TIFF a picture, panel pictures too, under the same name and sub-folder below ``out``, its tags
    kept (reflectance, or relative values where nothing ties them to it; thermal pictures in degrees Celsius);
    ``out/invalid/`` with masks of saturated pixels; ``out/calibration.json``; where ``settings.pan_sharpen`` asks for
    it ``out/sharpened/``, see `pan.frames.sharpen_frames`.

    Raises
    ------
    UsageError
        ``out`` lies in the folder, holds it, or is a folder of something else.
    FlightDataError
        No picture of a multispectral camera can be read.
    CalibrationError
        As `calibration.captures.calibrate_captures`.
    """
    _refuse_place(folder, out)
    tell = progress or (lambda fraction, text: None)
    pictures, said = read_pictures(folder, lambda fraction, text: tell(0.2 * fraction, text))
    made = calibrate_captures(
        pictures,
        out,
        settings=settings,
        workers=workers,
        progress=lambda fraction, text: tell(0.2 + 0.8 * fraction, text),
        alone=True,
    )
    findings = (*said, *made.findings)
    document = json.loads((out / DOCUMENT).read_text(encoding="utf-8"))
    if settings is not None and settings.pan_sharpen:
        findings = (*findings, *_sharpen(pictures, out, document, settings=settings, workers=workers, tell=tell))
    return CalibratedFolder(out=out, document=document, findings=findings)


def _sharpen(
    pictures: PictureFolder,
    out: Path,
    document: dict[str, Json],
    *,
    settings: CalibrationSettings,
    workers: int,
    tell: Callable[[float, str], None],
) -> tuple[Finding, ...]:
    """Sharpened captures beside the others; the document tells of them."""
    from calibration.pan.frames import sharpen_frames

    made = sharpen_frames(pictures.captures, out, limits=settings.limits, workers=workers, progress=tell)
    gates = cast(list[Json], document["gates"])
    document |= {"sharpened": made.document, "gates": [*gates, *(gate.to_json() for gate in made.gates)]}
    (out / DOCUMENT).write_text(json.dumps(document, indent=1, allow_nan=False), encoding="utf-8")
    return made.findings


def _refuse_place(folder: Path, out: Path) -> None:
    source, target = folder.resolve(), out.resolve()
    if target.is_relative_to(source) or source.is_relative_to(target):
        raise UsageError(
            f"{out}: the results must lie apart from the pictures, which are never changed; name a new folder"
        )
    if target.exists() and not target.is_dir():
        raise UsageError(f"{out}: is a file; name a folder")
    if target.is_dir() and any(target.iterdir()) and not (target / DOCUMENT).is_file():
        raise UsageError(f"{out}: holds other files; name a new folder, or one of an earlier calibration")
