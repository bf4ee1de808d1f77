"""The pictures around tie points, laid onto the plane of the ground: the same place at the same size in every photo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_workflow.compiled import compiled
from uav_workflow.engine.adjustment.block import Block, CameraArrays
from uav_workflow.engine.adjustment.collinearity import linearised
from uav_workflow.engine.scratch import Scratch, release

FloatArray = NDArray[np.float64]
Grey = NDArray[np.uint8]

REACH = 14
"""Cells from the middle of a patch to its border."""
SMOOTHING_PX = 0.7
"""Interpolating between the pixels of a sharp photo pulls shifts towards whole pixels; this much blur stops it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TiePatches:
    """One patch an observation of a block; a cell is as large as the photos' pixels are there on the ground.

    Attributes
    ----------
    grey : (o, 2 * REACH + 1, 2 * REACH + 1) uint8 array
        The observation lies in the centre of the middle cell.
    whole : (o,) bool array
        False where the photo ends inside the patch; its values mean nothing then.
    pixel_of_cell : (o, 2, 2) float array
        Photo pixels, (x, y), of a step by a cell along a patch's (column, row).
    """

    grey: Grey
    whole: NDArray[np.bool_]
    pixel_of_cell: FloatArray

    @classmethod
    def cut(
        cls, block: Block, photo: Callable[[str], Grey], scratch: Scratch, *, progress: Callable[[float], None]
    ) -> TiePatches:
        """Patches of every observation; one photo at a time is in memory, the patches lie in `scratch`.

        Parameters
        ----------
        photo : callable
            8-bit grey picture of an image of the block, as stored.
        """
        side = 2 * REACH + 1
        cells = _pixel_of_cell(block)
        grey = scratch.empty((len(block.obs_image), side, side), np.uint8)
        whole = np.zeros(len(block.obs_image), bool)
        for image in np.unique(block.obs_image):
            mine, name = np.flatnonzero(block.obs_image == image), block.names[image]
            smooth = np.asarray(cv2.GaussianBlur(photo(name).astype(np.float32), (0, 0), SMOOTHING_PX), np.float32)
            _sample(smooth, block.obs_xy[mine] - 0.5, cells[mine], mine, grey, whole)
            release(grey)
            progress((image + 1) / len(block.names))
        return cls(grey=grey, whole=whole, pixel_of_cell=cells)


def _pixel_of_cell(block: Block) -> FloatArray:
    """(o, 2, 2) derivatives of the pixel by the cells of a patch in the plane that fits the block's points best."""
    middle = np.median(block.points, axis=0)
    _, _, directions = np.linalg.svd(block.points - middle, full_matrices=False)
    offset = block.points[block.obs_point] - block.centres[block.obs_image]
    depth = np.einsum("oi,oi->o", block.rotations[block.obs_image, 2], offset)
    pixel = depth / block.intrinsics[block.camera_of[block.obs_image], 0]
    cell = np.bincount(block.obs_point, pixel) / np.bincount(block.obs_point)
    result = np.empty((len(depth), 2, 2))
    _derivatives(block.cameras, block.points, block.obs_image, block.obs_point, directions[:2], cell, result)
    return result


@compiled
def _derivatives(  # noqa: PLR0917 - compiled functions take no keywords only
    cameras: CameraArrays,
    points: FloatArray,
    obs_image: NDArray[np.int64],
    obs_point: NDArray[np.int64],
    plane: FloatArray,
    cell: FloatArray,
    result: FloatArray,
) -> None:
    rotations, centres, lenses, camera_of = cameras
    by_pose, by_lens, by_point = np.zeros((2, 6)), np.zeros((2, 8)), np.zeros((2, 3))
    for o in range(len(obs_image)):
        i, p = obs_image[o], obs_point[o]
        linearised(rotations[i], centres[i], lenses[camera_of[i]], points[p], by_pose, by_lens, by_point)
        for axis in range(2):
            for along in range(2):
                slope = 0.0
                for k in range(3):
                    slope += by_point[axis, k] * plane[along, k]
                result[o, axis, along] = cell[p] * slope


@compiled
def _cubic(t: float) -> tuple[float, float, float, float]:
    """Weights of four neighbours, the second at 0 and the third at 1 (Keys, 1981)."""
    return (
        ((-0.5 * t + 1.0) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1.0,
        ((-1.5 * t + 2.0) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    )


@compiled
def _sample(  # noqa: PLR0917 - compiled functions take no keywords only
    photo: NDArray[np.float32],
    middle: FloatArray,
    cells: FloatArray,
    rows: NDArray[np.int64],
    grey: Grey,
    whole: NDArray[np.bool_],
) -> None:
    """Fill the patches `rows` from a photo, cubic; `middle` counts from the centre of the first pixel."""
    height, width = photo.shape
    reach = (grey.shape[1] - 1) // 2
    for n in range(len(rows)):
        step = cells[n]
        wide = reach * (abs(step[0, 0]) + abs(step[0, 1]))
        high = reach * (abs(step[1, 0]) + abs(step[1, 1]))
        x0, y0 = middle[n]
        if x0 - wide < 1 or y0 - high < 1 or x0 + wide >= width - 2 or y0 + high >= height - 2:
            continue
        whole[rows[n]] = True
        for a in range(-reach, reach + 1):
            for b in range(-reach, reach + 1):
                x = x0 + step[0, 0] * b + step[0, 1] * a
                y = y0 + step[1, 0] * b + step[1, 1] * a
                j, i = int(x), int(y)
                across, down = _cubic(x - j), _cubic(y - i)
                value = 0.0
                for k in range(4):
                    line = photo[i - 1 + k]
                    value += down[k] * (
                        across[0] * line[j - 1]
                        + across[1] * line[j]
                        + across[2] * line[j + 1]
                        + across[3] * line[j + 2]
                    )
                grey[rows[n], reach + a, reach + b] = min(255.0, max(0.0, value + 0.5))
