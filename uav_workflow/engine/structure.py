"""Structure from motion: from captures to a reconstruction in UTM."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.flight import BandImage, Capture
from uav_workflow.domain.ground import GroundControlPoint
from uav_workflow.domain.product import Json
from uav_workflow.domain.reconstruction import Camera, Reconstruction, Shot
from uav_workflow.engine.block import Block, ControlMarks
from uav_workflow.engine.features import FeatureSettings, extract_features
from uav_workflow.engine.ground_control import PointResidual, marks_in, residuals
from uav_workflow.engine.mapping import MapSettings, map_photos
from uav_workflow.engine.matching import MatchSettings, bridging_pairs, choose_pairs, match_pairs
from uav_workflow.engine.priors import PositionPriors, camera_name, position_priors
from uav_workflow.engine.rig import RigSettings, align_rig, placed_bands
from uav_workflow.engine.self_calibration import Calibration, CalibrationSettings, self_calibrate
from uav_workflow.engine.structure_facts import band_facts, block_facts, placement_findings
from uav_workflow.errors import EngineError
from uav_workflow.findings import Finding

FloatArray = NDArray[np.float64]
Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureSettings:
    """Everything that steers structure from motion; threads change no number."""

    features: FeatureSettings = field(default_factory=FeatureSettings)
    matching: MatchSettings = field(default_factory=MatchSettings)
    mapping: MapSettings = field(default_factory=MapSettings)
    calibration: CalibrationSettings = field(default_factory=CalibrationSettings)
    rig: RigSettings = field(default_factory=RigSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """A reconstruction, how the surveyed points came out, and what has to be said of it."""

    reconstruction: Reconstruction
    points: tuple[PointResidual, ...]
    findings: tuple[Finding, ...]


class _Stopwatch:
    """CPU seconds of each stage, this process and its threads."""

    def __init__(self) -> None:
        self.seconds: dict[str, Json] = {}
        self._last = time.process_time()

    def stage(self, name: str) -> None:
        now = time.process_time()
        self.seconds[name] = round(now - self._last, 2)
        self._last = now


def reconstruct(
    captures: Sequence[Capture],
    work: Path,
    *,
    control: Sequence[GroundControlPoint] = (),
    settings: StructureSettings | None = None,
    progress: Progress | None = None,
) -> Structure:
    """Poses and cameras of a flight.

    Geometry is taken from the primary band of every capture; the other bands of a rig follow by one relative
    pose and camera each (see `rig`).

    Parameters
    ----------
    captures : sequence of Capture
        Survey captures, panels left out. Poses refer to the stored pixels, whatever EXIF's orientation says.
    work : Path
        Scratch folder; made when missing.
    control : sequence of GroundControlPoint
        Surveyed points with their marks; check points among them are measured, never adjusted to.
    progress : callable
        Called with the share done, 0 - 1, and what is being done.

    Raises
    ------
    EngineError
        Too few photos, no positions, no overlap.
    """
    settings = settings or StructureSettings()
    report = progress or (lambda share, text: None)
    if len(captures) < 3:
        raise EngineError(f"{len(captures)} captures: photogrammetry needs at least 3 overlapping ones")
    work.mkdir(parents=True, exist_ok=True)
    watch = _Stopwatch()
    images = [capture.primary for capture in captures]
    adjusted_to = [point for point in control if not point.is_check]
    positions = position_priors(captures, adjusted_to)
    free = _free_block(images, positions, work, settings=settings, report=report, watch=watch)
    row_of = {image.name: row for row, image in enumerate(images)}
    rows = np.array([row_of[name] for name in free.block.names])
    report(0.8, "adjusting the block")
    placed = [captures[row] for row in rows]
    block_row = {name: row for row, name in enumerate(free.block.names)}
    marks = marks_in(adjusted_to, block_row, positions.crs, positions.offset)
    calibration = self_calibrate(free.block, placed, positions.of(rows), settings.calibration, marks)
    points = _point_residuals(calibration, marks, [point for point in control if point.is_check], positions)
    watch.stage("adjustment")
    cameras, shots = _primary_shots(calibration, placed)
    facts = block_facts(calibration, placed, len(captures))
    facts |= {
        "components": 1 + len(free.others),
        "other_blocks": [list[Json](names) for names in free.others],
        "pairs": free.pairs,
        "pairs_verified": len(free.inliers),
        "inliers_per_pair": round(float(np.mean(free.inliers)), 1) if free.inliers else 0.0,
    }
    facts["surveyed_points"] = [point.to_json() for point in points]
    if any(len(capture.images) > 1 for capture in placed):
        report(0.9, "aligning the bands")
        bands = align_rig(placed, shots, cameras, calibration.points, settings.rig)
        for capture in placed:
            shots.update({shot.image: shot for shot in placed_bands(capture, shots[capture.primary.name], bands)})
        cameras.update({name: band.camera for name, band in bands.items()})
        facts["rig"] = {name: band_facts(band) for name, band in bands.items()}
        watch.stage("bands")
    facts["cpu_s"] = watch.seconds
    report(1.0, "cameras are placed")
    reconstruction = Reconstruction(
        crs=positions.crs,
        offset=positions.offset,
        cameras=cameras,
        shots=tuple(shots[name] for name in sorted(shots)),
        points=calibration.points,
        missing=tuple(image.name for capture in captures for image in capture.images if image.name not in shots),
        facts=facts,
    )
    lost = [capture.primary.name for capture in captures if capture.primary.name not in shots]
    findings = (*calibration.findings, *placement_findings(lost, free.others, len(captures)))
    return Structure(reconstruction=reconstruction, points=tuple(points), findings=findings)


def _point_residuals(
    calibration: Calibration,
    marks: ControlMarks,
    checks: Sequence[GroundControlPoint],
    positions: PositionPriors,
) -> list[PointResidual]:
    """Every surveyed point against the block: control points by their good marks, check points by all of theirs."""
    block = calibration.adjustment.block
    used = calibration.control
    block_row = {name: row for row, name in enumerate(block.names)}
    idle = marks.subset(np.array([name not in used.names for name in marks.names], bool))
    measured = marks_in(checks, block_row, positions.crs, positions.offset)
    return [
        *residuals(block, used, used=used.names),
        *residuals(block, idle),
        *residuals(block, measured, checks=True),
    ]


@dataclass(slots=True, kw_only=True)
class _FreeBlock:
    """What matching alone gives: a block of no place and size, and how it held together."""

    block: Block
    pairs: int
    inliers: list[int]
    others: list[list[str]]


def _free_block(
    images: Sequence[BandImage],
    positions: PositionPriors,
    work: Path,
    *,
    settings: StructureSettings,
    report: Progress,
    watch: _Stopwatch,
) -> _FreeBlock:
    report(0.0, "finding features")
    database, names = extract_features(
        _by_camera(images),
        work,
        settings.features,
        progress=lambda share: report(0.45 * share, "finding features"),
    )
    watch.stage("features")
    keys = {name: key for key, name in names.items()}
    order = [keys[image.name] for image in images]
    pairs = choose_pairs(positions.xyz[:, :2], positions.known, settings.matching)
    inliers = match_pairs(
        database,
        order,
        pairs,
        settings.matching,
        progress=lambda share: report(0.45 + 0.2 * share, "matching photos"),
    )
    watch.stage("matching")

    def placing(share: float) -> None:
        report(0.65 + 0.15 * share, "placing photos")

    block, others = map_photos(database, work, settings.mapping, progress=placing)
    if others:
        # blocks that lie side by side may have missed each other among the nearest neighbours
        inside = set(block.names)
        placed = np.array([key in inside for key in order])
        bridges = sorted(set(bridging_pairs(positions.xyz[:, :2], placed, settings.matching)) - set(pairs))
        if bridges:
            inliers = match_pairs(database, order, bridges, settings.matching, progress=lambda share: None)
            block, others = map_photos(database, work, settings.mapping, progress=lambda share: None)
    watch.stage("mapping")
    named = replace(block, names=[names[key] for key in block.names])
    return _FreeBlock(
        block=named,
        pairs=len(pairs),
        inliers=inliers,
        others=[[names[key] for key in block_names] for block_names in others],
    )


def _by_camera(images: Sequence[BandImage]) -> list[list[BandImage]]:
    """Images that share a camera: body, size, band and first guess of the focal length."""
    groups: dict[str, list[BandImage]] = {}
    for image in images:
        groups.setdefault(camera_name(image), []).append(image)
    return list(groups.values())


def _primary_shots(calibration: Calibration, placed: Sequence[Capture]) -> tuple[dict[str, Camera], dict[str, Shot]]:
    """Adjusted cameras by id, and the shot of each primary image by its name."""
    block = calibration.adjustment.block
    cameras: dict[str, Camera] = {}
    shots: dict[str, Shot] = {}
    for i, capture in enumerate(placed):
        image = capture.primary
        f, cx, cy, k1, k2, k3, p1, p2 = (float(value) for value in block.intrinsics[block.camera_of[i]])
        camera = Camera(
            camera_id=camera_name(image), width=image.width, height=image.height,
            fx=f, fy=f, cx=cx, cy=cy, k1=k1, k2=k2, k3=k3, p1=p1, p2=p2,
        )  # fmt: skip
        cameras[camera.camera_id] = camera
        shots[image.name] = Shot(
            image=image.name,
            camera_id=camera.camera_id,
            rotation=block.rotations[i],
            centre=block.centres[i],
            time_utc=image.time_utc,
        )
    return cameras, shots
