"""A multispectral rig: one camera and one relative pose for every band beside the primary one, once a flight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from uav_workflow.domain.flight import Capture
from uav_workflow.domain.reconstruction import Camera, Shot
from uav_workflow.engine.adjustment.collinearity import undistort
from uav_workflow.engine.inputs.priors import camera_name
from uav_workflow.engine.inputs.rig_prior import RigBand, band_image, prior_from_tags
from uav_workflow.engine.structure.patches import PatchMatches, fine_detail, gradient_strength, match_patches
from uav_workflow.engine.ties.features import read_gray

FloatArray = NDArray[np.float64]

COARSE = 4
"""The first look at the images is at a quarter of their size."""
MIN_MATCHES = 30
"""Fewer patches than this and the tags are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RigSettings:
    """Effort and trust of the band alignment.

    Attributes
    ----------
    captures : int
        Captures looked at, spread over the flight.
    patches : int
        About as many patches of each are matched.
    rotation_sigma_deg, focal_sigma, principal_sigma, distortion_sigma : float
        How far the tags may be off: degrees, share of the focal length, share of the longer side, coefficient.
    """

    captures: int = 6
    patches: int = 400
    rotation_sigma_deg: float = 1.0
    focal_sigma: float = 0.02
    principal_sigma: float = 0.01
    distortion_sigma: float = 0.1
    min_correlation: float = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    scale: int
    patch: int
    search: int
    free: int


_STAGES = (
    _Stage(scale=COARSE, patch=64, search=20, free=3),
    _Stage(scale=1, patch=64, search=8, free=9),
    _Stage(scale=1, patch=48, search=3, free=11),
)
"""Parameters freed stage by stage: rotation; focal length, principal point, k1, k2, k3; p1, p2."""


@dataclass(slots=True, kw_only=True)
class _Matches:
    """Pixels of the primary band with those of the other band that show the same ground, over all captures."""

    primary: FloatArray
    other: FloatArray
    depth: FloatArray
    capture: NDArray[np.int64]


def align_band(
    captures: Sequence[Capture], band: str, primary: Camera, depths: Sequence[float], settings: RigSettings
) -> RigBand:
    """Camera and relative pose of one band.

    Where the tags predict a patch of the primary band to lie in the other, brightness or gradient strength (blind to
    contrast that turns around between green and near infrared) is correlated at sub-pixel steps; rotation, focal
    length, principal point and distortion are fitted to the patches of several captures together, robustly.

    Parameters
    ----------
    captures : sequence of Capture
        Placed captures that have the band; all of one body.
    band : str
        Name of the band.
    primary : Camera
        The adjusted camera of the primary band.
    depths : sequence of float
        Distance of the ground from each capture along the view axis, metres.
    """
    chosen = np.unique(np.linspace(0, len(captures) - 1, min(settings.captures, len(captures))).round().astype(int))
    pairs = [(captures[i].primary, band_image(captures[i], band)) for i in chosen]
    ground = np.array([depths[i] for i in chosen], float)
    start = prior_from_tags(*pairs[0], primary)
    images = [(read_gray(one.path), read_gray(other.path)) for one, other in pairs]
    sigma = _sigma(start, settings)
    values = np.zeros(3)
    matches: _Matches | None = None
    for stage in _STAGES:
        current = _unpack(values * sigma[: len(values)], start)
        found = _match(images=images, primary=primary, current=current, depths=ground, stage=stage, settings=settings)
        if len(found.primary) >= (MIN_MATCHES if stage.scale == 1 else 6):
            values, matches = _fit(found, primary, start, _padded(values, stage.free), sigma[: stage.free]), found
        elif stage.scale == 1:
            return start
    if matches is None:
        return start
    return _with_quality(matches, primary, start, values, sigma)


def _padded(values: FloatArray, count: int) -> FloatArray:
    """Start the newly freed parameters at their tags."""
    return np.concatenate([values, np.zeros(max(0, count - len(values)))])


def _sigma(start: RigBand, settings: RigSettings) -> FloatArray:
    """Standard deviations of the tags: rotation, f, cx, cy, k1, k2, k3, p1, p2."""
    side = max(start.camera.width, start.camera.height)
    return np.array(
        [np.radians(settings.rotation_sigma_deg)] * 3
        + [settings.focal_sigma * start.camera.fx]
        + [settings.principal_sigma * side] * 2
        + [settings.distortion_sigma] * 3
        + [settings.distortion_sigma / 10] * 2
    )


