"""A photogrammetric block: cameras, poses, points and the observations that tie them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
CameraArrays = tuple[FloatArray, FloatArray, FloatArray, IntArray]


@dataclass(slots=True, kw_only=True)
class Block:
    """What bundle adjustment works on.

    Attributes
    ----------
    names : list of str
        Images in the order of `rotations` and `centres`.
    camera_of : (n,) int array
        Row of `intrinsics` of each image.
    intrinsics : (m, 8) float array
        f, cx, cy, k1, k2, k3, p1, p2 of each camera, pixels.
    rotations : (n, 3, 3) float array
        World to camera.
    centres, points : (n, 3), (p, 3) float array
    obs_image, obs_point : (o,) int array
    obs_xy : (o, 2) float array
        Pixels, centre of the first at (0.5, 0.5).
    obs_sigma : (o,) float array
        Standard deviation of each observation, relative to a usual one.
    """

    names: list[str]
    camera_of: IntArray
    intrinsics: FloatArray
    rotations: FloatArray
    centres: FloatArray
    points: FloatArray
    obs_image: IntArray
    obs_point: IntArray
    obs_xy: FloatArray
    obs_sigma: FloatArray

    @property
    def cameras(self) -> CameraArrays:
        """Rotations, centres, intrinsics and the camera of each image, as compiled functions take them."""
        return self.rotations, self.centres, self.intrinsics, self.camera_of

    def transformed(self, scale: float, rotation: FloatArray, shift: FloatArray) -> Block:
        """The block after x -> scale * rotation @ x + shift."""
        return replace(
            self,
            rotations=self.rotations @ rotation.T,
            centres=scale * self.centres @ rotation.T + shift,
            points=scale * self.points @ rotation.T + shift,
        )

    def with_observations(self, keep: NDArray[np.bool_], min_length: int = 2) -> Block:
        """The block with the observations of `keep` only, points seen less than `min_length` times dropped."""
        length = np.bincount(self.obs_point[keep], minlength=len(self.points))
        kept = keep & (length[self.obs_point] >= min_length)
        alive = length >= min_length
        renumber = np.cumsum(alive) - 1
        return replace(
            self,
            points=self.points[alive],
            obs_image=self.obs_image[kept],
            obs_point=renumber[self.obs_point[kept]],
            obs_xy=self.obs_xy[kept],
            obs_sigma=self.obs_sigma[kept],
        )

    def sizes(self) -> FloatArray:
        """(o, 2) size of the photo of each observation, pixels: twice the principal point, which is near enough."""
        return np.asarray(2 * self.intrinsics[self.camera_of[self.obs_image], 1:3])


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlMarks:
    """Surveyed points and where the photos of a block show them.

    Attributes
    ----------
    names : tuple of str
    xyz, sigma : (c, 3) float arrays
        Surveyed coordinates in the block's frame and their standard deviations, metres.
    image, point : (q,) int arrays
        Row of the block's images and of `xyz` of each mark.
    xy : (q, 2) float array
        Pixels, centre of the first at (0.5, 0.5).
    sigma_px : float
        Standard deviation of a mark, pixels.
    """

    names: tuple[str, ...]
    xyz: FloatArray
    sigma: FloatArray
    image: IntArray
    point: IntArray
    xy: FloatArray
    sigma_px: float

    @classmethod
    def none(cls) -> ControlMarks:
        """No points at all."""
        empty, index = np.zeros((0, 3)), np.zeros(0, np.int64)
        return cls(names=(), xyz=empty, sigma=empty, image=index, point=index, xy=np.zeros((0, 2)), sigma_px=1.0)

    def subset(self, points: NDArray[np.bool_], marks: NDArray[np.bool_] | None = None) -> ControlMarks:
        """Only some points (c,), and of these only some marks (q,)."""
        kept = points[self.point] if marks is None else points[self.point] & marks
        renumber = np.cumsum(points) - 1
        return replace(
            self,
            names=tuple(name for name, keep in zip(self.names, points, strict=True) if keep),
            xyz=self.xyz[points],
            sigma=self.sigma[points],
            image=self.image[kept],
            point=renumber[self.point[kept]],
            xy=self.xy[kept],
        )

    def in_block(self, block: Block, points: FloatArray) -> Block:
        """The block's photos with these marks as its only observations, of `points` (c, 3)."""
        return replace(
            block,
            points=points,
            obs_image=self.image,
            obs_point=self.point,
            obs_xy=self.xy,
            obs_sigma=np.ones(len(self.xy)),
        )
