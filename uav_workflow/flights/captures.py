"""Images grouped into captures: one trigger of the shutter, all its bands."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from uav_workflow.domain.flight import BandImage, Capture, SensorProfile
from uav_workflow.findings import Finding, error, info, warning
from uav_workflow.flights.bands import stem_parts
from uav_workflow.flights.wording import counted, listed

_TOGETHER_S = 0.5
"""Bands of one trigger lie within this time where nothing else tells."""


def group_captures(
    images: Iterable[BandImage], profile: SensorProfile, *, whole: bool = True
) -> tuple[tuple[Capture, ...], list[Finding]]:
    """Group images into captures, in time order.

    An RGB photo is a capture of its own. The bands of a multispectral camera belong together by the tag the profile
    names (``CaptureId``, ``CaptureUUID``), else by the file name's rule, else by time. Bands stand in rig order. A
    capture without all the bands of the flight, or with one twice, is left out and said, unless ``whole`` is False.

    Returns
    -------
    captures : tuple of Capture
    findings : list of Finding
        ``incomplete-capture``, ``no-complete-capture``, ``band-absent``, ``companion-photos``, ``unknown-band``.
    """
    images = sorted(images, key=lambda image: image.name)
    if profile.kind == "rgb":
        captures = [
            Capture(capture_id=_stem(image), images=(image,), is_panel=shows_panel([image])) for image in images
        ]
        return _in_time_order(captures), []
    bands = [image for image in images if image.band.name != "RGB"]
    findings = _companions([image for image in images if image.band.name == "RGB"])
    groups = _groups(bands, profile)
    expected = _expected_bands(groups.values())
    findings += _absent_bands(expected, profile)
    captures = []
    incomplete: dict[str, str] = {}
    for key, members in groups.items():
        ordered = _rig_order(members, profile)
        if not whole or tuple(sorted(_label(image) for image in ordered)) == tuple(sorted(expected)):
            captures.append(Capture(capture_id=key, images=tuple(ordered), is_panel=shows_panel(ordered)))
        else:
            incomplete[ordered[0].name] = _what_is_wrong(ordered, expected)
    findings += _incomplete(incomplete, len(groups), expected)
    return _in_time_order(_readable_ids(captures, profile)), findings


def _groups(images: Sequence[BandImage], profile: SensorProfile) -> dict[str, list[BandImage]]:
    groups: dict[str, list[BandImage]] = defaultdict(list)
    untagged: list[BandImage] = []
    for image in images:
        key = next((text for name in profile.group_key.tags if (text := image.tags.text(name))), None)
        key = key or _stem_key(image, profile)
        if key is None:
            untagged.append(image)
        else:
            groups[key].append(image)
    for members in _by_time(untagged):
        groups[_stem(members[0])].extend(members)
    return groups


def _stem_key(image: BandImage, profile: SensorProfile) -> str | None:
    parts = stem_parts(image.path.stem, profile)
    folder, _, _ = image.name.rpartition("/")
    return f"{folder}/{parts[0]}".lstrip("/") if parts else None


def _by_time(images: Iterable[BandImage]) -> Iterable[list[BandImage]]:
    """Runs of images whose times follow each other closely; an image without a time stands alone."""
    timed: list[tuple[datetime, BandImage]] = []
    for image in images:
        moment = _moment(image)
        if moment is None:
            yield [image]
        else:
            timed.append((moment, image))
    run: list[BandImage] = []
    start: datetime | None = None
    for moment, image in sorted(timed, key=lambda item: (item[0], item[1].name)):
        if start is not None and (moment - start).total_seconds() > _TOGETHER_S:
            yield run
            run, start = [], None
        start = start or moment
        run.append(image)
    if run:
        yield run


def _moment(image: BandImage) -> datetime | None:
    return image.time_utc.replace(tzinfo=None) if image.time_utc else image.time_local


def _label(image: BandImage) -> str:
    """Band name with its wavelength: a dual rig has two greens."""
    centre = image.band.centre_nm
    return f"{image.band.name} {centre:g} nm" if centre else image.band.name


def _expected_bands(groups: Iterable[Sequence[BandImage]]) -> tuple[str, ...]:
    """The set of bands most captures have; of equally frequent sets the larger."""
    sets = Counter(tuple(sorted({_label(image) for image in members})) for members in groups)
    return max(sets, key=lambda bands: (sets[bands], len(bands)), default=())


def _rig_order(members: Sequence[BandImage], profile: SensorProfile) -> list[BandImage]:
    order = {band.name: index for index, band in enumerate(profile.bands)}

    def rank(image: BandImage) -> tuple[float, int, str]:
        index = image.tags.number("Camera:RigCameraIndex")
        return (99.0 if index is None else index, order.get(image.band.name, 99), image.name)

    return sorted(members, key=rank)


def shows_panel(images: Sequence[BandImage]) -> bool:
    """Certain signs only: a folder named panels, or the camera's word (``CalibrationPicture`` 2 valid, 1 refused)."""
    in_folder = any(re.fullmatch(r"panels?", part, re.IGNORECASE) for part in images[0].name.split("/")[:-1])
    return in_folder or any((image.tags.number("Camera:CalibrationPicture") or 0) >= 1 for image in images)


