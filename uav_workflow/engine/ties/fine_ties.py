"""Tie points measured again: every photo's observation against the one nearest its middle, by least-squares matching.

Key points are found in each photo by itself, to a third of a pixel; flat ground seen straight down turns such errors
into bent blocks. Compared picture with picture, over a window, observations agree to less than a tenth.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from uav_workflow.compiled import compiled
from uav_workflow.engine.adjustment.block import Block
from uav_workflow.engine.scratch import Scratch
from uav_workflow.engine.ties.least_squares_matching import least_squares_match, window
from uav_workflow.engine.ties.tie_patches import Grey, TiePatches

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class FineTieSettings:
    """How observations are measured again.

    Attributes
    ----------
    reach : int
        Cells (pixels on the ground) from the middle of the compared window to its border.
    min_correlation : float
        Observations that look less alike are left out.
    """

    reach: int = 10
    min_correlation: float = 0.7
    threads: int = 2


def measured_again(
    block: Block,
    photo: Callable[[str], Grey],
    settings: FineTieSettings,
    scratch: Scratch,
    *,
    progress: Callable[[float], None],
) -> Block:
    """The block with its observations refined; those that could not be are left out, and points seen once only.

    Parameters
    ----------
    block : Block
        Placed well enough that its points project within a pixel or two.
    photo : callable
        8-bit grey picture of an image of the block, as stored.
    """
    block = _by_track(block)
    patches = TiePatches.cut(block, photo, scratch, progress=lambda share: progress(0.5 * share))
    reference = _references(block, patches.whole)
    found = np.full((len(block.obs_point), 3), np.nan)
    start = np.searchsorted(block.obs_point, np.arange(len(block.points) + 1))
    parts = np.array_split(np.arange(len(block.points)), max(1, len(block.points) // TRACKS_A_PART))

    def match(part: IntArray) -> None:
        first, last = int(part[0]), int(part[-1]) + 1
        _match_tracks(
            start[first : last + 1], reference[first:last], patches.grey, patches.whole, window(settings.reach), found
        )

    with ThreadPoolExecutor(settings.threads) as pool:
        for done, _ in enumerate(pool.map(match, parts), 1):
            progress(0.5 + 0.5 * done / len(parts))
    moved = block.obs_xy + np.einsum("oij,oj->oi", patches.pixel_of_cell, np.nan_to_num(found[:, :2]))
    refined = replace(block, obs_xy=moved, obs_sigma=np.ones(len(moved)))
    alike = np.nan_to_num(found[:, 2])
    return refined.with_observations((alike >= settings.min_correlation) & _best_of_photo(block, alike))


TRACKS_A_PART = 500


def _by_track(block: Block) -> Block:
    order = np.argsort(block.obs_point, kind="stable")
    return replace(
        block,
        obs_image=block.obs_image[order],
        obs_point=block.obs_point[order],
        obs_xy=block.obs_xy[order],
        obs_sigma=block.obs_sigma[order],
    )


def _best_of_photo(block: Block, alike: FloatArray) -> NDArray[np.bool_]:
    """True for one observation of a point in a photo: of two, one at least is wrong, and alone they make no point."""
    order = np.lexsort((-alike, block.obs_image, block.obs_point))
    point, image = block.obs_point[order], block.obs_image[order]
    best = np.ones(len(order), bool)
    best[order[1:]] = (np.diff(point) != 0) | (np.diff(image) != 0)
    return best


def _references(block: Block, whole: NDArray[np.bool_]) -> IntArray:
    """Observation of each point that lies nearest the middle of its photo, where the view is steepest; -1 for none."""
    apart = np.linalg.norm(block.obs_xy - block.sizes() / 2, axis=1)
    order = np.lexsort((np.where(whole, apart, np.inf), block.obs_point))
    first = order[np.searchsorted(block.obs_point[order], np.arange(len(block.points)))]
    return np.asarray(np.where(whole[first], first, -1), np.int64)


@compiled
def _match_tracks(  # noqa: PLR0917 - compiled functions take no keywords only
    start: IntArray,
    reference: IntArray,
    grey: Grey,
    whole: NDArray[np.bool_],
    weights: FloatArray,
    found: FloatArray,
) -> None:
    """Shifts and correlations of the observations of some tracks; a reference is where it is, and like itself."""
    shift = np.zeros(3)
    for p in range(len(reference)):
        r = reference[p]
        if r < 0:
            continue
        for o in range(start[p], start[p + 1]):
            if o == r:
                found[o, 0], found[o, 1], found[o, 2] = 0.0, 0.0, 1.0
            elif whole[o] and least_squares_match(grey[r], grey[o], weights, shift):
                found[o] = shift
