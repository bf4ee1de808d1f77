"""One tile of the mosaic after the plan: every pixel gets a source that sees it, and that source's values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_workflow.compiled import compiled
from uav_workflow.domain.grid import Block, Grid
from uav_workflow.engine.mosaic.blending import mix
from uav_workflow.engine.mosaic.plan import MosaicPlan
from uav_workflow.engine.mosaic.sampling import PhotoShelf, positions
from uav_workflow.engine.mosaic.sources import Source
from uav_workflow.engine.mosaic.visibility import HIDDEN, Lookout, offer, tile_heights
from uav_workflow.engine.scratch import release
from uav_workflow.engine.surface.views import Float32, Float64

_HALO = 16
"""Pixels around a tile that mixing, calming and the test for what hides the ground look at."""
_THIN_CELLS, _THIN_PX = 2.0, (3, 5)
"""What hides a strip narrower than twice so many surface cells (so many pixels at least, at most) is no thing but a
spike of the surface."""
_NARROW = 1.2
"""Standard deviation of the strip over which detail changes from one photo to the other, pixels."""
_TRIES = 4
"""Captures that are tried for a pixel whose values are flawed."""

Array = NDArray[Any]
Bool = NDArray[np.bool_]
Int32 = NDArray[np.int32]
Box = tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class Tile:
    """Values (bands and alpha, rows, columns), source index (0 none) and views of one tile."""

    values: Array
    source: NDArray[np.uint16]
    views: NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class _Ground:
    """The ground under a tile and its halo: first pixel on the mosaic, (x0, y0, pixel), heights."""

    row: int
    col: int
    corner: Float64
    heights: Float32

    def part(self, rows: slice, columns: slice) -> _Ground:
        start = np.array(
            [
                self.corner[0] + columns.start * self.corner[2],
                self.corner[1] - rows.start * self.corner[2],
                self.corner[2],
            ]
        )
        return _Ground(self.row + rows.start, self.col + columns.start, start, self.heights[rows, columns])


@dataclass(frozen=True, slots=True)
class _Choice:
    """A choice under way: the sources planned, costs they must exceed, the best cost so far and whose it is."""

    planned: Int32
    floor: Float32
    best: Float32
    label: Int32

    @classmethod
    def open(cls, planned: Int32, floor: Float32) -> _Choice:
        shape = planned.shape
        return cls(planned, floor, np.full(shape, np.inf, np.float32), np.full(shape, -1, np.int32))


class TileMaker:
    """Makes the tiles of one mosaic."""

    def __init__(
        self,
        sources: Sequence[Source],
        plan: MosaicPlan,
        lookout: Lookout,
        grid: Grid,
        shelf: PhotoShelf,
        *,
        picture: bool,
    ) -> None:
        self._sources, self._plan, self._lookout, self._grid = sources, plan, lookout, grid
        self._shelf, self._picture = shelf, picture

    def tile(self, block: Block) -> Tile | None:
        """One tile; None where nothing is seen."""
        ground = self._ground(block)
        choice = self._chosen(ground)
        label, best = choice.label, choice.best
        if not (label >= 0).any():
            return None
        inner = slice(_HALO, _HALO + block.height), slice(_HALO, _HALO + block.width)
        views = self._plan.views(block.row, block.col, (block.height, block.width))
        if self._picture:
            label = _calmed(label)
            values = self._blended(ground, label)
            hidden = best[inner] >= HIDDEN
        else:
            label[best >= HIDDEN] = -1
            values = self._sampled(ground, label, best)
            hidden = np.zeros(views.shape, np.bool_)
        source = np.where(values[-1] > 0, label + 1, 0).astype(np.uint16)[inner]
        views = np.where(source == 0, 0, np.where(hidden, 0, np.maximum(views, 1))).astype(np.uint16)
        return Tile(values[:, inner[0], inner[1]], source, views)

    def _ground(self, block: Block) -> _Ground:
        wide = Block(block.row - _HALO, block.col - _HALO, block.height + 2 * _HALO, block.width + 2 * _HALO)
        window = self._grid.window(wide)
        x0, y0 = self._lookout.offset
        corner = np.array([window.x_min - x0, window.y_max - y0, window.pixel_m])
        heights = np.empty(window.shape, np.float32)
        relief = self._lookout.relief
        tile_heights(relief.heights, relief.frame, corner, heights)
        release(relief.heights)
        return _Ground(wide.row, wide.col, corner, heights)

    def _chosen(self, ground: _Ground) -> _Choice:
        """Source of every pixel, -1 without, and its cost: -1 for the planned one, from `HIDDEN` up when hidden."""
        shape = ground.heights.shape[0], ground.heights.shape[1]
        planned = self._plan.planned(ground.row, ground.col, shape)
        choice = _Choice.open(planned, np.full(shape, -1, np.float32))
        for index, box in _places(planned):
            self._offer(index, ground, box, planned == index, choice)
        choice.best[self._behind_spikes(np.isfinite(choice.best) & (choice.best >= HIDDEN))] = -1
        self._offer_all(ground, (choice.best >= 0) & np.isfinite(ground.heights), choice)
        return choice

    def _behind_spikes(self, hidden: Bool) -> Bool:
        """Hidden pixels in strips so thin that nothing real hides them."""
        narrow = int(np.clip(round(_THIN_CELLS * self._lookout.relief.cell / self._grid.pixel_m), *_THIN_PX))
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * narrow + 1, 2 * narrow + 1))
        wide = cv2.morphologyEx(hidden.astype(np.uint8), cv2.MORPH_OPEN, disc, borderValue=0)
        thin: Bool = hidden & (cv2.dilate(wide, disc) == 0)
        return thin

    def _offer_all(self, ground: _Ground, wanted: Bool, choice: _Choice) -> None:
        """Let every source compete for the wanted pixels."""
        for _, box in _places(wanted.astype(np.int32) - 1):
            shape = box[0].stop - box[0].start, box[1].stop - box[1].start
            for index in self._plan.candidates(ground.row + box[0].start, ground.col + box[1].start, shape):
                self._offer(index, ground, box, wanted, choice)

    def _offer(self, index: int, ground: _Ground, box: Box, wanted: Bool, choice: _Choice) -> None:
        part = ground.part(*box)
        view = self._sources[index].views[0]
        buffer = self._lookout.depths(view)
        offer(
            part.heights, part.corner, view.packed, buffer.depths, buffer.step, self._lookout.reach,
            index, wanted[box], choice.planned[box], choice.floor[box], choice.best[box], choice.label[box],
        )  # fmt: skip

    def _blended(self, ground: _Ground, label: Int32) -> Array:
        """Red, green, blue and alpha of a picture."""
        total = np.zeros((*label.shape, 4), np.float32)
        for index, box in _places(label, 5):
            part, source = ground.part(*box), self._sources[index]
            weight = cv2.GaussianBlur((label[box] == index).astype(np.float32), (0, 0), _NARROW)
            maps = positions(source.views[0], part.heights, part.corner, weight > 0.01)
            sample = self._shelf.shown(source.paths[0], maps)
            shape = part.heights.shape[0], part.heights.shape[1]
            tone, place = self._plan.toning(index, source, part.row, part.col, shape)
            mix(sample, maps, weight, tone, place, total[box])
        seen = (label >= 0) & (total[:, :, 3] > 0)
        colours = total[:, :, :3] / np.maximum(total[:, :, 3:], 1e-6)
        values = np.zeros((4, *label.shape), np.uint8)
        values[:3] = np.moveaxis(np.clip(colours + 0.5, 0, 255), 2, 0)
        values[:3, ~seen] = 0
        values[3] = np.where(seen, 255, 0)
        return values

    def _sampled(self, ground: _Ground, label: Int32, best: Float32) -> Array:
        """Bands and alpha, each pixel a bilinear sample of its capture; ``label`` is changed where that was flawed."""
        planned, floor = label.copy(), np.maximum(best, 0)
        values, flaw = self._samples(ground, label, label >= 0, None)
        # saturated in all captures: the best one's value stays; no number in any: the pixel stays out
        for _ in range(_TRIES - 1):
            other = _Choice.open(planned, floor)
            self._offer_all(ground, flaw > 0, other)
            wanted = (flaw > 0) & (other.label >= 0) & (other.best < HIDDEN)
            if not wanted.any():
                break
            trial, still = self._samples(ground, other.label, wanted, values.copy())
            better = wanted & (still < flaw)
            values[:, better], label[better], flaw[better] = trial[:, better], other.label[better], still[better]
            floor[wanted] = other.best[wanted]
        values[-1][flaw == 2] = 0
        return values

    def _samples(
        self, ground: _Ground, label: Int32, wanted: Bool, values: Array | None
    ) -> tuple[Array, NDArray[np.uint8]]:
        """Write the wanted pixels of the captures named into ``values``; and the worst flaw of each in any band."""
        flaws = np.zeros(label.shape, np.uint8)
        for index, box in _places(np.where(wanted, label, -1)):
            part, source = ground.part(*box), self._sources[index]
            won = wanted[box] & (label[box] == index)
            for band, (view, path) in enumerate(zip(source.views, source.paths, strict=True)):
                maps = positions(view, part.heights, part.corner, won)
                sample, flaw = self._shelf.measured(path, maps)
                planes = sample[np.newaxis] if sample.ndim == 2 else np.moveaxis(sample, 2, 0)
                if values is None:
                    values = np.zeros((len(source.views) * len(planes) + 1, *label.shape), sample.dtype)
                for k, plane in enumerate(planes):
                    values[(band * len(planes) + k, *box)][won] = plane[won]
                flaws[box][won] = np.maximum(flaws[box], flaw)[won]
            assert values is not None
            values[(-1, *box)][won] = 255
        assert values is not None
        return values, flaws


def _places(label: Int32, margin: int = 0) -> Iterator[tuple[int, Box]]:
    """Each label >= 0 that occurs, and the rows and columns that hold all of it and a margin."""
    ends = np.empty((int(label.max(initial=-1)) + 1, 4), np.int64)
    _bound(label, ends)
    rows, columns = label.shape
    for index, (top, bottom, left, right) in enumerate(ends):
        if bottom >= top:
            yield (
                index,
                (
                    slice(max(0, int(top) - margin), min(rows, int(bottom) + 1 + margin)),
                    slice(max(0, int(left) - margin), min(columns, int(right) + 1 + margin)),
                ),
            )


@compiled
def _bound(label: Int32, ends: NDArray[np.int64]) -> None:
    """First and last row and column of each label; the last before the first where there is none."""
    for index in range(ends.shape[0]):
        ends[index] = (label.shape[0], -1, label.shape[1], -1)
    for i in range(label.shape[0]):
        for j in range(label.shape[1]):
            index = label[i, j]
            if index >= 0:
                ends[index, 0] = min(ends[index, 0], i)
                ends[index, 1] = max(ends[index, 1], i)
                ends[index, 2] = min(ends[index, 2], j)
                ends[index, 3] = max(ends[index, 3], j)


def _calmed(label: Int32) -> Int32:
    """Labels without specks: a lone pixel of another photo costs more in seams than it gains."""
    calm = cv2.medianBlur(np.asarray(label + 1, np.uint16), 5).astype(np.int32) - 1
    # a median of numbers may name a third photo, or cut the border: only labels found right beside are taken
    near = np.zeros(label.shape, np.bool_)
    for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1), (0, 2), (0, -2), (1, 2), (1, -2)):
        near |= np.roll(label, step, axis) == calm
    return np.where(near & (label >= 0) & (calm >= 0), calm, label).astype(np.int32)
