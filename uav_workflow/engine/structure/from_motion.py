"""Structure from motion: from captures to a reconstruction in UTM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from uav_workflow.domain.flight import BandImage, Capture
from uav_workflow.domain.ground import GroundControlPoint
from uav_workflow.domain.product import Json
from uav_workflow.domain.reconstruction import Camera, Reconstruction, Shot
from uav_workflow.engine.adjustment.block import ControlMarks
from uav_workflow.engine.adjustment.block_strength import ground_sigma_m, strength_findings
from uav_workflow.engine.adjustment.ground_control import PointResidual, marks_in, residuals
from uav_workflow.engine.adjustment.self_calibration import Calibration, CalibrationSettings, self_calibrate
from uav_workflow.engine.inputs.priors import PositionPriors, camera_name, position_priors
from uav_workflow.engine.structure.facts import band_facts, block_facts, placement_findings
from uav_workflow.engine.structure.rig import RigSettings, align_rig, placed_bands
from uav_workflow.engine.ties.free_block import FreeBlock, Progress, Stopwatch, TieSettings, tie_photos
from uav_workflow.errors import EngineError
from uav_workflow.findings import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureSettings:
    """Everything that steers structure from motion; threads change no number."""

    ties: TieSettings = field(default_factory=TieSettings)
    calibration: CalibrationSettings = field(default_factory=CalibrationSettings)
    rig: RigSettings = field(default_factory=RigSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """A reconstruction, how the surveyed points came out, and what has to be said of it."""

    reconstruction: Reconstruction
    points: tuple[PointResidual, ...]
    findings: tuple[Finding, ...]


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
    if len(captures) < 3:
        raise EngineError(f"{len(captures)} captures: photogrammetry needs at least 3 overlapping ones")
    work.mkdir(parents=True, exist_ok=True)
    settings, report, watch = settings or StructureSettings(), progress or (lambda share, text: None), Stopwatch()
    positions = position_priors(captures, [point for point in control if not point.is_check])
    primaries = [capture.primary for capture in captures]
    free = tie_photos(primaries, positions, work, settings=settings.ties, report=report, watch=watch)
    report(0.85, "adjusting the block")
    placed, known = _in_block_order(captures, positions, free.block.names)
    calibration, points = _adjusted(free, placed, known, control, settings.calibration)
    watch.stage("adjustment")
    cameras, shots = _primary_shots(calibration, placed)
    facts = block_facts(calibration, placed, len(captures)) | free.facts() | _ground_facts(calibration, points)
    if any(len(capture.images) > 1 for capture in placed):
        report(0.92, "aligning the bands")
        facts["rig"] = _align_bands(placed, shots, cameras, calibration, settings.rig)
        watch.stage("bands")
    facts["cpu_s"] = watch.seconds
    report(1.0, "cameras are placed")
    reconstruction = Reconstruction(
        crs=positions.crs,
        offset=positions.offset,
        cameras=cameras,
        shots=tuple(shots[name] for name in sorted(shots)),
        points=calibration.points,
        missing=_unplaced([image for capture in captures for image in capture.images], shots),
        facts=facts,
    )
    said = [*free.findings, *calibration.findings, *strength_findings(calibration, known)]
    said += placement_findings(_unplaced(primaries, shots), free.others, len(captures))
    return Structure(reconstruction=reconstruction, points=tuple(points), findings=tuple(said))


def _unplaced(images: Sequence[BandImage], shots: Mapping[str, Shot]) -> tuple[str, ...]:
    return tuple(image.name for image in images if image.name not in shots)


def _ground_facts(calibration: Calibration, points: Sequence[PointResidual]) -> dict[str, Json]:
    return {
        "ground_sigma_m": round(ground_sigma_m(calibration), 4),
        "surveyed_points": [point.to_json() for point in points],
    }


def _adjusted(
    free: FreeBlock,
    placed: Sequence[Capture],
    positions: PositionPriors,
    control: Sequence[GroundControlPoint],
    settings: CalibrationSettings,
) -> tuple[Calibration, list[PointResidual]]:
    """The block on its positions and control points, and every surveyed point against it."""
    marks, checks = (
        marks_in([point for point in control if point.is_check == is_check], free.rows, positions.crs, positions.offset)
        for is_check in (False, True)
    )
    calibration = self_calibrate(free.block, placed, positions, settings, marks)
    return calibration, _point_residuals(calibration, marks, checks)


def _in_block_order(
    captures: Sequence[Capture], positions: PositionPriors, names: Sequence[str]
) -> tuple[list[Capture], PositionPriors]:
    """Captures of the primary images `names`, and their positions."""
    row_of = {capture.primary.name: row for row, capture in enumerate(captures)}
    rows = np.array([row_of[name] for name in names], np.int64)
    return [captures[row] for row in rows], positions.of(rows)


def _align_bands(
    placed: Sequence[Capture],
    shots: dict[str, Shot],
    cameras: dict[str, Camera],
    calibration: Calibration,
    settings: RigSettings,
) -> dict[str, Json]:
    """Add the other bands of a rig to shots and cameras; what was found of each."""
    bands = align_rig(placed, shots, cameras, calibration.points, settings)
    for capture in placed:
        shots.update({shot.image: shot for shot in placed_bands(capture, shots[capture.primary.name], bands)})
    cameras.update({name: band.camera for name, band in bands.items()})
    return {name: band_facts(band) for name, band in bands.items()}


def _point_residuals(calibration: Calibration, marks: ControlMarks, checks: ControlMarks) -> list[PointResidual]:
    """Every surveyed point against the block: control points by their good marks, check points by all of theirs."""
    block, used = calibration.adjustment.block, calibration.control
    idle = marks.subset(np.array([name not in used.names for name in marks.names], bool))
    return [
        *residuals(block, used, used=used.names),
        *residuals(block, idle),
        *residuals(block, checks, checks=True),
    ]


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
