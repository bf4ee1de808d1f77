"""Which band an image shows: tags first, then the sensor profile's file names and rig order."""

from __future__ import annotations

import re

from uav_workflow.domain.flight import Band, SensorProfile
from uav_workflow.domain.tags import Tags

_USUAL = {
    "blue": "Blue",
    "green": "Green",
    "red": "Red",
    "rededge": "Red edge",
    "re": "Red edge",
    "nir": "NIR",
    "nearinfrared": "NIR",
    "panchro": "Panchro",
    "pan": "Panchro",
    "lwir": "LWIR",
    "rgb": "RGB",
}
_UNKNOWN = "unknown"


def usual_band_name(name: str) -> str:
    """House spelling of a band's name (``rededge``, ``Red Edge`` -> ``Red edge``); others unchanged."""
    return _USUAL.get(re.sub(r"[\s_-]", "", name).lower(), name)


def stem_parts(stem: str, profile: SensorProfile) -> tuple[str, str] | None:
    """(capture part, band part) of a file name by the profile's rule; None where it does not fit."""
    pattern = str(profile.captures.get("stem") or "")
    found = re.fullmatch(pattern, stem, re.IGNORECASE) if pattern else None
    return (found["capture"], found["band"]) if found else None


def band_of(tags: Tags, stem: str, profile: SensorProfile) -> Band:
    """Band of a one-sample image.

    Name from ``Camera:BandName`` or ``drone-dji:BandName``, else from the file name, else from the rig index;
    wavelengths from the tags, else the profile's for that name; ``unknown`` when nothing tells.
    """
    name = tags.text("Camera:BandName") or tags.text("drone-dji:BandName") or _by_stem(stem, profile)
    if name is None:
        index = tags.number("Camera:RigCameraIndex")
        known = index is not None and 0 <= index < len(profile.bands) and profile.kind == "multispectral"
        name = profile.bands[int(index or 0)].name if known else _UNKNOWN
    name = usual_band_name(name)
    nominal = next((band for band in profile.bands if band.name == name), Band(name=name))
    centre, width = _frequency(tags)
    return Band(
        name=name,
        centre_nm=tags.number("Camera:CentralWavelength") or centre or nominal.centre_nm,
        fwhm_nm=tags.number("Camera:WavelengthFWHM") or width or nominal.fwhm_nm,
    )


def _by_stem(stem: str, profile: SensorProfile) -> str | None:
    parts = stem_parts(stem, profile)
    names = profile.captures.get("stem_bands") or {}
    assert isinstance(names, dict)
    if parts is None:
        return None
    named: str | None = names.get(parts[1].upper())
    return named


def _frequency(tags: Tags) -> tuple[float | None, float | None]:
    """Centre and full width from DJI's ``BandFreq`` ("840(+/-26)nm")."""
    found = re.match(r"(\d+)\s*\((?:\+/-|±)(\d+)\)", tags.text("drone-dji:BandFreq") or "")
    return (float(found[1]), 2 * float(found[2])) if found else (None, None)
