"""One sensor profile as text: the keys of its YAML file, checked, and what they become."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from uav_workflow.domain.flight import Band, SensorProfile
from uav_workflow.domain.sensor import Alignment, BandSource, GroupKey, LensDefault, SensorMatch
from uav_workflow.errors import FlightDataError


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
"""One name, or a list of them, best first."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _BandEntry(_Entry):
    name: str
    centre_nm: float | None = Field(default=None, gt=0)
    fwhm_nm: float | None = Field(default=None, gt=0)


class _MatchEntry(_Entry):
    make: str = ".*"
    model: str = ".*"
    lens: str = ".*"
    firmware_since: str = ""
    firmware_before: str = ""
    tags: Names = ()

    @field_validator("make", "model", "lens")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as exc:
            raise ValueError(f"no regular expression ({exc})") from exc
        return pattern

    def match(self) -> SensorMatch:
        firmware = (self.firmware_since, self.firmware_before)
        return SensorMatch(make=self.make, model=self.model, lens=self.lens, firmware=firmware, tags=self.tags)


class _LensEntry(_Entry):
    focal_mm: float = Field(gt=0)
    sensor_width_mm: float = Field(gt=0)


class _GroupKeyEntry(_Entry):
    tags: Names = ()
    stem: str = ""

    @field_validator("stem")
    @classmethod
    def _has_both_groups(cls, pattern: str) -> str:
        try:
            groups = re.compile(pattern).groupindex
        except re.error as exc:
            raise ValueError(f"no regular expression ({exc})") from exc
        if pattern and not {"capture", "band"} <= set(groups):
            raise ValueError("needs the groups (?P<capture>...) and (?P<band>...)")
        return pattern


class _BandSourceEntry(_Entry):
    name: Names = ("Camera:BandName",)
    centre_nm: Names = ("Camera:CentralWavelength",)
    fwhm_nm: Names = ("Camera:WavelengthFWHM",)
    centre_and_half_width: Names = ()
    stem: dict[str, str] = {}
    index: str = "Camera:RigCameraIndex"
    first_index: int = 0


class _AlignmentEntry(_Entry):
    kind: Literal["rig", "homography", "none"] = "none"
    tags: Names = ()


class _ProfileEntry(_Entry):
    name: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str
    kind: Literal["rgb", "multispectral"]
    match: tuple[_MatchEntry, ...]
    fallback: bool = False
    clock: Literal["utc", "local"] = "local"
    bands: tuple[_BandEntry, ...]
    mixed_colours: bool = False
    group_key: _GroupKeyEntry = _GroupKeyEntry()
    band_source: _BandSourceEntry = _BandSourceEntry()
    lens: dict[str, _LensEntry] = {}
    alignment: _AlignmentEntry = _AlignmentEntry()
    radiometry: dict[str, Any] = {}
    notes: Names = ()

    @model_validator(mode="after")
    def _has_bands(self) -> Self:
        if not self.bands and not self.fallback:
            raise ValueError("bands: a camera has at least one; only a fallback takes them from the tags")
        return self


def parse_profile(document: Mapping[str, Any], where: str) -> tuple[SensorProfile, bool]:
    """Profile of a YAML document, and whether it is a fallback for cameras no other file knows.

    Raises
    ------
    FlightDataError
        An unknown key or an impossible value; the message names file and key.
    """
    try:
        entry = _ProfileEntry.model_validate(document)
    except ValidationError as exc:
        wrong = "; ".join(f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in exc.errors())
        raise FlightDataError(f"{where}: not a valid sensor profile; {wrong}") from exc
    profile = SensorProfile(
        name=entry.name,
        title=entry.title,
        kind=entry.kind,
        bands=tuple(Band(**band.model_dump()) for band in entry.bands),
        mixed_colours=entry.mixed_colours,
        match=tuple(item.match() for item in entry.match),
        clock=entry.clock,
        group_key=GroupKey(**entry.group_key.model_dump()),
        band_source=BandSource(**entry.band_source.model_dump()),
        lens={model: LensDefault(**lens.model_dump()) for model, lens in entry.lens.items()},
        alignment=Alignment(**entry.alignment.model_dump()),
        radiometry=entry.radiometry,
        source=where,
        notes=entry.notes,
    )
    return profile, entry.fallback
