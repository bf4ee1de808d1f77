"""Cameras of a reconstruction against the true ones: placed, focal length, place and tilt of the block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.reconstruction import Camera, Reconstruction, Shot
from uav_workflow.quality.similarity import Similarity, fit_similarity
from uav_workflow.quality.truth import Truth

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A reconstruction beside the truth of its flight."""

    truth: Truth
    made: Reconstruction

    @cached_property
    def shots(self) -> dict[str, Shot]:
        """Image -> pose as adjusted, its centre in the projected CRS itself; images the truth knows."""
        return {shot.image: shot for shot in _absolute(self.made) if shot.image in self.truth.shots}

    @cached_property
    def similarity(self) -> Similarity:
        """From the adjusted camera centres onto the true ones.

        Raises
        ------
        ValueError
            Fewer than three photos were placed.
        """
        return fit_similarity(self._made_centres, self._true_centres)

    @cached_property
    def _made_centres(self) -> FloatArray:
        return np.array([shot.centre for shot in self.shots.values()])

    @cached_property
    def _true_centres(self) -> FloatArray:
        return np.array([self.truth.shots[name].centre for name in self.shots])

    def figures(self) -> dict[str, float]:
        """Shares, percents, pixels and metres of what can be said of the cameras alone."""
        moved = self.similarity.apply(self._made_centres) - self._true_centres
        return {
            "placed": self.placed_share,
            "centres_m": float(np.sqrt((moved**2).sum(axis=1).mean())),
            "scale_percent": 100 * (self.similarity.scale - 1),
            "tilt_percent": self.similarity.tilt_percent,
            **self._interior(),
            **self._block_shift(),
        }

    @property
    def placed_share(self) -> float:
        """Share of the captures that were placed: those of the camera that carries the geometry."""
        wanted = [name for name, shot in self.truth.shots.items() if shot.camera_id == self.truth.reference]
        return sum(name in self.shots for name in wanted) / len(wanted)

    def _interior(self) -> dict[str, float]:
        """Error of focal length (percent) and principal point (pixels); of a rig, its worst band as well."""
        focal: dict[str, float] = {}
        centre: dict[str, float] = {}
        for name, shot in self.shots.items():
            camera_id = self.truth.shots[name].camera_id
            true, made = self.truth.cameras[camera_id], self.made.cameras[shot.camera_id]
            focal[camera_id] = 100 * abs(made.fx / true.fx - 1)
            centre[camera_id] = float(np.hypot(made.cx - true.cx, made.cy - true.cy))
        reference = self.truth.reference
        return {
            "focal_percent": focal.get(reference, np.nan),
            "focal_worst_percent": max(focal.values(), default=np.nan),
            "principal_point_px": centre.get(reference, np.nan),
        }

    def _block_shift(self) -> dict[str, float]:
        """How far the ground under the block lies off, and the mean error of the positions in the tags, metres."""
        x, y = self.truth.surface.centres(8)
        inside = self.truth.in_block(x, y)
        x, y = x[inside], y[inside]
        true = np.array([x.mean(), y.mean(), np.nanmean(self.truth.surface.at(x, y))])
        shift = self.similarity.inverse.apply(true[None])[0] - true
        given = self.truth.tagged_centres()
        wrong = np.mean([given[name] - self.truth.shots[name].centre for name in self.shots], axis=0)
        return {
            "shift_h_m": float(np.hypot(*shift[:2])),
            "shift_v_m": float(shift[2]),
            "tags_h_m": float(np.hypot(*wrong[:2])),
            "tags_v_m": float(wrong[2]),
        }


def _absolute(made: Reconstruction) -> list[Shot]:
    offset = np.array([*made.offset, 0.0])
    return [
        Shot(
            image=shot.image,
            camera_id=shot.camera_id,
            rotation=shot.rotation,
            centre=shot.centre + offset,
            time_utc=shot.time_utc,
        )
        for shot in made.shots
    ]


def centres_of(made: Reconstruction) -> Mapping[str, FloatArray]:
    """Image -> camera centre (easting, northing, height) as adjusted, metres."""
    return {shot.image: shot.centre for shot in _absolute(made)}


def seen_count(points: FloatArray, shots: Mapping[str, Shot], cameras: Mapping[str, Camera]) -> NDArray[np.int64]:
    """How many photos have each point (n, 3) in their frame."""
    count = np.zeros(len(points), np.int64)
    for shot in shots.values():
        camera = cameras[shot.camera_id]
        inside = _in_front(points, shot, camera)
        pixels = camera.project(shot.to_camera(points[inside]))
        inside[inside] = (
            (pixels[:, 0] >= 0) & (pixels[:, 0] < camera.width) & (pixels[:, 1] >= 0) & (pixels[:, 1] < camera.height)
        )
        count += inside
    return count


def _in_front(points: FloatArray, shot: Shot, camera: Camera) -> NDArray[np.bool_]:
    """Points not far outside the frame, where the distortion polynomial may fold back into it."""
    local = shot.to_camera(points)
    reach = 1.3 * np.hypot(camera.width, camera.height) / 2 / camera.fx
    with np.errstate(invalid="ignore"):
        return np.asarray((local[:, 2] > 0) & (np.hypot(local[:, 0], local[:, 1]) < reach * local[:, 2]), bool)
