"""Sensor profiles: what is known of a camera family, one YAML file each, and which photos are whose."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from uav_workflow.domain.flight import BandImage, SensorProfile
from uav_workflow.domain.sensor import LensDefault, SensorMatch, whole
from uav_workflow.domain.tags import Tags
from uav_workflow.errors import FlightDataError
from uav_workflow.flights.sensor_file import parse_profile

FOLDER_VARIABLE = "UAV_SENSORS"
"""Environment variable naming a site's own folder of profiles."""

_Document = dict[str, Any]


def load_profiles(extra: Path | None = None) -> tuple[SensorProfile, ...]:
    """Sensor profiles, those of a site first, then by how narrowly they match; the fallback for plain cameras last.

    Parameters
    ----------
    extra : Path, optional
        A site's own folder of YAML files; a profile of the same name replaces the shipped one, and one with the key
        ``extends`` takes over what it does not say itself. The environment variable ``UAV_SENSORS`` names it when
        absent.

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
    folder = files("calibration").joinpath("sensors")
    items = sorted((item for item in folder.iterdir() if item.name.endswith(".yaml")), key=lambda item: item.name)
    shipped = dict(_read(item.read_text(encoding="utf-8"), item.name) for item in items)
    own: dict[str, tuple[str, _Document]] = {}
    if extra is not None:
        if not extra.is_dir():
            raise FlightDataError(f"{extra}: the folder of sensor profiles does not exist; correct {FOLDER_VARIABLE}")
        own = dict(_read(_text(path), str(path)) for path in sorted(extra.glob("*.yaml")))
    ranked = []
    for name, (where, document) in (shipped | own).items():
        profile, fallback = parse_profile(_extended(document, where, own, shipped), where)
        narrowest = min((_width(match) for match in profile.match), default=(0, 0))
        foreign = name not in own
        ranked.append(((fallback, foreign and not fallback, narrowest, foreign), profile))
    return tuple(profile for _, profile in sorted(ranked, key=lambda item: item[0]))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise FlightDataError(f"{path}: the sensor profile can't be read ({exc})") from exc


def _read(text: str, where: str) -> tuple[str, tuple[str, _Document]]:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as exc:
        raise FlightDataError(f"{where}: not a valid sensor profile; {exc}") from exc
    if not isinstance(document, dict) or not isinstance(document.get("name"), str):
        raise FlightDataError(f"{where}: not a valid sensor profile; it needs at least a name")
    return document["name"], (where, document)


def _extended(
    document: _Document,
    where: str,
    own: Mapping[str, tuple[str, _Document]],
    shipped: Mapping[str, tuple[str, _Document]],
    seen: tuple[str, ...] = (),
) -> _Document:
    """The document over the one it extends: sections join, lists and values replace.

    A site's file that extends the shipped profile of its own name changes that one; another camera has photos of its
    own, so which photos are meant is not taken over.
    """
    parent = document.get("extends")
    if parent is None:
        return document
    same = parent == document["name"]
    known = shipped if same else {**shipped, **own}
    if parent not in known or where in seen:
        why = "goes in a circle" if where in seen else f"is not there; there are {', '.join(sorted(known))}"
        raise FlightDataError(f"{where}: extends '{parent}', which {why}")
    parent_where, parent_document = known[parent]
    base = _extended(parent_document, parent_where, own, shipped, (*seen, where))
    mine = {key: value for key, value in document.items() if key != "extends"}
    kept = base if same else {key: value for key, value in base.items() if key not in {"match", "fallback"}}
    return _over(kept, mine)


def _over(base: _Document, top: _Document) -> _Document:
    joined = dict(base)
    for key, value in top.items():
        below = base.get(key)
        joined[key] = _over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return joined


def _width(match: SensorMatch) -> tuple[int, int]:
    """How much a match takes in: catch-all models come after named ones, open ones after those that ask for more."""
    asked = len(match.tags) + (match.lens != ".*") + sum(map(bool, match.firmware))
    return match.model.count(".*"), -asked


def profile_of(
    make: str, model: str, profiles: Sequence[SensorProfile], *, tags: Tags | None = None, rgb: bool = False
) -> SensorProfile:
    """First profile that knows this camera.

    Parameters
    ----------
    tags : Tags, optional
        Tell lens and firmware, and whether a maker nobody knows follows a convention that is known.
    rgb : bool
        Pass over multispectral families: the photos are three-band pictures alone.
    """
    told = tags or Tags()
    for profile in profiles:
        if rgb and profile.kind != "rgb":
            continue
        if any(match.fits(make, model, told) for match in profile.match):
            return profile
    return profiles[-1]


def match_profile(images: Iterable[BandImage], profiles: Sequence[SensorProfile] | None = None) -> SensorProfile:
    """Profile of the camera that took most of the images; the plain-camera fallback when none is known.

    A multispectral family is chosen only when its band images are there, not for its RGB pictures alone.
    """
    profiles = load_profiles() if profiles is None else profiles
    images = tuple(images)
    rgb_alone = all(image.band.name == "RGB" for image in images)
    counts = Counter(
        profile_of(image.make, image.model, profiles, tags=image.tags, rgb=rgb_alone).name
        for image in images
        if rgb_alone or image.band.name != "RGB"
    ).most_common(1)
    if not counts:
        return profile_of("", "", profiles, rgb=rgb_alone)
    return next(profile for profile in profiles if profile.name == counts[0][0])


def lens_of(profile: SensorProfile, model: str) -> LensDefault | None:
    """Focal length and sensor width that the profile knows for this model."""
    return next((lens for pattern, lens in profile.lens.items() if whole(pattern, model)), None)
