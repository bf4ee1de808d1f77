"""A large flight parted into compact groups of photos that overlap, so that each can be placed by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from uav_workflow.engine.ties.joining import LEAST_PHOTOS, LEAST_POINTS
from uav_workflow.errors import EngineError
from uav_workflow.findings import Finding, info, warning

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LEAST_POSITIONS = 3
"""Photos with a position that a flight needs to be parted by place."""
WIDE = 2.0
"""Groups that grow by more than this factor save little memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSettings:
    """How a flight is parted; the default parts none.

    Attributes
    ----------
    photos : int
        Photos a group has on average, its overlap not counted.
    overlap_m : float
        A group also gets the photos this near to one of its own, metres.
    """

    photos: int = 999_999
    overlap_m: float = 150.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoGroup:
    """Photos that are placed together, as rows of the flight in rising order.

    Attributes
    ----------
    core : (c,) int array
        Photos of this group and of no other.
    photos : (n,) int array
        These, and those of its neighbours that lie near.
    """

    core: IntArray
    photos: IntArray


def part_photos(xy: FloatArray, settings: SplitSettings) -> list[PhotoGroup]:
    """Groups of equal count (to one photo), bisected across the longer side, widened by the overlap.

    A single group when no parting is asked for, or when one with its overlap would hold the whole flight anyway.

    Parameters
    ----------
    xy : (n, 2) float array
        Positions, metres; NaN where unknown: such a photo lies between its neighbours in the order of the flight.

    Raises
    ------
    EngineError
        Parting is asked for and fewer than three photos have a position.
    """
    everything = np.arange(len(xy), dtype=np.int64)
    whole = [PhotoGroup(core=everything, photos=everything)]
    wanted = -(-len(xy) // settings.photos)
    if wanted <= 1:
        return whole
    known = np.flatnonzero(np.isfinite(xy[:, 0]))
    if len(known) < LEAST_POSITIONS:
        raise EngineError(
            f"split {settings.photos} parts the flight by position, and {len(known)} of {len(xy)} photos have one; "
            "add positions with geo.txt, or leave the option split out"
        )
    places = np.column_stack([np.interp(everything, known, axis[known]) for axis in xy.T])
    groups = [_widened(core, places, settings.overlap_m) for core in _bisected(everything, places, wanted)]
    return whole if any(len(group.photos) == len(xy) for group in groups) else groups


def split_findings(
    groups: Sequence[PhotoGroup], settings: SplitSettings, untied: Sequence[int], apart: int
) -> list[Finding]:
    """What an operator should know of a split that was asked for.

    Parameters
    ----------
    untied : sequence of int
        Groups no two photos of which could be tied together.
    apart : int
        Blocks that could not be joined to the largest.
    """
    total = sum(len(group.core) for group in groups)
    if total <= settings.photos:
        return []
    if len(groups) == 1:
        return [
            info(
                "split-needless",
                "images",
                f"a group of {settings.photos} photos and those within {settings.overlap_m:g} m of it would be the "
                f"whole flight of {total}; it is placed at once",
                "for less memory lower split-overlap to two or three times the distance of the flight lines",
            )
        ]
    return [*_of_overlap(groups, settings), *_of_joining(groups, settings, untied, apart)]


def _of_overlap(groups: Sequence[PhotoGroup], settings: SplitSettings) -> list[Finding]:
    largest = max(len(group.photos) for group in groups)
    if largest <= WIDE * settings.photos:
        return []
    return [
        warning(
            "split-overlap-wide",
            "images",
            f"with the photos within {settings.overlap_m:g} m a group of the split holds up to {largest} photos, not "
            f"{settings.photos}: little memory is saved, and many photos are placed several times",
            "lower split-overlap to two or three times the distance of the flight lines, or raise split",
        )
    ]


def _of_joining(
    groups: Sequence[PhotoGroup], settings: SplitSettings, untied: Sequence[int], apart: int
) -> list[Finding]:
    findings = []
    if untied:
        sizes = ", ".join(str(len(groups[number].photos)) for number in untied)
        findings.append(
            warning(
                "split-group-untied",
                "images",
                f"in {len(untied)} of the {len(groups)} groups of the split (of {sizes} photos) no two photos could be "
                "tied together",
                "look whether they show water or snow alone, or are blurred",
            )
        )
    if apart:
        findings.append(
            warning(
                "split-not-joined",
                "images",
                f"of the {len(groups)} groups of the split not all could be joined: blocks must share {LEAST_PHOTOS} "
                f"photos and {LEAST_POINTS} tie points, here with an overlap of {settings.overlap_m:g} m",
                "raise split-overlap to two or three times the distance of the flight lines, or leave split out: then "
                "it is seen whether the flight itself has a gap",
            )
        )
    return findings


def _bisected(rows: IntArray, places: FloatArray, wanted: int) -> list[IntArray]:
    if wanted == 1:
        return [np.sort(rows)]
    axis = int(np.argmax(np.ptp(places[rows], axis=0)))
    order = rows[np.lexsort((rows, places[rows, axis]))]
    left = wanted // 2
    cut = len(rows) * left // wanted
    return [*_bisected(order[:cut], places, left), *_bisected(order[cut:], places, wanted - left)]


def _widened(core: IntArray, places: FloatArray, overlap_m: float) -> PhotoGroup:
    apart, _ = cKDTree(places[core]).query(places)
    near = apart <= overlap_m
    near[core] = True
    return PhotoGroup(core=core, photos=np.flatnonzero(near))
