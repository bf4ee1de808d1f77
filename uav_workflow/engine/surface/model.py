"""The surface model: from placed photos to a height grid."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Grid
from uav_workflow.domain.reconstruction import Reconstruction
from uav_workflow.engine.inputs.photo_cache import LeastRecent, read_grey
from uav_workflow.engine.scratch import Scratch, Strip, release, strips
from uav_workflow.engine.surface.bridging import bridged
from uav_workflow.engine.surface.dense import MatchSettings, match_pair
from uav_workflow.engine.surface.fusion import Fused, HeightSpool, drop_doubtful_tops, drop_speckles
from uav_workflow.engine.surface.guide import (
    Guide,
    grid_over,
    guide_from_points,
    guide_from_surface,
    refined_cells,
    resampled,
    resampled_rows,
    seen_twice,
)
from uav_workflow.engine.surface.heightmap import HeightMap
from uav_workflow.engine.surface.pairs import StereoPair, choose_pairs
from uav_workflow.engine.surface.views import Float32, View, ground_sample_distance, views_of
from uav_workflow.errors import EngineError

Progress = Callable[[float], None]
Bool = NDArray[np.bool_]
_AROUND, _DENSE = 8, 0.5
"""Cells around a hole, and the share of them that must be measured for it to stay a hole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceSettings:
    """What changes a surface.

    Attributes
    ----------
    full_resolution : bool
        Match photos as they are; at half size it is a quarter of the work, and twice the noise.
    wanted_estimates : float
        Pairs that should see a cell, weighed by their geometry.
    max_pairs_per_photo : float
        Bound of the number of pairs.
    fewest_estimates : int
        Cells on which fewer pairs agree stay holes.
    threads : int
        Threads of the matcher.
    cache_mib : int
        Memory for decoded photos.
    """

    full_resolution: bool = True
    wanted_estimates: float = 7.0
    max_pairs_per_photo: float = 3.0
    fewest_estimates: int = 1
    threads: int = 2
    cache_mib: int = 256


OF_BANDS = SurfaceSettings(wanted_estimates=14.0, max_pairs_per_photo=6.0)
"""For one band of a rig: noisier than a colour photo and of fewer pixels, so that twice the pairs cost no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """A surface model on its grid; arrays (rows, columns).

    Attributes
    ----------
    dsm : float32
        Heights, metres; NaN where nothing was measured.
    filled : float32
        The same with holes bridged inside the measured area; NaN outside.
    views : uint8
        Stereo estimates that agree on the cell.
    spread : float32
        Standard deviation of these, metres; NaN in holes.
    facts : mapping
        gsd_m, pairs, measured_share.
    scratch : Scratch
        Where the large arrays lie, and those made from them. They are plain arrays whose values lie in files: whoever
        walks through them calls `uav_workflow.engine.scratch.release` after each part, or they fill the memory.
    """

    grid: Grid
    offset: tuple[float, float]
    dsm: Float32
    filled: Float32
    views: NDArray[np.uint8]
    spread: Float32
    facts: Mapping[str, float]
    scratch: Scratch = field(default_factory=Scratch)

    @property
    def relief(self) -> HeightMap:
        """The filled heights in the reconstruction's frame."""
        return HeightMap.on(self.grid, self.offset, self.filled)

    def measured_cells(self) -> int:
        """How many cells have a height in `dsm`."""
        count = 0
        for strip in strips(self.dsm.shape):
            count += int(np.count_nonzero(np.isfinite(self.dsm[strip.rows])))
            release(self.dsm)
        return count


