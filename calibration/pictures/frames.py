"""The pictures as a set, before any is opened: bands, tags, firmware, times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from calibration.gates import Bounds, judge
from calibration.sensors.model import RadiometricModel
from uav_workflow.domain.flight import BandImage, Capture, SensorProfile
from uav_workflow.domain.quality import Gate
from uav_workflow.domain.sensor import firmware_version
from uav_workflow.errors import CalibrationError
from uav_workflow.findings import Finding, info


def frame_gates(
    captures: Sequence[Capture],
    jumps: Sequence[str],
    sensor: SensorProfile,
    model: RadiometricModel,
    limits: Mapping[str, Bounds],
) -> list[Gate]:
    """Gates about a flight's pictures as a set.

    Parameters
    ----------
    captures : sequence of Capture
        Of survey and panel, images of reflectance bands alone.
    jumps : sequence of str
        Images at which the clock jumped.
    """
    images = [image for capture in captures for image in capture.images]
    if not images:
        return []
    missing = _missing_bands(images, sensor, model)
    full, first_short = _full(captures)
    untagged = [image.name for image in images if not _is_exposed(model, image)]
    apart, slowest = _times_apart(captures)
    gates = [
        judge("band-set", len(missing), limits, about=", ".join(missing)),
        judge("captures-full", full, limits, where=first_short),
        judge("exposure-tags", len(untagged) / len(images), limits, where=next(iter(untagged), "")),
        judge("firmware-versions", max(1, len(_versions(images))), limits),
        judge("clock-jumps", len(jumps), limits, where=next(iter(jumps), "")),
    ]
    if model.firmware_known:
        strange = [image.name for image in images if not _is_known(model, image)]
        gates.append(judge("firmware-known", len(strange) / len(images), limits, where=next(iter(strange), "")))
    if apart is not None:
        gates.append(judge("band-times", apart, limits, where=slowest))
    return gates


def firmware_findings(captures: Sequence[Capture]) -> list[Finding]:
    """One version that names itself in several ways; versions that differ are a gate's."""
    texts = Counter(_firmware(image) for capture in captures for image in capture.images)
    if len(texts) < 2 or len({firmware_version(text) for text in texts}) > 1:
        return []
    said = ", ".join(f"{text or 'none stated'} ({count})" for text, count in texts.most_common())
    return [info("mixed-firmware", "images", f"pictures name their firmware differently: {said}")]


def versions_said(captures: Sequence[Capture]) -> str:
    """Firmware versions and how many pictures have each."""
    texts = Counter(_firmware(image) or "none stated" for capture in captures for image in capture.images)
    return ", ".join(f"{text} ({count})" for text, count in texts.most_common())


def _firmware(image: BandImage) -> str:
    return image.tags.text("EXIF:Software") or ""


def _versions(images: Sequence[BandImage]) -> set[tuple[int, ...]]:
    return {firmware_version(_firmware(image)) for image in images}


def _is_known(model: RadiometricModel, image: BandImage) -> bool:
    own = firmware_version(_firmware(image))
    known = (firmware_version(text) for text in model.firmware_known)
    return any(own[: len(version)] == version for version in known)


def _missing_bands(images: Sequence[BandImage], sensor: SensorProfile, model: RadiometricModel) -> list[str]:
    """Bands of the profile that no picture has; pictures for temperature and people apart."""
    seen = {image.band.name.lower() for image in images}
    others = {"rgb", *(name.lower() for name in model.thermal.bands)}
    return [band.name for band in sensor.bands if band.name.lower() not in seen | others]


def _full(captures: Sequence[Capture]) -> tuple[float, str]:
    """Share of the captures that have every band of the flight, and the first image of one that has not."""
    every = {image.band.name for capture in captures for image in capture.images}
    short = [c.primary.name for c in captures if {image.band.name for image in c.images} != every]
    return 1 - len(short) / len(captures), next(iter(short), "")


def _is_exposed(model: RadiometricModel, image: BandImage) -> bool:
    try:
        return model.exposure_s(image) > 0 and model.gain_of(image) > 0
    except CalibrationError:
        return False


def _times_apart(captures: Sequence[Capture]) -> tuple[float | None, str]:
    """Largest difference of time inside a capture, seconds, and its image; None where no capture has two times."""
    worst, where = None, ""
    for capture in captures:
        times = [moment for image in capture.images if (moment := _moment(image)) is not None]
        if len(times) < 2:
            continue
        apart = (max(times) - min(times)).total_seconds()
        if worst is None or apart > worst:
            worst, where = apart, capture.primary.name
    return worst, where


def _moment(image: BandImage) -> datetime | None:
    return image.time_utc or image.time_local
