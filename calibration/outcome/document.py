"""calibration.json: what was done to a flight's pictures, and how well."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

from calibration.outcome.facts import PictureFacts
from calibration.outcome.gates import CalibratedPicture
from calibration.outcome.thermal import thermal_document
from calibration.panels.noise import band_noise
from calibration.panels.picture import draw_panel
from calibration.planning.plan import CalibrationPlan
from uav_workflow.domain.product import Json
from uav_workflow.domain.quality import Gate


def write_document(
    path: Path,
    sensor: str,
    plan: CalibrationPlan,
    rows: Sequence[CalibratedPicture],
    gates: Sequence[Gate],
    *,
    cap: float,
) -> dict[str, Json]:
    """Write the document, and beside it a picture of every panel; returns it."""
    bands: list[Json] = [
        {
            "centre_nm": band.centre_nm,
            "fwhm_nm": band.fwhm_nm,
            "quantity": "relative" if plan.light[band.name].relative else "reflectance",
            **plan.light[band.name].to_json(),
        }
        for band in plan.bands
    ]
    facts_of = PictureFacts.of(plan)
    pictured = [image for capture in plan.panel_pictures for image in capture.images]
    document: dict[str, Json] = {
        "sensor": sensor,
        "quantity": plan.quantity,
        "relative_scale": plan.scale,
        "cap": cap,
        "sky": plan.sky.to_json(),
        "view_correction": None if plan.view is None else {n: m.to_json() for n, m in plan.view.models.items()},
        "bands": bands,
        "thermal": thermal_document(rows, plan.model),
        "panel_captures": list(plan.panel_captures),
        "gates": [gate.to_json() for gate in gates],
        "images": {row.image.name: _image(row, plan, facts_of) for row in rows},
        "panels": _panels(plan, path.parent),
        "noise_per_count": dict(band_noise(plan.panels, pictured, plan.model)),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1, allow_nan=False), encoding="utf-8")
    return document


def _panels(plan: CalibrationPlan, out: Path) -> list[Json]:
    """Readings of panels, each with a picture of it."""
    paths = {image.name: image.path for capture in plan.panel_pictures for image in capture.images}
    return [reading.to_json() | {"picture": draw_panel(reading, paths[reading.image], out)} for reading in plan.panels]


def _image(row: CalibratedPicture, plan: CalibrationPlan, facts_of: PictureFacts) -> dict[str, Json]:
    facts: dict[str, Json] = {"band": row.image.band.name, "mean": row.mean if math.isfinite(row.mean) else None}
    if row.span is not None:
        return facts | {"quantity": "celsius", "lowest": row.span[0], "highest": row.span[1]}
    return facts | {
        "irradiance": plan.light[row.image.band.name].irradiance.get(row.image.name),
        "saturated": row.saturated,
        "dark": row.dark,
        "exposure_s": plan.model.exposure_s(row.image),
        "gain": plan.model.gain_of(row.image),
        **facts_of.weighing(row.image),
    }