def _match(
    *,
    images: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]],
    primary: Camera,
    current: RigBand,
    depths: FloatArray,
    stage: _Stage,
    settings: RigSettings,
) -> _Matches:
    width, height = primary.width // stage.scale, primary.height // stage.scale
    rows, cols = np.mgrid[0:height, 0:width]
    pixels = (np.stack([cols.ravel(), rows.ravel()], axis=1) + 0.5) * stage.scale
    lookup = current.pixels(undistort(primary, pixels), float(np.median(depths))).astype(np.float32)
    lookup = lookup.reshape(height, width, 2)
    primary_xy, other_xy, capture = [], [], []
    one: NDArray[np.uint8]
    other: NDArray[np.uint8]
    for i, (one, other) in enumerate(images):
        reduced = cv2.resize(one, (width, height), interpolation=cv2.INTER_AREA) if stage.scale > 1 else one
        smooth = cv2.blur(other, (stage.scale, stage.scale)) if stage.scale > 1 else other
        # OpenCV puts the centre of the first pixel at 0, a box of even width shifts by half a pixel more
        shift = 0.5 if stage.scale % 2 else 0.0
        warped = cv2.remap(
            smooth, lookup[:, :, 0] - shift, lookup[:, :, 1] - shift, cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT
        )
        found = _best_match(np.asarray(reduced, np.uint8), np.asarray(warped, np.uint8), stage, settings)
        primary_xy.append(found.centres * stage.scale)
        other_xy.append((found.centres + found.shifts) * stage.scale)
        capture.append(np.full(len(found.centres), i))
    moved = np.concatenate(other_xy).reshape(-1, 2)
    index = np.concatenate(capture).astype(np.int64)
    return _Matches(
        primary=np.concatenate(primary_xy).reshape(-1, 2),
        other=current.pixels(undistort(primary, moved), float(np.median(depths))),
        depth=depths[index],
        capture=index,
    )


def _best_match(
    first: NDArray[np.uint8], second: NDArray[np.uint8], stage: _Stage, settings: RigSettings
) -> PatchMatches:
    """Patches matched on brightness or on gradient strength, whichever more of them agree on."""
    step = max(16, int(np.sqrt(first.size / settings.patches)))
    candidates = [
        match_patches(
            feature(first),
            feature(second),
            patch=stage.patch,
            search=stage.search,
            step=step,
            min_correlation=settings.min_correlation,
        )
        for feature in (fine_detail, gradient_strength)
    ]
    return max(candidates, key=_agreeing)


def _agreeing(found: PatchMatches) -> int:
    """Patches whose shift is within 2 pixels of what a smooth (affine) field through all of them says."""
    if len(found.centres) < 6:
        return 0
    design = np.column_stack([found.centres, np.ones(len(found.centres))])
    weight = np.ones(len(design))
    off = np.zeros(len(design))
    for _ in range(10):
        root = np.sqrt(weight)[:, None]
        field, *_ = np.linalg.lstsq(design * root, found.shifts * root, rcond=None)
        off = np.linalg.norm(design @ field - found.shifts, axis=1)
        weight = 1 / (1 + off**2)
    return int((off < 2).sum())


def _unpack(values: FloatArray, start: RigBand) -> RigBand:
    """The rig band of a parameter vector: rotation vector, f, cx, cy (pixels), k1, k2, k3, p1, p2, as changes."""
    turn = np.asarray(Rotation.from_rotvec(values[:3]).as_matrix())
    camera = start.camera
    change = np.zeros(8)
    change[: len(values) - 3] = values[3:]
    f, cx, cy, k1, k2, k3, p1, p2 = (float(value) for value in change)
    return replace(
        start,
        rotation=turn @ start.rotation,
        camera=replace(
            camera,
            fx=camera.fx + f,
            fy=camera.fy + f,
            cx=camera.cx + cx,
            cy=camera.cy + cy,
            k1=camera.k1 + k1,
            k2=camera.k2 + k2,
            k3=camera.k3 + k3,
            p1=camera.p1 + p1,
            p2=camera.p2 + p2,
        ),
    )


