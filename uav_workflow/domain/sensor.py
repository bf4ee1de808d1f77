"""Parts of a sensor profile: which photos are a camera's, how its files make captures, where a band is named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from uav_workflow.domain.tags import Tags


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorMatch:
    """Photos of one camera family.

    Attributes
    ----------
    make, model, lens : str
        Regular expressions on EXIF make, model and LensModel: whole, case-insensitive.
    firmware : (str, str)
        First firmware meant, and first no longer meant; empty where open.
    tags : tuple of str
        Tags a photo must carry.
    """

    make: str = ".*"
    model: str = ".*"
    lens: str = ".*"
    firmware: tuple[str, str] = ("", "")
    tags: tuple[str, ...] = ()

    def fits(self, make: str, model: str, tags: Tags) -> bool:
        """Whether a photo of this make and model, with these tags, is meant."""
        named = (self.make, make), (self.model, model), (self.lens, tags.text("EXIF:LensModel") or "")
        if not all(whole(pattern, text) for pattern, text in named):
            return False
        return all(tag in tags for tag in self.tags) and self._firmware_fits(tags.text("EXIF:Software") or "")

    def _firmware_fits(self, text: str) -> bool:
        since, until = self.firmware
        version = firmware_version(text)
        return (not since or version >= firmware_version(since)) and (not until or version < firmware_version(until))


def whole(pattern: str, text: str) -> bool:
    """Whether a regular expression means the whole of a text, in whatever case."""
    return re.fullmatch(pattern, text.strip(), re.IGNORECASE) is not None


def firmware_version(text: str) -> tuple[int, ...]:
    """(2, 1, 2) of ``v2.1.2-34-g05e37eb-local``; empty, hence older than any, when there is no number."""
    found = re.search(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in found.group().split(".")) if found else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupKey:
    """How files make up a capture.

    Attributes
    ----------
    tags : tuple of str
        Tags with one value for all images of a trigger, best first.
    stem : str
        Last resort: regular expression on the file's stem with the groups ``capture`` and ``band``.
    """

    tags: tuple[str, ...] = ()
    stem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BandSource:
    """Where an image names its band; tags first, in this order, then the file name, then the place in the rig.

    Attributes
    ----------
    name, centre_nm, fwhm_nm : tuple of str
        Tags.
    centre_and_half_width : tuple of str
        Tags with both in one text, "840(+/-26)nm".
    stem : mapping
        ``band`` of the file's stem to a band's name.
    index : str
        Tag of the place in the rig, counted from ``first_index``.
    """

    name: tuple[str, ...] = ("Camera:BandName",)
    centre_nm: tuple[str, ...] = ("Camera:CentralWavelength",)
    fwhm_nm: tuple[str, ...] = ("Camera:WavelengthFWHM",)
    centre_and_half_width: tuple[str, ...] = ()
    stem: Mapping[str, str] = field(default_factory=dict)
    index: str = "Camera:RigCameraIndex"
    first_index: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LensDefault:
    """Focal length and width of the sensor, used where a photo tells neither."""

    focal_mm: float
    sensor_width_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """How the bands of a capture lie over each other.

    Attributes
    ----------
    kind : str
        ``rig`` (angles between the cameras), ``homography`` (a factory matrix a band), ``none`` (one lens).
    tags : tuple of str
        Tags that state it.
    """

    kind: str = "none"
    tags: tuple[str, ...] = ()
