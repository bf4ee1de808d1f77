"""Sensor profiles: what is known of a camera family, read from YAML."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from uav_workflow.domain.flight import Band, BandImage, SensorProfile
from uav_workflow.errors import FlightDataError

FOLDER_VARIABLE = "UAV_SENSORS"
"""Environment variable naming a site's own folder of profiles."""


class _BandEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    centre_nm: float | None = Field(default=None, gt=0)
    fwhm_nm: float | None = Field(default=None, gt=0)


class _MatchEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    make: str = ".*"
    model: str = ".*"

    @field_validator("make", "model")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        re.compile(pattern)
        return pattern


class _LensEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    focal_mm: float = Field(gt=0)
    sensor_width_mm: float = Field(gt=0)


class _LensSection(BaseModel):
    model_config = ConfigDict(extra="forbid")
    models: dict[str, _LensEntry] = {}


class _CaptureSection(BaseModel):
    model_config = ConfigDict(extra="forbid")
    tags: list[str] = []
    stem: str = ""
    stem_bands: dict[str, str] = {}


class _ProfileFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str
    kind: Literal["rgb", "multispectral"]
    match: list[_MatchEntry]
    fallback: bool = False
    clock: Literal["utc", "local"] = "local"
    bands: list[_BandEntry] = Field(min_length=1)
    captures: _CaptureSection = _CaptureSection()
    lens: _LensSection = _LensSection()
    radiometry: dict[str, Any] = {}


def load_profiles(extra: Path | None = None) -> tuple[SensorProfile, ...]:
    """Sensor profiles, those of other people's cameras first and the fallback for plain cameras last.

    Parameters
    ----------
    extra : Path, optional
        A site's own folder of YAML files; a profile of the same name replaces the shipped one. The environment
        variable ``UAV_SENSORS`` names it when absent.

    Raises
    ------
    FlightDataError
        A YAML file has an unknown key or an impossible value; the message names file and key.
    """
    if extra is None and os.environ.get(FOLDER_VARIABLE):
        extra = Path(os.environ[FOLDER_VARIABLE])
    return _load(extra)


@lru_cache(maxsize=8)
def _load(extra: Path | None) -> tuple[SensorProfile, ...]:
    shipped = sorted(files("calibration").joinpath("sensors").iterdir(), key=lambda item: item.name)
    found = {}
    for item in shipped:
        if item.name.endswith(".yaml"):
            profile, fallback = _parse(item.read_text(encoding="utf-8"), item.name)
            found[profile.name] = (fallback, 1, profile)
    if extra is not None:
        if not extra.is_dir():
            raise FlightDataError(f"{extra}: the folder of sensor profiles does not exist; correct {FOLDER_VARIABLE}")
        for path in sorted(extra.glob("*.yaml")):
            profile, fallback = _parse(path.read_text(encoding="utf-8"), str(path))
            found[profile.name] = (fallback, 0, profile)
    return tuple(profile for _, _, profile in sorted(found.values(), key=lambda item: (*item[:2], _width(item[2]))))


def _width(profile: SensorProfile) -> int:
    """How much a profile takes in: catch-all patterns come after named models."""
    return max((pattern.count(".*") for _, pattern in profile.match), default=0)


def _parse(text: str, where: str) -> tuple[SensorProfile, bool]:
    try:
        entry = _ProfileFile.model_validate(yaml.safe_load(text))
    except (yaml.YAMLError, ValidationError, re.error) as exc:
        raise FlightDataError(f"{where}: not a valid sensor profile; {exc}") from exc
    profile = SensorProfile(
        name=entry.name,
        title=entry.title,
        kind=entry.kind,
        bands=tuple(Band(**band.model_dump()) for band in entry.bands),
        lens=entry.lens.model_dump(),
        radiometry=entry.radiometry,
        match=tuple((item.make, item.model) for item in entry.match),
        clock=entry.clock,
        captures=entry.captures.model_dump(),
    )
    return profile, entry.fallback


def profile_of(make: str, model: str, profiles: Sequence[SensorProfile], *, rgb: bool = False) -> SensorProfile:
    """First profile that knows this make and model.

    Parameters
    ----------
    rgb : bool
        Pass over multispectral families: the photos are three-band pictures alone.
    """
    for profile in profiles:
        if rgb and profile.kind != "rgb":
            continue
        if any(_whole(make_, make) and _whole(model_, model) for make_, model_ in profile.match):
            return profile
    return profiles[-1]


def _whole(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text.strip(), re.IGNORECASE) is not None


def match_profile(images: Iterable[BandImage], profiles: Sequence[SensorProfile] | None = None) -> SensorProfile:
    """Profile of the camera that took most of the images; the plain-camera fallback when none is known.

    A multispectral family is chosen only when its band images are there, not for its RGB pictures alone.
    """
    profiles = load_profiles() if profiles is None else profiles
    images = tuple(images)
    rgb_alone = all(image.band.name == "RGB" for image in images)
    counts = Counter(
        (image.make, image.model) for image in images if rgb_alone or image.band.name != "RGB"
    ).most_common(1)
    make, model = counts[0][0] if counts else ("", "")
    return profile_of(make, model, profiles, rgb=rgb_alone)


def lens_of(profile: SensorProfile, model: str) -> tuple[float, float] | None:
    """(focal length, sensor width) in millimetres that the profile knows for this model."""
    models = profile.lens.get("models", {})
    assert isinstance(models, dict)
    for pattern, lens in models.items():
        if _whole(pattern, model):
            return float(lens["focal_mm"]), float(lens["sensor_width_mm"])
    return None
