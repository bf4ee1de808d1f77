"""Captures of a flight as reflectance pictures: one float32 TIFF for every band image."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from calibration.image_file import PictureFile, read_picture, write_picture
from calibration.overlaps import adjust_plan
from calibration.panel_picture import draw_panel
from calibration.plan import CalibrationPlan, Pictures, plan_calibration
from calibration.response import BoolArray, response, temperature
from calibration.settings import CalibrationSettings
from calibration.verdicts import findings_of
from uav_workflow.domain.flight import BandImage, Capture
from uav_workflow.domain.product import Json, Made
from uav_workflow.domain.quality import Gate
from uav_workflow.errors import CalibrationError
from uav_workflow.findings import Finding, warning

Progress = Callable[[float, str], None]

MASKS = "invalid"
DOCUMENT = "calibration.json"
_MOST_BROKEN = 0.1
_SENSIBLE = (-0.02, 1.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """What one picture became."""

    image: BandImage
    mean: float
    saturated: float
    out_of_range: float


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
        Findings; facts ``quantity``, ``bands``, ``panel_captures``, ``gates``, ``images``.

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
    gates = (*plan.gates, *_picture_gates(plan, rows, chosen))
    document = _document(flight, plan, rows, gates, chosen) | {"panels": _panels(plan, out)}
    out.mkdir(parents=True, exist_ok=True)
    (out / DOCUMENT).write_text(json.dumps(document, indent=1, allow_nan=False), encoding="utf-8")
    facts: dict[str, Json] = {key: document[key] for key in ("quantity", "bands", "panel_captures", "gates")}
    facts["images"] = len(rows)
    return Made(findings=(*findings_of(plan, gates), *broken), facts=facts)


def _calibrate_all(work: _Work, workers: int, tell: Progress) -> tuple[list[_Written], list[Finding]]:
    """Every capture of a plan; threads, because reading, arithmetic and writing all free the interpreter."""
    rows: list[_Written] = []
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


def _calibrate_capture(capture: Capture, *, work: _Work) -> list[_Written] | Finding:
    """All bands of one capture or none."""
    written: list[_Written] = []
    try:
        for image in capture.images:
            written.append(_calibrate_image(image, work))  # noqa: PERF401 - kept for the clean-up
    except CalibrationError as exc:
        for row in written:
            (work.out / row.image.name).unlink(missing_ok=True)
            _mask_path(work.out, row.image).unlink(missing_ok=True)
        return warning("capture-not-calibrated", capture.capture_id, str(exc), "copy its pictures again from the card")
    return written


def _calibrate_image(image: BandImage, work: _Work) -> _Written:
    picture = read_picture(image.path)
    if picture.dn.shape != (image.height, image.width):
        raise CalibrationError(f"{image.name}: its size changed since the flight was read")
    if image.band.name in work.plan.model.thermal.bands:
        return _write_temperature(image, picture, work)
    out, plan = work.out, work.plan
    divisor = plan.divisor(image)
    own = response(plan.model, image)
    values, invalid = replace(own, scale=own.scale / divisor).apply(picture.dn)
    sample = values[::3, ::3]  # an odd step meets every column and row parity of the sensor's read-out
    mean = float(sample.mean(dtype=np.float64))
    outside = np.count_nonzero(sample < _SENSIBLE[0]) + np.count_nonzero(sample > _SENSIBLE[1])
    np.clip(values, 0.0, work.settings.cap, out=values)
    quantity = "relative" if plan.light[image.band.name].relative else "reflectance"
    write_picture(out / image.name, values, picture, quantity, neutral=not work.alone)
    if invalid.any():
        _write_mask(_mask_path(out, image), invalid)
    return _Written(
        image=image,
        mean=mean,
        saturated=float(invalid.mean()),
        out_of_range=outside / sample.size,
    )


def _write_temperature(image: BandImage, picture: PictureFile, work: _Work) -> _Written:
    celsius = temperature(work.plan.model, picture.dn)
    write_picture(work.out / image.name, celsius, picture, "celsius", neutral=not work.alone)
    return _Written(image=image, mean=float(celsius.mean(dtype=np.float64)), saturated=0.0, out_of_range=0.0)


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


def _picture_gates(plan: CalibrationPlan, rows: Sequence[_Written], settings: CalibrationSettings) -> list[Gate]:
    """Saturated pixels of the worst tenth of a band's pictures; share of impossible reflectance of all."""
    gates = []
    for band in plan.light:
        of_band = [row for row in rows if row.image.band.name == band]
        if not of_band:
            continue
        saturated = float(np.percentile([row.saturated for row in of_band], 90))
        gates.append(Gate.at_most(f"saturated[{band}]", saturated, *settings.limit("saturated")))
        if not plan.light[band].relative:
            outside = float(np.mean([row.out_of_range for row in of_band]))
            gates.append(Gate.at_most(f"out-of-range[{band}]", outside, *settings.limit("out-of-range")))
    return gates


def _document(
    flight: Pictures,
    plan: CalibrationPlan,
    rows: Sequence[_Written],
    gates: Sequence[Gate],
    settings: CalibrationSettings,
) -> dict[str, Json]:
    bands: list[Json] = [
        {
            "centre_nm": band.centre_nm,
            "fwhm_nm": band.fwhm_nm,
            "quantity": "relative" if plan.light[band.name].relative else "reflectance",
            **plan.light[band.name].to_json(),
        }
        for band in plan.bands
    ]
    return {
        "sensor": flight.sensor.name,
        "quantity": plan.quantity,
        "relative_scale": plan.scale,
        "cap": settings.cap,
        "bands": bands,
        "panel_captures": list(plan.panel_captures),
        "gates": [gate.to_json() for gate in gates],
        "images": {row.image.name: _image_json(row, plan) for row in rows},
    }


def _panels(plan: CalibrationPlan, out: Path) -> list[Json]:
    """Readings of panels, each with a picture of it."""
    paths = {image.name: image.path for capture in plan.panel_pictures for image in capture.images}
    return [reading.to_json() | {"picture": draw_panel(reading, paths[reading.image], out)} for reading in plan.panels]


def _image_json(row: _Written, plan: CalibrationPlan) -> dict[str, Json]:
    facts: dict[str, Json] = {"band": row.image.band.name, "mean": row.mean if math.isfinite(row.mean) else None}
    if row.image.band.name in plan.model.thermal.bands:
        return facts | {"quantity": "celsius"}
    return facts | {
        "irradiance": plan.light[row.image.band.name].irradiance.get(row.image.name),
        "saturated": row.saturated,
        "exposure_s": plan.model.exposure_s(row.image),
        "gain": plan.model.gain_of(row.image),
    }