def build_surface(
    reconstruction: Reconstruction,
    images: Mapping[str, Path],
    *,
    cell_m: float | None = None,
    settings: SurfaceSettings | None = None,
    scratch: Scratch | None = None,
    progress: Progress | None = None,
) -> Surface:
    """Surface model by dense matching of pairs and fusion, coarse first, then fine around the coarse surface.

    Parameters
    ----------
    images : mapping
        File name to path; photos not named here are not used (of a rig: one band's).
    cell_m : float, optional
        Cell, metres; two ground sample distances when absent.
    scratch : Scratch, optional
        Where large arrays lie; the system's folder for temporary files when absent.
    progress : callable, optional
        Called with the share done, 0 - 1.

    Raises
    ------
    EngineError
        Fewer than two photos, no tie points, or no pair that overlaps.
    """
    settings, scratch = settings or SurfaceSettings(), scratch or Scratch()
    views = views_of(reconstruction, images)
    if len(views) < 2:
        raise EngineError(f"a surface needs two placed photos, there are {len(views)}")
    gsd = ground_sample_distance(reconstruction, views)
    matcher = _Matcher(views, images, settings, scratch, progress or (lambda share: None))
    guide = guide_from_points(np.ascontiguousarray(reconstruction.points, float), views, gsd)
    # the outline follows the broad shape of the land: a crown at its edge would tear it
    land = refined_cells(guide.relief, 16 * gsd)
    wanted = seen_twice(land, views)
    coarser: list[HeightMap] = []
    for factor in matcher.factors[:-1]:
        guide, measured = _refined(matcher, guide, reconstruction, 2 * factor * gsd, factor)
        coarser.append(measured)
    grid = grid_over(land, wanted, cell_m or 2 * gsd, reconstruction.crs, reconstruction.offset)
    frame = HeightMap.on(grid, reconstruction.offset, np.broadcast_to(np.float32(0), grid.shape))
    fused = matcher.fused(guide, frame, matcher.factors[-1], noise=gsd * matcher.factors[-1])
    _take_coarser(fused, coarser, frame)
    drop_doubtful_tops(fused, frame.cell)
    outside, share = _cut(fused, replace(land, heights=wanted.astype(np.float32)), frame, scratch)
    return Surface(
        grid=grid,
        offset=reconstruction.offset,
        dsm=fused.heights,
        filled=bridged(fused, outside, frame.cell, scratch),
        views=fused.views,
        spread=fused.spread,
        facts={"gsd_m": gsd, "pairs": matcher.pair_count, "measured_share": share},
        scratch=scratch,
    )


class _Matcher:
    """The photos of one surface and how they are matched."""

    def __init__(
        self,
        views: list[View],
        images: Mapping[str, Path],
        settings: SurfaceSettings,
        scratch: Scratch,
        progress: Progress,
    ) -> None:
        self._views, self._images, self._settings, self._progress = views, images, settings, progress
        self.scratch = scratch
        self._cache: LeastRecent[NDArray[np.uint8]] = LeastRecent(settings.cache_mib << 20, lambda grey: grey.nbytes)
        self._done = 0.0
        self.factors = _factors(views, 1 if settings.full_resolution else 2)
        self.pair_count = 0

    def fused(self, guide: Guide, frame: HeightMap, factor: int, noise: float) -> Fused:
        """Heights on `frame` from all pairs, photos ``factor`` times smaller."""
        pairs = self._pairs(guide)
        self.pair_count = len(pairs)
        # work falls with the square of the reduction
        share = factor**-2 / sum(level**-2 for level in self.factors)
        finest = factor == self.factors[-1]
        settings = MatchSettings(factor=factor) if finest else MatchSettings(factor=factor, block=7, rims=True)
        before = cv2.getNumThreads()
        cv2.setNumThreads(self._settings.threads)
        try:
            with tempfile.TemporaryDirectory(prefix="uav-surface-", dir=self.scratch.folder) as folder:
                spool = HeightSpool(Path(folder), self.scratch)
                for k, pair in enumerate(pairs):
                    photos = self._photo(pair.left.image, factor), self._photo(pair.right.image, factor)
                    for found in match_pair(pair, photos, guide, frame, settings):
                        spool.add(found)
                    release(guide.relief.heights)
                    self._progress(self._done + share * (k + 1) / (len(pairs) + 1))
                fused = spool.fuse(frame.heights.shape, self._settings.fewest_estimates)
        finally:
            cv2.setNumThreads(before)
        self._done += share
        self._progress(self._done)
        drop_speckles(fused, frame.cell, noise)
        return fused

    def _pairs(self, guide: Guide) -> list[StereoPair]:
        pairs = choose_pairs(
            self._views,
            guide.relief.samples(8000),
            wanted=self._settings.wanted_estimates,
            max_pairs_per_photo=self._settings.max_pairs_per_photo,
        )
        if not pairs:
            raise EngineError("no two photos overlap at a usable angle: fly with more overlap")
        return sorted(pairs, key=lambda pair: (pair.left.image, pair.right.image))

    def _photo(self, image: str, factor: int) -> NDArray[np.uint8]:
        return self._cache.get(f"{factor}/{image}", lambda: read_grey(self._images[image], factor))


