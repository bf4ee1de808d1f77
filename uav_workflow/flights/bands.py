"""Which band an image shows: tags first, then the sensor profile's file names and rig order."""

from __future__ import annotations

import re
from collections.abc import Sequence

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
    pattern = profile.group_key.stem
    found = re.fullmatch(pattern, stem, re.IGNORECASE) if pattern else None
    return (found["capture"], found["band"]) if found else None


def band_of(tags: Tags, stem: str, profile: SensorProfile) -> Band:
    """Band of a one-sample image.

    Name from the profile's tags, else from the file name, else from the place in the rig; wavelengths from the tags,
    else the profile's for that name; ``unknown`` when nothing tells.
    """
    source = profile.band_source
    named = next((text for tag in source.name if (text := tags.text(tag))), None)
    name = usual_band_name(named or _by_stem(stem, profile) or _by_index(tags, profile) or _UNKNOWN)
    nominal = next((band for band in profile.bands if band.name == name), Band(name=name))
    centre, width = _centre_and_width(tags, source.centre_and_half_width)
    return Band(
        name=name,
        centre_nm=_first(tags, source.centre_nm) or centre or nominal.centre_nm,
        fwhm_nm=_first(tags, source.fwhm_nm) or width or nominal.fwhm_nm,
    )


def _by_stem(stem: str, profile: SensorProfile) -> str | None:
    parts = stem_parts(stem, profile)
    return None if parts is None else profile.band_source.stem.get(parts[1].upper())


def _by_index(tags: Tags, profile: SensorProfile) -> str | None:
    index = tags.number(profile.band_source.index)
    if index is None or profile.kind != "multispectral":
        return None
    place = int(index) - profile.band_source.first_index
    return profile.bands[place].name if 0 <= place < len(profile.bands) else None


def _first(tags: Tags, names: Sequence[str]) -> float | None:
    return next((number for name in names if (number := tags.number(name))), None)


def _centre_and_width(tags: Tags, names: Sequence[str]) -> tuple[float | None, float | None]:
    """Centre and full width from texts such as DJI's "840(+/-26)nm"."""
    for name in names:
        found = re.match(r"(\d+)\s*\((?:\+/-|±)(\d+)\)", tags.text(name) or "")
        if found:
            return float(found[1]), 2 * float(found[2])
    return None, None
