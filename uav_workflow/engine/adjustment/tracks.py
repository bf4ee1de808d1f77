"""Observations in the order in which the normal equations take them.

Photos see only their neighbours: numbered well (Cuthill & McKee, 1969), those that share points stand close together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import reverse_cuthill_mckee

from uav_workflow.engine.adjustment.block import Block, ControlMarks

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
TrackArrays = tuple[IntArray, IntArray, FloatArray, FloatArray, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracks:
    """Observations of a block in the order of their points; surveyed points with their marks come last.

    Attributes
    ----------
    start : (p + 1,) int array
        First observation of each point.
    image : (o,) int array
    xy : (o, 2) float array
    trust : (o,) float array
        Residuals are multiplied by it: the inverse of their relative standard deviation.
    place : (n,) int array
        Place of each image in the band.
    width : int
        Images of the band beside the diagonal.
    surveyed : int
        Index of the first surveyed point.
    """

    start: IntArray
    image: IntArray
    xy: FloatArray
    trust: FloatArray
    place: IntArray
    width: int
    surveyed: int

    @property
    def arrays(self) -> TrackArrays:
        """As the compiled functions take them."""
        return self.start, self.image, self.xy, self.trust, self.surveyed

    @classmethod
    def of(cls, block: Block, control: ControlMarks) -> Tracks:
        """Tracks of a block and of the marks in it."""
        point = np.concatenate([block.obs_point, len(block.points) + control.point])
        image = np.concatenate([block.obs_image, control.image])
        order = np.argsort(point, kind="stable")
        count = len(block.points) + len(control.xyz)
        place, width = _band_order(point, image, len(block.names), count)
        return cls(
            start=np.searchsorted(point[order], np.arange(count + 1)).astype(np.int64),
            image=np.ascontiguousarray(image[order]),
            xy=np.ascontiguousarray(np.concatenate([block.obs_xy, control.xy])[order]),
            trust=np.ascontiguousarray(np.concatenate([1 / block.obs_sigma, np.ones(len(control.xy))])[order]),
            place=place,
            width=width,
            surveyed=len(block.points),
        )


def _band_order(point: IntArray, image: IntArray, images: int, points: int) -> tuple[IntArray, int]:
    sees = sparse.csr_matrix((np.ones(len(point), np.int32), (image, point)), (images, points))
    shared = (sees @ sees.T).tocsr()
    place = np.empty(images, np.int64)
    place[reverse_cuthill_mckee(shared, symmetric_mode=True)] = np.arange(images)
    rows, columns = shared.nonzero()
    return place, int(np.abs(place[rows] - place[columns]).max(initial=0))