def _factors(views: list[View], fine: int) -> list[int]:
    """Reductions from coarse to fine; at the coarsest a photo still has 250 pixels a side, enough to find hills."""
    side = float(np.median([min(view.lens[9], view.lens[10]) for view in views]))
    return [factor for factor in (8, 4, 2, 1) if factor == fine or (factor > fine and side / factor >= 250)]


def _refined(
    matcher: _Matcher, guide: Guide, reconstruction: Reconstruction, cell: float, factor: int
) -> tuple[Guide, HeightMap]:
    """A better guide, and what was measured for it (NaN in holes)."""
    grid = Grid.covering(_bounds(guide.relief, reconstruction.offset), cell, reconstruction.crs)
    frame = HeightMap.on(grid, reconstruction.offset, np.broadcast_to(np.float32(0), grid.shape))
    outside = resampled(guide.relief, frame, matcher.scratch)
    measured = replace(frame, heights=matcher.fused(guide, frame, factor, noise=cell / 2).heights)
    return guide_from_surface(measured, outside, noise=cell / 2 / 0.35, scratch=matcher.scratch), measured


def _bounds(relief: HeightMap, offset: tuple[float, float]) -> tuple[float, float, float, float]:
    rows, columns = relief.heights.shape
    x, y = relief.x0 + offset[0], relief.y0 + offset[1]
    return x, y - rows * relief.cell, x + columns * relief.cell, y


def _take_coarser(fused: Fused, coarser: list[HeightMap], frame: HeightMap) -> None:
    """Places with few measured cells take what was measured on smaller photos, as one estimate a cell. In place.

    Its spread is that level's cell. Small holes stay: beside a wall the coarser levels see the wall's top.
    """
    side = (2 * _AROUND + 1, 2 * _AROUND + 1)
    for level in reversed(coarser):
        pending: list[tuple[Strip, Float32, Bool]] = []
        for strip in strips(fused.heights.shape, halo=_AROUND):
            known = np.isfinite(fused.heights[strip.wide])
            dense = cv2.boxFilter(known.astype(np.float32), -1, side, borderType=cv2.BORDER_REPLICATE)[strip.inner]
            lower = resampled_rows(level, frame, strip)
            use = ~known[strip.inner] & np.isfinite(lower) & (dense < _DENSE)
            _put(fused, pending, level.cell)
            pending = [(strip, lower, use)]
            release(level.heights)
            fused.release()
        _put(fused, pending, level.cell)


def _put(fused: Fused, pending: list[tuple[Strip, Float32, Bool]], spread: float) -> None:
    """Write a strip once the one below it has looked at its cells as they were."""
    for strip, lower, use in pending:
        rows = strip.rows
        fused.heights[rows][use], fused.views[rows][use], fused.spread[rows][use] = lower[use], 1, spread


def _cut(fused: Fused, wanted: HeightMap, frame: HeightMap, scratch: Scratch) -> tuple[Bool, float]:
    """Cells outside the area wanted, which become holes, and the share of the others that was measured."""
    outside: Bool = scratch.empty(frame.heights.shape, np.bool_)
    inside = measured = 0
    for strip in strips(outside.shape):
        beyond = resampled_rows(wanted, frame, strip) <= 0.5
        fused.drop(beyond, strip.rows)
        outside[strip.rows] = beyond
        inside += beyond.size - int(np.count_nonzero(beyond))
        measured += int(np.count_nonzero(np.isfinite(fused.heights[strip.rows])))
        release(outside)
        fused.release()
    return outside, measured / max(1, inside)
