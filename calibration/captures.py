"""Captures of a flight as reflectance pictures: one float32 TIFF for every band image."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from calibration.block.overlaps import adjust_plan
from calibration.outcome.document import write_document
from calibration.outcome.gates import CalibratedPicture, picture_gates
from calibration.outcome.thermal import temperature, thermal_findings, thermal_gates, thermal_row
from calibration.outcome.verdicts import findings_of
from calibration.pictures.dark import dark_share
from calibration.pictures.image_file import PictureFile, read_picture, write_picture
from calibration.pictures.response import BoolArray, response
from calibration.planning.plan import CalibrationPlan, Pictures, plan_calibration
from calibration.planning.settings import CalibrationSettings
from uav_workflow.domain.flight import BandImage, Capture
from uav_workflow.domain.product import Json, Made
from uav_workflow.errors import CalibrationError
from uav_workflow.findings import Finding, warning

Progress = Callable[[float, str], None]

MASKS = "invalid"
DOCUMENT = "calibration.json"
_MOST_BROKEN = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What is done with every picture."""

    plan: CalibrationPlan
    out: Path
    settings: CalibrationSettings
    alone: bool

    @property
    def captures(self) -> tuple[Capture, ...]:
        """What becomes or stays whole together: a node drops captures that miss a band."""
        if not self.alone:
            return self.plan.captures
        shown = (image for c in (*self.plan.captures, *self.plan.panel_pictures) for image in c.images)
        return tuple(Capture(capture_id=image.name, images=(image,)) for image in (*shown, *self.plan.thermal))


def calibrate_captures(
    flight: Pictures,
    out: Path,
    *,
    settings: CalibrationSettings | None = None,
    workers: int = 2,
    progress: Progress | None = None,
    alone: bool = False,
) -> Made:
    """Turn the captures of a multispectral flight into reflectance pictures.

    Writes ``out/<image name>`` (float32, finite, 0 to ``settings.cap``, time, position and band tags kept, radiometric
    tags gone), ``out/invalid/<image name>.png`` for pictures with saturated or defective pixels (white; such a
    pixel's value is a lower bound), ``out/panel_pictures/<image name>.png`` with the region read outlined, and
    ``out/calibration.json``. Captures that show a panel are read, named and left
    out.

    Parameters
    ----------
    flight : Flight, or any captures of one camera
    out : Path
        A folder; created.
    settings : CalibrationSettings, optional
    workers : int
        Captures at a time; memory is about 20 MiB each, whatever the flight's length.
    progress : callable, optional
        Told the fraction done and a text.
    alone : bool
        For people, not for a node: panel pictures too, thermal ones in degrees Celsius, all tags kept, and a picture
        that can't be read costs itself alone.

    Returns
    -------
    Made
        Findings; facts ``quantity``, ``sky``, ``bands``, ``panel_captures``, ``gates``, ``images``.

    Raises
    ------
    CalibrationError
        As `plan_calibration`, or more than a tenth of the captures (alone: all of them) can't be read.
    """
    chosen = settings or CalibrationSettings()
    tell = progress or (lambda fraction, text: None)
    tell(0.0, "looking for calibration panels")
    plan = adjust_plan(plan_calibration(flight, chosen, panels_alone=alone), chosen, workers=workers)
    rows, broken = _calibrate_all(_Work(plan=plan, out=out, settings=chosen, alone=alone), workers, tell)
    gates = (
        *plan.gates,
        *picture_gates(rows, plan.light, plan.captures, chosen.limits),
        *thermal_gates(rows, plan.model, chosen.limits),
    )
    document = write_document(out / DOCUMENT, flight.sensor.name, plan, rows, gates, cap=chosen.cap)
    facts: dict[str, Json] = {key: document[key] for key in ("quantity", "sky", "bands", "panel_captures", "gates")}
    facts["images"] = len(rows)
    said = (*findings_of(plan, gates), *thermal_findings(rows, plan.model), *broken)
    return Made(findings=said, facts=facts)


def _calibrate_all(work: _Work, workers: int, tell: Progress) -> tuple[list[CalibratedPicture], list[Finding]]:
    """Every capture of a plan; threads, because reading, arithmetic and writing all free the interpreter."""
    rows: list[CalibratedPicture] = []
    broken: list[Finding] = []
    captures = work.captures
    total = len(captures)
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        for done, result in enumerate(pool.map(partial(_calibrate_capture, work=work), captures), start=1):
            if isinstance(result, Finding):
                broken.append(result)
            else:
                rows += result
            if done % 10 == 0 or done == total:
                tell(0.1 + 0.9 * done / total, f"calibrating captures: {done} of {total}")
    if len(broken) > _MOST_BROKEN * total and not (work.alone and rows):
        raise CalibrationError(f"{len(broken)} of {total} captures can't be calibrated; the first: {broken[0].message}")
    return rows, broken


def _calibrate_capture(capture: Capture, *, work: _Work) -> list[CalibratedPicture] | Finding:
    """All bands of one capture or none."""
    written: list[CalibratedPicture] = []
    try:
        for image in capture.images:
            written.append(_calibrate_image(image, work))  # noqa: PERF401 - kept for the clean-up
    except CalibrationError as exc:
        for row in written:
            (work.out / row.image.name).unlink(missing_ok=True)
            _mask_path(work.out, row.image).unlink(missing_ok=True)
        return warning("capture-not-calibrated", capture.capture_id, str(exc), "copy its pictures again from the card")
    return written


def _calibrate_image(image: BandImage, work: _Work) -> CalibratedPicture:
    picture = read_picture(image.path)
    if picture.dn.shape != (image.height, image.width):
        raise CalibrationError(f"{image.name}: its size changed since the flight was read")
    if image.band.name in work.plan.model.thermal.bands:
        return _write_temperature(image, picture, work)
    out, plan = work.out, work.plan
    divisor = plan.divisor(image)
    own = response(plan.model, image)
    values, invalid = replace(own, scale=own.scale / divisor).apply(picture.dn)
    bright = plan.view.map(image) if plan.view is not None else None
    if bright is not None:
        values /= bright
    row = CalibratedPicture.of(image, values, float(invalid.mean()), dark_share(picture.dn, own.black, plan.model.lsb))
    np.clip(values, 0.0, work.settings.cap, out=values)
    quantity = "relative" if plan.light[image.band.name].relative else "reflectance"
    write_picture(out / image.name, values, picture, quantity, neutral=not work.alone)
    if invalid.any():
        _write_mask(_mask_path(out, image), invalid)
    return row


def _write_temperature(image: BandImage, picture: PictureFile, work: _Work) -> CalibratedPicture:
    celsius = temperature(work.plan.model, picture.dn)
    write_picture(work.out / image.name, celsius, picture, "celsius", neutral=not work.alone)
    return thermal_row(image, celsius)


def _mask_path(out: Path, image: BandImage) -> Path:
    return out / MASKS / f"{image.name}.png"


def _write_mask(path: Path, invalid: BoolArray) -> None:
    import cv2

    path.parent.mkdir(parents=True, exist_ok=True)
    done, coded = cv2.imencode(
        ".png", invalid.astype(np.uint8) * 255, [cv2.IMWRITE_PNG_BILEVEL, 1, cv2.IMWRITE_PNG_COMPRESSION, 1]
    )
    if not done:
        raise CalibrationError(f"{path.name}: the mask of invalid pixels can't be coded")
    path.write_bytes(coded.tobytes())