def _fit(found: _Matches, primary: Camera, start: RigBand, first: FloatArray, sigma: FloatArray) -> FloatArray:
    """Parameters, in units of `sigma`, that bring the model onto the matches (Cauchy loss)."""
    rays = undistort(primary, found.primary)
    weight = np.sqrt(0.5 * MIN_MATCHES / len(rays))

    def residuals(values: FloatArray) -> FloatArray:
        off = _unpack(values * sigma, start).pixels(rays, found.depth) - found.other
        return np.concatenate([np.nan_to_num(off, nan=1e3).ravel(), weight * values])

    scale = 2.0 if len(first) == 3 else 0.3
    solution = least_squares(residuals, first, loss="cauchy", f_scale=scale, max_nfev=30, xtol=1e-6, ftol=1e-6)
    return np.asarray(solution.x)


def _with_quality(found: _Matches, primary: Camera, start: RigBand, values: FloatArray, sigma: FloatArray) -> RigBand:
    current = _unpack(values * sigma, start)
    rays = undistort(primary, found.primary)
    off = np.linalg.norm(current.pixels(rays, found.depth) - found.other, axis=1)
    good = off < 4 * max(float(np.median(off)), 0.05)
    halves = []
    for parity in (0, 1):
        half = found.capture % 2 == parity
        if half.sum() < MIN_MATCHES:
            break
        part = _Matches(
            primary=found.primary[half], other=found.other[half], depth=found.depth[half], capture=found.capture[half]
        )
        halves.append(_unpack(_fit(part, primary, start, values, sigma) * sigma, start))
    precision = float("nan")
    if len(halves) == 2:
        apart = halves[0].pixels(rays, found.depth) - halves[1].pixels(rays, found.depth)
        precision = float(np.sqrt((apart**2).sum(axis=1).mean()) / 2)
    return replace(
        current,
        matches=int(good.sum()),
        residual_px=float(np.sqrt((off[good] ** 2).mean())),
        precision_px=precision,
    )


def placed_bands(capture: Capture, shot: Shot, bands: Mapping[str, RigBand]) -> list[Shot]:
    """Shots of the other bands of a capture, from the pose of its primary one."""
    shots = []
    for image in capture.images:
        band = bands.get(camera_name(image))
        if band is None or image.name == shot.image:
            continue
        shots.append(
            Shot(
                image=image.name,
                camera_id=band.camera.camera_id,
                rotation=band.rotation @ shot.rotation,
                centre=shot.centre + shot.rotation.T @ band.lever,
                time_utc=image.time_utc,
            )
        )
    return shots


def align_rig(
    captures: Sequence[Capture],
    shots: Mapping[str, Shot],
    cameras: Mapping[str, Camera],
    points: FloatArray,
    settings: RigSettings,
) -> dict[str, RigBand]:
    """Every band beside the primary one, by camera id.

    Parameters
    ----------
    captures : sequence of Capture
        Placed captures.
    shots : mapping
        Shot of each primary image.
    cameras : mapping
        Adjusted primary cameras by id.
    points : (n, 3) float array
        Sparse points, for the distance of the ground.
    """
    members: dict[str, list[Capture]] = {}
    for capture in captures:
        for image in capture.images:
            if image.name != capture.primary.name:
                members.setdefault(camera_name(image), []).append(capture)
    bands: dict[str, RigBand] = {}
    for name, owners in sorted(members.items()):
        primary_id = shots[owners[0].primary.name].camera_id
        same = [owner for owner in owners if shots[owner.primary.name].camera_id == primary_id]
        band = next(image.band.name for image in same[0].images if camera_name(image) == name)
        depths = [_ground_distance(shots[owner.primary.name], cameras[primary_id], points) for owner in same]
        found = align_band(same, band, cameras[primary_id], depths, settings)
        bands[name] = replace(found, camera=replace(found.camera, camera_id=name))
    return bands


def _ground_distance(shot: Shot, camera: Camera, points: FloatArray) -> float:
    """Median distance along the view axis of the sparse points a photo sees; of all points when it sees none."""
    seen = shot.to_camera(points)
    pixels = camera.project(seen)
    inside = (seen[:, 2] > 0) & ((pixels > 0) & (pixels < (camera.width, camera.height))).all(axis=1)
    return float(np.median(seen[inside, 2] if inside.any() else seen[:, 2]))
