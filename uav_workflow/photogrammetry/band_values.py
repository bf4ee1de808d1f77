"""Are the bands of a mosaic on top of each other, and are their values reflectance?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from uav_workflow.domain.product import Json, Made
from uav_workflow.findings import Finding, error, info, warning
from uav_workflow.rasters.band_shift import BandShift, band_shifts
from uav_workflow.rasters.reader import Raster

_DULL = 0.02
"""Land is brighter in every band, its shadows aside."""


def check_band_shift(mosaic: Path, limit_px: float) -> Made:
    """Measure the shift of every band on the mosaic: fact ``band_shift_px``, findings beyond the limit.

    A band that can't be compared, for want of common texture, is said and has a null in the facts.
    """
    shifts = band_shifts(mosaic)
    facts: dict[str, Json] = {
        "band_shift_px": {
            shift.band: {
                "against": shift.against,
                "tiles": shift.tiles,
                "rms": _number(shift.rms),
                "noise": _number(shift.noise),
                "dx": _number(shift.dx),
                "dy": _number(shift.dy),
                "largest": _number(shift.largest),
            }
            for shift in shifts
        }
    }
    return Made(findings=tuple(finding for shift in shifts for finding in _shifted(shift, limit_px)), facts=facts)


def _shifted(shift: BandShift, limit_px: float) -> list[Finding]:
    if not shift.tiles:
        message = f"band {shift.band} shares no texture with {shift.against}: whether it lies right can't be told"
        return [info("band-shift-unknown", "orthomosaic.tif", message)]
    if shift.rms <= limit_px:
        return []
    message = (
        f"band {shift.band} lies {shift.rms:.2f} pixels off {shift.against} (RMS over {shift.tiles} tiles; "
        f"median {shift.dx:+.2f} right, {shift.dy:+.2f} down), {limit_px:g} are allowed"
    )
    hint = "indices mix neighbouring plants at this shift; try another primary-band, or fly higher above the canopy"
    level = error if shift.rms > 2 * limit_px else warning
    return [level("band-shift", "orthomosaic.tif", message, hint)]


def check_reflectance(mosaic: Path, outside_limit: float) -> Made:
    """Count values that are no reflectance: fact ``value_shares`` a band, findings beyond the limit.

    Shares are of the pixels seen: below 0, exactly 0, exactly 1, above 1. A pile at 0 or 1 was clipped.
    """
    with Raster(mosaic) as raster:
        names = [name for name in raster.bands if name.lower() != "alpha"]
        counts = np.zeros((len(names), 6))
        for block in raster.grid.blocks():
            values = raster.read(block, tuple(names))
            seen = np.isfinite(values)
            rows = (seen, values < 0, values == 0, values == 1, values > 1, values < _DULL)
            counts += np.stack([row.sum(axis=(1, 2)) for row in rows], axis=1)
    findings: list[Finding] = []
    shares: dict[str, Json] = {}
    for name, (seen_count, *others) in zip(names, counts, strict=True):
        if not seen_count:
            continue
        below, zero, one, above, dull = (float(count / seen_count) for count in others)
        shares[name] = {"below_0": below, "at_0": zero, "at_1": one, "above_1": above}
        findings += _odd(name, outside=below + above, piled=zero + one, dull=dull, limit=outside_limit)
    return Made(findings=tuple(findings), facts={"value_shares": shares})


def _odd(name: str, *, outside: float, piled: float, dull: float, limit: float) -> list[Finding]:
    findings = []
    if outside > limit:
        message = f"{outside:.1%} of band {name} lie below 0 or above 1"
        hint = "colour evening between photos shifts reflectance: texturing-skip-global-seam-leveling must be on"
        findings.append(warning("reflectance-outside", "orthomosaic.tif", message, hint))
    if piled > limit:
        message = f"{piled:.1%} of band {name} are exactly 0 or 1: clipped"
        hint = "saturated photos or a wrong gain; look at the exposure of bright ground"
        findings.append(warning("reflectance-clipped", "orthomosaic.tif", message, hint))
    if dull > 1 - limit:
        message = f"nearly all of band {name} is darker than {_DULL:.0%}: that is hardly reflectance"
        findings.append(warning("reflectance-dark", "orthomosaic.tif", message, "check panel or sun sensor"))
    return findings


def _number(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None
