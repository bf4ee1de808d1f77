"""The ground under the plants: a terrain model from a surface model, tile by tile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Block
from uav_workflow.engine.scratch import release
from uav_workflow.engine.surface.filling import block_quantile, enlarged_part, fill_smooth, plane_through, smoothed
from uav_workflow.engine.surface.ground_filter import GroundRules, even_blocks, ground_level, plain_blocks
from uav_workflow.engine.surface.model import Surface
from uav_workflow.engine.surface.views import Float32

Bool = NDArray[np.bool_]

TILE_CELLS = 4096
"""Cells a side of a tile, its halo not counted."""
EVEN = 0.3
"""Distance to a plane at which a place is even, ground sampling distances: about the noise of a good surface."""
_PAD = 2
"""Cells by which the trend is carried on beyond the surface."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TerrainSettings:
    """How the terrain is made.

    Attributes
    ----------
    ground_cell_m : float
        Cell on which the filter works, metres; a cell's ground is the `low_share` quantile of its surface cells.
    reach_m : float
        Within this of open ground the terrain rests on open ground alone, metres. Wider, and hollows between patches of
        open ground are bridged.
    rules : GroundRules
    """

    ground_cell_m: float = 0.2
    low_share: float = 0.02
    reach_m: float = 0.5
    rules: GroundRules = field(default_factory=GroundRules)


def build_terrain(
    surface: Surface,
    settings: TerrainSettings | None = None,
    progress: Callable[[float], None] | None = None,
    bare: Bool | None = None,
) -> Float32:
    """Terrain heights (rows, columns) float32, metres, on the surface's grid; NaN outside the surface.

    The lower envelope of the surface on coarser cells (where the surface is even, its mean), less the coarse slope of
    the land so that a hillside needs no steeper threshold than a plain, goes through `ground_level`.

    Where `bare` (rows, columns) says which cells show open ground, the terrain near them rests on them alone: the
    lowest cells of a closed sward are still sward.
    """
    settings = settings or TerrainSettings()
    report = progress or (lambda share: None)
    land = _Land(surface, settings)
    report(0.3)
    terrain: Float32 = surface.scratch.empty(surface.dsm.shape)
    tiles = list(land.blocks.blocks(land.tile_blocks))
    for done, tile in enumerate(tiles, start=1):
        rows, columns = land.cells(tile)
        part = land.level(tile, bare)
        part[~np.isfinite(surface.filled[rows, columns])] = np.nan
        terrain[rows, columns] = part
        release(terrain, surface.filled, surface.dsm)
        report(0.3 + 0.7 * done / len(tiles))
    return terrain


class _Land:
    """The surface in blocks of cells, and the broad shape of the land below it."""

    def __init__(self, surface: Surface, settings: TerrainSettings) -> None:
        self._surface, self._settings = surface, settings
        self._factor = max(1, round(settings.ground_cell_m / surface.grid.pixel_m))
        self.blocks = surface.grid.coarser(self._factor)
        self._side = max(2, int(settings.rules.max_window_m / self.blocks.pixel_m / 2))
        self._trend = self._broad()

    @property
    def tile_blocks(self) -> int:
        """Blocks a side of a tile."""
        return max(16, TILE_CELLS // self._factor)

    def cells(self, tile: Block) -> tuple[slice, slice]:
        """Rows and columns of the surface under some blocks."""
        f, (height, width) = self._factor, self._surface.grid.shape
        return (
            slice(tile.row * f, min(height, (tile.row + tile.height) * f)),
            slice(tile.col * f, min(width, (tile.col + tile.width) * f)),
        )

    def level(self, tile: Block, bare: Bool | None) -> Float32:
        """Terrain on the surface's cells of a tile."""
        wide = self._with_halo(tile)
        trend = self._trend_of(wide)
        level = ground_level(*self._low(wide, trend, bare), self.blocks.pixel_m, self._settings.rules) + trend
        own, whole = self.cells(tile), self.cells(wide)
        first = own[0].start - whole[0].start, own[1].start - whole[1].start
        ends = own[0].stop - whole[0].start, own[1].stop - whole[1].start
        return enlarged_part(level, self._factor, (first[0], ends[0]), (first[1], ends[1]))

    def _low(self, tile: Block, trend: Float32, bare: Bool | None) -> tuple[Float32, Bool]:
        """Heights of a tile's blocks above the trend, and which of them are even places."""
        settings, factor, part = self._settings, self._factor, self.cells(tile)
        heights = self._surface.dsm[part]
        # on a hillside the lowest cells of a block lie downhill: the quantile is taken of what stands off the trend
        low = block_quantile(heights, factor, settings.low_share, trend)
        limit = EVEN * self._surface.facts.get("gsd_m", self._surface.grid.pixel_m / 2)
        even, mean = even_blocks(heights, factor, limit)
        mean -= trend
        plain = plain_blocks(even, mean, self.blocks.pixel_m, limit, settings.rules)
        low = np.where(plain, mean, low)
        if bare is not None:
            seen = block_quantile(heights, factor, 0.5, trend, among=bare[part])
            low = _resting_on(seen, low, settings.reach_m / self.blocks.pixel_m)
            plain &= np.isfinite(low)
        return low, plain

    def _with_halo(self, tile: Block) -> Block:
        """A tile and what its filters see around it."""
        halo = int(2.5 * self._settings.rules.max_window_m / self.blocks.pixel_m)
        row, col = max(0, tile.row - halo), max(0, tile.col - halo)
        bottom = min(self.blocks.height, tile.row + tile.height + halo)
        right = min(self.blocks.width, tile.col + tile.width + halo)
        return Block(row, col, bottom - row, right - col)

    def _broad(self) -> Float32:
        """A plane, and a smooth surface through the lowest points of wide windows above it, padded."""
        surface, share = self._surface, self._settings.low_share
        low = block_quantile(surface.dsm, self._factor, share, scratch=surface.scratch)
        plane = plane_through(block_quantile(low, self._side, 0.1))
        off = smoothed(fill_smooth(block_quantile(low, self._side, 0.1, plane)), 1.0)
        return np.pad(plane, _PAD, "reflect", reflect_type="odd") + np.pad(np.nan_to_num(off), _PAD, "edge")

    def _trend_of(self, tile: Block) -> Float32:
        """The broad shape at a tile's blocks, without creases."""
        row, col = tile.row + _PAD * self._side, tile.col + _PAD * self._side
        return enlarged_part(self._trend, self._side, (row, row + tile.height), (col, col + tile.width), curved=True)


def _resting_on(seen: Float32, low: Float32, reach: float) -> Float32:
    """Ground that is seen; farther than `reach` cells from any, the lower envelope; nothing between."""
    far = cv2.distanceTransform(np.isnan(seen).astype(np.uint8), cv2.DIST_L2, 5) > reach
    return np.where(np.isfinite(seen), seen, np.where(far, low, np.float32(np.nan))).astype(np.float32)
