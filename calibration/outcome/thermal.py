"""Thermal bands: what the camera says of temperature, in degrees Celsius, kept apart from reflectance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from calibration.gates import Bounds, judge
from calibration.outcome.gates import CalibratedPicture
from calibration.pictures.response import FloatArray
from calibration.sensors.model import RadiometricModel
from uav_workflow.domain.flight import BandImage
from uav_workflow.domain.product import Json
from uav_workflow.domain.quality import Gate
from uav_workflow.findings import Finding, info

_SENSIBLE = (-60.0, 150.0)
"""Degrees Celsius of sky, ground, roofs and fire's edge; numbers of another unit fall far outside."""
_MEANING = (
    "apparent temperature, as of a black body: neither the surface's emissivity nor the sky it mirrors nor the air in "
    "between is taken out, and the camera itself drifts by some kelvin"
)


def temperature(model: RadiometricModel, dn: NDArray[np.uint16]) -> FloatArray:
    """Apparent temperature, degrees Celsius, of a thermal picture; float32, same shape.

    Scale and offset of the profile (MicaSense stores hundredths of a kelvin). Black level, vignetting and exposure
    don't apply.
    """
    out = np.multiply(dn, np.float32(model.thermal.scale), dtype=np.float32)
    out += np.float32(model.thermal.offset)
    return out


def thermal_row(image: BandImage, celsius: FloatArray) -> CalibratedPicture:
    """Figures of a picture of temperatures."""
    outside = np.count_nonzero((celsius < _SENSIBLE[0]) | (celsius > _SENSIBLE[1]))
    return CalibratedPicture(
        image=image,
        mean=float(celsius.mean(dtype=np.float64)),
        out_of_range=outside / celsius.size,
        span=(float(celsius.min()), float(celsius.max())),
    )


def thermal_gates(
    rows: Sequence[CalibratedPicture], model: RadiometricModel, limits: Mapping[str, Bounds]
) -> list[Gate]:
    """Whether the numbers of each thermal band can be temperatures; the worst picture."""
    gates = []
    for band, own in _by_band(rows, model).items():
        worst = max(own, key=lambda row: row.out_of_range)
        gates.append(judge("temperature-range", worst.out_of_range, limits, about=band, where=worst.image.name))
    return gates


def thermal_document(rows: Sequence[CalibratedPicture], model: RadiometricModel) -> list[Json]:
    """What the pictures of each thermal band hold: quantity, unit, meaning, extremes."""
    return [
        {
            "band": band,
            "quantity": "apparent temperature",
            "unit": "degree_Celsius",
            "emissivity": 1.0,
            "meaning": _MEANING,
            "pictures": len(own),
            "lowest": min(row.span[0] for row in own if row.span),
            "highest": max(row.span[1] for row in own if row.span),
        }
        for band, own in _by_band(rows, model).items()
    ]


def thermal_findings(rows: Sequence[CalibratedPicture], model: RadiometricModel) -> list[Finding]:
    """What a temperature is worth."""
    hint = "measure water or a board of known temperature in the same flight before you trust it within five kelvin"
    return [info("temperature-apparent", band, _MEANING, hint) for band in _by_band(rows, model)]


def _by_band(rows: Sequence[CalibratedPicture], model: RadiometricModel) -> dict[str, list[CalibratedPicture]]:
    found = {band: [row for row in rows if row.image.band.name == band] for band in model.thermal.bands}
    return {band: own for band, own in found.items() if own}
