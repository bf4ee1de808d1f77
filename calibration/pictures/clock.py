"""The camera's clock against the order of its files: a clock that jumped tells neither the sun nor an order in time."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from uav_workflow.domain.flight import BandImage, Capture

_BACKWARDS_S = 2.0
"""A file that is this much older than the one before it by name was not written after it by one clock."""
_FORWARDS_S = 6 * 3600.0
"""A pause of one flight folder is a change of batteries, a lunch, never this long."""


def clock_jumps(captures: Sequence[Capture]) -> list[str]:
    """Images at which the clock jumped, in the order in which the camera numbered its files.

    Cameras count files up inside a folder; a time that runs back there, or leaps by hours, is the clock's: it was set
    by the satellites during the flight, or fell back to its start. Folders, and names that differ by more than their
    numbers (a person's before.tif and after.tif), are looked at one by one.
    """
    series: dict[str, list[BandImage]] = defaultdict(list)
    for capture in captures:
        folder, _, name = capture.primary.name.rpartition("/")
        series[f"{folder}/{re.sub(r'[0-9]+', '#', name)}"].append(capture.primary)
    jumps = []
    for images in series.values():
        ordered = sorted(images, key=lambda image: _natural(image.name))
        for before, after in pairwise(ordered):
            one, two = _moment(before), _moment(after)
            if one is None or two is None:
                continue
            step = (two - one).total_seconds()
            if step < -_BACKWARDS_S or step > _FORWARDS_S:
                jumps.append(after.name)
    return jumps


def without_clock(captures: Sequence[Capture]) -> list[Capture]:
    """Captures whose times nobody knows, in the order of their file names."""
    timeless = [
        replace(capture, images=tuple(replace(image, time_utc=None, time_local=None) for image in capture.images))
        for capture in captures
    ]
    return sorted(timeless, key=lambda capture: _natural(capture.primary.name))


def _moment(image: BandImage) -> datetime | None:
    return image.time_utc.replace(tzinfo=None) if image.time_utc else image.time_local


def _natural(name: str) -> tuple[tuple[int, int | str], ...]:
    """Sorting key in which IMG_9 comes before IMG_10."""
    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", name.lower()) if part)
