"""Structure from motion: from captures to a reconstruction in UTM."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from uav_workflow.domain.flight import BandImage, Capture
from uav_workflow.domain.product import Json
from uav_workflow.domain.reconstruction import Camera, Reconstruction, Shot
from uav_workflow.engine.block import Block
from uav_workflow.engine.features import FeatureSettings, extract_features
from uav_workflow.engine.mapping import map_incrementally
from uav_workflow.engine.matching import MatchSettings, choose_pairs, match_pairs
from uav_workflow.engine.priors import PositionPriors, camera_name, focal_prior, position_priors
from uav_workflow.engine.rig import RigSettings, align_rig, placed_bands
from uav_workflow.engine.rig_prior import RigBand
from uav_workflow.engine.self_calibration import Calibration, CalibrationSettings, self_calibrate
from uav_workflow.errors import EngineError

FloatArray = NDArray[np.float64]
Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureSettings:
    """Everything that steers structure from motion; threads change no number."""

    features: FeatureSettings = field(default_factory=FeatureSettings)
    matching: MatchSettings = field(default_factory=MatchSettings)
    calibration: CalibrationSettings = field(default_factory=CalibrationSettings)
    rig: RigSettings = field(default_factory=RigSettings)
    threads: int = 2


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
    settings: StructureSettings | None = None,
    progress: Progress | None = None,
) -> Reconstruction:
    """Poses and cameras of a flight.

    Geometry is taken from the primary band of every capture; the other bands of a rig follow by one relative
    pose and camera each (see `rig`).

    Parameters
    ----------
    captures : sequence of Capture
        Survey captures, panels left out. Poses refer to the stored pixels, whatever EXIF's orientation says.
    work : Path
        Scratch folder; made when missing.
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
    positions = position_priors(captures)
    free = _free_block(images, positions, work, settings=settings, report=report, watch=watch)
    row_of = {image.name: row for row, image in enumerate(images)}
    rows = np.array([row_of[name] for name in free.block.names])
    report(0.8, "adjusting the block")
    placed = [captures[row] for row in rows]
    calibration = self_calibrate(free.block, placed, positions.of(rows), settings.calibration)
    watch.stage("adjustment")
    cameras, shots = _primary_shots(calibration, placed)
    facts = _facts(calibration, placed, captures, free)
    if any(len(capture.images) > 1 for capture in placed):
        report(0.9, "aligning the bands")
        bands = align_rig(placed, shots, cameras, calibration.points, settings.rig)
        for capture in placed:
            shots.update({shot.image: shot for shot in placed_bands(capture, shots[capture.primary.name], bands)})
        cameras.update({name: band.camera for name, band in bands.items()})
        facts["rig"] = {name: _band_facts(band) for name, band in bands.items()}
        watch.stage("bands")
    facts["cpu_s"] = watch.seconds
    report(1.0, "cameras are placed")
    return Reconstruction(
        crs=positions.crs,
        offset=positions.offset,
        cameras=cameras,
        shots=tuple(shots[name] for name in sorted(shots)),
        points=calibration.points,
        missing=tuple(image.name for capture in captures for image in capture.images if image.name not in shots),
        facts=facts,
    )


@dataclass(slots=True, kw_only=True)
class _FreeBlock:
    """What matching alone gives: a block of no place and size, and how it held together."""

    block: Block
    pairs: int
    inliers: list[int]
    others: list[int]


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
    pairs = choose_pairs(positions.xyz[:, :2], positions.known, settings.matching)
    inliers = match_pairs(
        database,
        [keys[image.name] for image in images],
        pairs,
        settings.matching,
        progress=lambda share: report(0.45 + 0.2 * share, "matching photos"),
    )
    watch.stage("matching")
    block, others = map_incrementally(
        database, work, threads=settings.threads, progress=lambda share: report(0.65 + 0.15 * share, "placing photos")
    )
    watch.stage("mapping")
    named = replace(block, names=[names[key] for key in block.names])
    return _FreeBlock(block=named, pairs=len(pairs), inliers=inliers, others=others)


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


def _band_facts(band: RigBand) -> dict[str, Json]:
    """JSON has no NaN: what was not estimated is null."""
    angles = Rotation.from_matrix(band.rotation).as_rotvec(degrees=True)
    return {
        "matches": band.matches,
        "residual_px": round(band.residual_px, 3) if band.matches else None,
        "precision_px": round(band.precision_px, 3) if np.isfinite(band.precision_px) else None,
        "from_tags_only": band.matches == 0,
        "focal_px": round(band.camera.fx, 2),
        "rotation_deg": [round(float(angle), 4) for angle in angles],
    }


def _facts(
    calibration: Calibration,
    placed: Sequence[Capture],
    captures: Sequence[Capture],
    free: _FreeBlock,
) -> dict[str, Json]:
    adjustment = calibration.adjustment
    block = adjustment.block
    camera_images = {int(block.camera_of[i]): capture.primary for i, capture in reversed(list(enumerate(placed)))}
    cameras: dict[str, Json] = {}
    for row, image in sorted(camera_images.items()):
        cameras[camera_name(image)] = {
            "focal_px": round(float(block.intrinsics[row, 0]), 2),
            "focal_sigma_px": round(float(adjustment.intrinsics_sigma[row, 0]), 2),
            "focal_prior_px": round(float(calibration.prior_focal[row]), 2),
            "focal_prior_source": focal_prior(image)[1],
            "focal_guard_used": calibration.guard_used[row],
        }
    error = np.linalg.norm(adjustment.residuals, axis=1)
    return {
        "registered": len(placed),
        "total": len(captures),
        "other_blocks": list[Json](free.others),
        "pairs": free.pairs,
        "pairs_verified": len(free.inliers),
        "inliers_per_pair": round(float(np.mean(free.inliers)), 1) if free.inliers else 0.0,
        "reprojection_px": round(float(error.mean()), 4),
        "reprojection_rms_px": round(adjustment.rms_px, 4),
        "error_inflation": round(calibration.error_inflation, 2),
        "tracks": len(calibration.points),
        "tracks_adjusted": calibration.tracks_used,
        "cameras": cameras,
        "focal_guard_used": any(calibration.guard_used),
        "adjustment_iterations": adjustment.iterations,
        "adjustment_converged": adjustment.converged,
    }
