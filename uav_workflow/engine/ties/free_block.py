"""From photos to a free block: features, matches, mapping, and its tie points measured again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from uav_workflow.domain.flight import BandImage
from uav_workflow.domain.product import Json
from uav_workflow.engine.adjustment.block import Block
from uav_workflow.engine.inputs.priors import PositionPriors, camera_name
from uav_workflow.engine.scratch import Scratch
from uav_workflow.engine.ties.features import FeatureSettings, extract_features, read_gray
from uav_workflow.engine.ties.fine_ties import FineTieSettings, measured_again
from uav_workflow.engine.ties.grouped_mapping import Grouped, map_groups
from uav_workflow.engine.ties.mapping import MapSettings, map_photos
from uav_workflow.engine.ties.matching import MatchSettings, bridging_pairs, choose_pairs, match_pairs
from uav_workflow.engine.ties.partition import PhotoGroup, SplitSettings, part_photos, split_findings
from uav_workflow.findings import Finding

Progress = Callable[[float, str], None]


class Stopwatch:
    """CPU seconds of each stage, this process and its threads."""

    def __init__(self) -> None:
        self.seconds: dict[str, Json] = {}
        self._last = time.process_time()

    def stage(self, name: str) -> None:
        """Note what was spent since the last stage."""
        now = time.process_time()
        self.seconds[name] = round(now - self._last, 2)
        self._last = now


@dataclass(frozen=True, slots=True, kw_only=True)
class TieSettings:
    """Everything that steers how photos are tied together."""

    features: FeatureSettings = field(default_factory=FeatureSettings)
    matching: MatchSettings = field(default_factory=MatchSettings)
    mapping: MapSettings = field(default_factory=MapSettings)
    split: SplitSettings = field(default_factory=SplitSettings)
    fine: FineTieSettings = field(default_factory=FineTieSettings)


@dataclass(slots=True, kw_only=True)
class FreeBlock:
    """What matching alone gives: a block of no place and size, and how it held together.

    Attributes
    ----------
    block : Block
        Names are those of the flight.
    pairs : int
        Pairs of photos that were matched.
    inliers : list of int
        Matches of each pair that held.
    others : list of list of str
        Photos of each block that could not be tied to this one.
    groups : list of int
        Photos of each group of a flight that was split, its overlap counted.
    findings : list of Finding
        What is to be said of the split.
    """

    block: Block
    pairs: int
    inliers: list[int]
    others: list[list[str]]
    groups: list[int]
    findings: list[Finding]

    @property
    def rows(self) -> dict[str, int]:
        """Row of each image in the block."""
        return {name: row for row, name in enumerate(self.block.names)}

    def facts(self) -> dict[str, Json]:
        """For the report."""
        return {
            "split_groups": list[Json](self.groups),
            "components": 1 + len(self.others),
            "other_blocks": [list[Json](names) for names in self.others],
            "pairs": self.pairs,
            "pairs_verified": len(self.inliers),
            "inliers_per_pair": round(float(np.mean(self.inliers)), 1) if self.inliers else 0.0,
        }


def tie_photos(
    images: Sequence[BandImage],
    positions: PositionPriors,
    work: Path,
    *,
    settings: TieSettings,
    report: Progress,
    watch: Stopwatch,
) -> FreeBlock:
    """Largest block that the photos make, each matched with its neighbours.

    Features and matches lie on disk and cost the same for each photo; only placing photos needs more memory the more
    there are. So a flight that is split is parted for that alone.

    Raises
    ------
    EngineError
        No two photos could be tied together; a flight without positions shall be split.
    """
    groups = part_photos(positions.xyz[:, :2], settings.split)
    report(0.0, "finding features")
    database, names = extract_features(
        _by_camera(images), work, settings.features, progress=lambda share: report(0.4 * share, "finding features")
    )
    watch.stage("features")
    keys = {name: key for key, name in names.items()}
    order = [keys[image.name] for image in images]
    pairs = choose_pairs(positions.xyz[:, :2], positions.known, settings.matching)
    inliers = match_pairs(
        database, order, pairs, settings.matching, progress=lambda share: report(0.4 + 0.25 * share, "matching photos")
    )
    watch.stage("matching")
    place = partial(_place, database, work, order, groups, settings.mapping)
    placed = place(progress=lambda share: report(0.65 + 0.12 * share, "placing photos"))
    if bridges := _bridges(placed, order, positions, pairs, settings.matching):
        pairs = [*pairs, *bridges]
        inliers = match_pairs(database, order, bridges, settings.matching, progress=lambda share: None)
        placed = place(progress=lambda share: None)
    watch.stage("mapping")
    paths = {image.name: image.path for image in images}
    block = measured_again(
        replace(placed.block, names=[names[key] for key in placed.block.names]),
        lambda name: read_gray(paths[name]),
        settings.fine,
        Scratch(work),
        progress=lambda share: report(0.77 + 0.08 * share, "measuring tie points"),
    )
    watch.stage("tie points")
    return FreeBlock(
        block=block,
        pairs=len(pairs),
        inliers=inliers,
        others=[[names[key] for key in block_names] for block_names in placed.others],
        groups=[len(group.photos) for group in groups] if len(groups) > 1 else [],
        findings=split_findings(groups, settings.split, placed.untied, len(placed.others)),
    )


def _place(
    database: Path,
    work: Path,
    order: Sequence[str],
    groups: Sequence[PhotoGroup],
    settings: MapSettings,
    *,
    progress: Callable[[float], None],
) -> Grouped:
    """Photos placed at once, or group by group where there are several."""
    if len(groups) > 1:
        return map_groups(database, work, order, groups, settings, progress=progress)
    block, others = map_photos(database, work, settings, progress=progress)
    return Grouped(block=block, others=others, untied=[])


def _bridges(
    placed: Grouped,
    order: Sequence[str],
    positions: PositionPriors,
    pairs: Sequence[tuple[int, int]],
    settings: MatchSettings,
) -> list[tuple[int, int]]:
    """Pairs not matched yet between the block and those beside it, which may have missed it among their nearest."""
    if not placed.others:
        return []
    inside = np.isin(order, placed.block.names)
    return sorted(set(bridging_pairs(positions.xyz[:, :2], inside, settings)) - set(pairs))


def _by_camera(images: Sequence[BandImage]) -> list[list[BandImage]]:
    """Images that share a camera: body, size, band and first guess of the focal length."""
    groups: dict[str, list[BandImage]] = {}
    for image in images:
        groups.setdefault(camera_name(image), []).append(image)
    return list(groups.values())