def _companions(photos: Sequence[BandImage]) -> list[Finding]:
    if not photos:
        return []
    message = f"{counted(len(photos), 'RGB photo', 'are')} set aside: the bands of the multispectral camera are used"
    hint = "put the RGB photos into a folder of their own to process them as an RGB flight"
    return [info("companion-photos", listed(photo.name for photo in photos), message, hint)]


def _absent_bands(expected: Sequence[str], profile: SensorProfile) -> list[Finding]:
    present = {label.split(" nm")[0].rsplit(" ", 1)[0] if label.endswith(" nm") else label for label in expected}
    findings = []
    missing = [band.name for band in profile.bands if band.name not in present]
    if expected and missing:
        message = f"no capture has the band {', '.join(missing)}, which {profile.title} usually has"
        hint = "copy the missing band's files too; indices that need it are not made"
        findings.append(warning("band-absent", "images", message, hint))
    if "unknown" in present:
        message = "images name their band neither in tags nor in the file name"
        findings.append(error("unknown-band", "images", message, "copy the original files, with tags and names"))
    return findings


def _what_is_wrong(members: Sequence[BandImage], expected: Sequence[str]) -> str:
    """Bands a capture lacks, has twice, or should not have."""
    labels = [_label(image) for image in members]
    missing = [label for label in expected if label not in labels]
    double = sorted({label for label in labels if labels.count(label) > 1})
    foreign = sorted(set(labels) - set(expected))
    said = (("has no", missing), ("has twice", double), ("has besides", foreign))
    return "; ".join(f"{verb} {', '.join(bands)}" for verb, bands in said if bands)


def _incomplete(incomplete: Mapping[str, str], total: int, expected: Sequence[str]) -> list[Finding]:
    if not incomplete:
        return []
    first = next(iter(incomplete))
    example = f"{first} {incomplete[first]}"
    if len(incomplete) == total:
        message = f"none of {total} captures has every band once ({', '.join(expected)}): {example}"
        return [error("no-complete-capture", listed(incomplete), message, "copy all files of the card again")]
    message = f"{len(incomplete)} of {total} captures do not have every band once and are left out: {example}"
    return [warning("incomplete-capture", listed(incomplete), message, "look for the missing files on the card")]


def _stem(image: BandImage) -> str:
    return image.name.rpartition(".")[0]


def _readable_ids(captures: Sequence[Capture], profile: SensorProfile) -> list[Capture]:
    """Name captures after their files where that names each of them once; else they keep the tag's value."""
    keys = [_stem_key(capture.images[0], profile) for capture in captures]
    if None in keys or len(set(keys)) < len(keys):
        return list(captures)
    return [replace(capture, capture_id=str(key)) for capture, key in zip(captures, keys, strict=True)]


def _in_time_order(captures: Iterable[Capture]) -> tuple[Capture, ...]:
    """By time where every capture has one, else by name."""
    captures = list(captures)
    times = [_moment(capture.primary) for capture in captures]
    if any(moment is None for moment in times):
        return tuple(sorted(captures, key=lambda capture: capture.primary.name))
    pairs = sorted(zip(times, captures, strict=True), key=lambda pair: (pair[0], pair[1].primary.name))
    return tuple(capture for _, capture in pairs)
