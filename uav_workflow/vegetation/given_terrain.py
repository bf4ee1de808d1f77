"""A terrain model that the user brings: brought onto this flight's surface by its open ground, and the shift said."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Block, Grid
from uav_workflow.domain.product import Json
from uav_workflow.errors import NotMade
from uav_workflow.rasters.reader import Raster
from uav_workflow.rasters.resample import on_grid

Floats = NDArray[np.float64]

CELL_M = 0.25
"""Cells on which surface and terrain are compared: wider than what moves in the wind, finer than the land's folds."""
LEAST_OPEN = 0.95
"""Share of a cell that must be measured and not green."""
LEAST_CELLS = 50
LEAST_RELIEF = 0.01
"""Spread of the land's gradient below which a horizontal shift moves nothing, and is not looked for."""
TURNS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class TerrainShift:
    """What moves a given terrain onto a surface: metres east, north, up.

    Attributes
    ----------
    east_sd, north_sd, up_sd : float
        Standard errors, metres; NaN where a shift was not looked for.
    cells : int
        Open cells it rests on.
    nmad_before, nmad_after : float
        Of surface minus terrain on these, metres.
    """

    east: float
    north: float
    up: float
    east_sd: float
    north_sd: float
    up_sd: float
    cells: int
    nmad_before: float
    nmad_after: float

    def grid(self, grid: Grid) -> Grid:
        """Where on the given terrain the cells of a grid are to be read."""
        return Grid(grid.crs, grid.x_min - self.east, grid.y_max - self.north, grid.pixel_m, grid.width, grid.height)

    def to_json(self) -> dict[str, Json]:
        """Plain dictionary; None where not looked for."""
        numbers = {name: float(getattr(self, name)) for name in self.__dataclass_fields__}
        return {name: number if math.isfinite(number) else None for name, number in numbers.items()}


def coregister(surface: Path, terrain: Path, cover: Path) -> TerrainShift:
    """Find the shift of a terrain model against the open ground of a surface.

    On open ground surface minus terrain is ``up - dz/dx east - dz/dy north`` (the linear form of Nuth and Kääb 2011,
    The Cryosphere 5, 271): least squares with Huber weights, repeated on the shifted terrain. A horizontal shift is
    applied only where it is twice its standard error.

    Parameters
    ----------
    surface, terrain : Path
        dsm.tif of the flight; any raster of heights in metres, in any CRS and vertical reference.
    cover : Path
        cover.tif of the flight: bands fvc_green, shadow.

    Raises
    ------
    NotMade
        Too little open ground in common, or another extent.
    RasterError
        The terrain can't be read, or has no CRS.
    """
    heights, grid = _open_heights(surface, cover)
    east = north = up = 0.0
    spread: tuple[float, float, float] = (math.nan, math.nan, math.nan)
    before = math.nan
    off = np.empty(0)
    for turn in range(TURNS):
        place = Grid(grid.crs, grid.x_min - east, grid.y_max - north, grid.pixel_m, grid.width, grid.height)
        off, design = _differences(heights, terrain, place)
        if off.size < LEAST_CELLS:
            raise NotMade(
                f"the given terrain {terrain.name} shares {off.size} cells of open ground with the surface, "
                f"of at least {LEAST_CELLS} needed to bring it into place"
            )
        before = _nmad(off) if turn == 0 else before
        level = min(design[:, 1].std(), design[:, 2].std()) < LEAST_RELIEF
        solved, spread = _solved(off, design[:, :1] if level else design)
        up = solved[0]
        east, north = east + solved[1], north + solved[2]
    if abs(east) < 2 * spread[1] and abs(north) < 2 * spread[2]:
        east = north = 0.0
    place = Grid(grid.crs, grid.x_min - east, grid.y_max - north, grid.pixel_m, grid.width, grid.height)
    off, _ = _differences(heights, terrain, place)
    up = float(np.median(off))
    return TerrainShift(
        east=east,
        north=north,
        up=up,
        east_sd=spread[1],
        north_sd=spread[2],
        up_sd=spread[0],
        cells=int(off.size),
        nmad_before=before,
        nmad_after=_nmad(off),
    )


def _open_heights(surface: Path, cover: Path) -> tuple[Floats, Grid]:
    """Mean heights of coarse cells that are open ground, NaN elsewhere, and the cells' grid."""
    with Raster(surface) as heights, Raster(cover) as green:
        factor = max(1, round(CELL_M / heights.grid.pixel_m))
        grid = heights.grid.coarser(factor)
        found = np.full(grid.shape, np.nan)
        for block in grid.blocks(128):
            fine = _within(block, factor, heights.grid)
            height = heights.band("dsm", fine) if "dsm" in heights.bands else heights.read(fine)[0]
            bare = (green.band("fvc_green", fine) < 0.5) & np.isfinite(height)
            found[block.slices] = _means(height, bare, factor, (block.height, block.width))
    return found, grid


def _within(block: Block, factor: int, grid: Grid) -> Block:
    row, col = block.row * factor, block.col * factor
    return Block(row, col, min(block.height * factor, grid.height - row), min(block.width * factor, grid.width - col))


def _means(height: NDArray[np.float32], bare: NDArray[np.bool_], factor: int, shape: tuple[int, int]) -> Floats:
    total, count = np.zeros((2, shape[0] * factor, shape[1] * factor))
    total[: height.shape[0], : height.shape[1]] = np.where(bare, height, 0.0)
    count[: height.shape[0], : height.shape[1]] = bare
    total, count = (
        part.reshape(shape[0], factor, shape[1], factor).sum(axis=(1, 3), dtype=np.float64) for part in (total, count)
    )
    return np.where(count >= LEAST_OPEN * factor**2, total / np.maximum(count, 1), np.nan)


def _differences(heights: Floats, terrain: Path, place: Grid) -> tuple[Floats, Floats]:
    """Surface minus terrain on the open cells, and the design (1, -dz/dx, -dz/dy), (n, 3)."""
    ground = np.full(heights.shape, np.nan)
    with on_grid(terrain, place) as view:
        for block in _blocks(place):
            ground[block.slices] = view.read(block, [1])[0]
    south, east = np.gradient(ground, place.pixel_m)
    good = np.isfinite(heights) & np.isfinite(ground) & np.isfinite(south) & np.isfinite(east)
    design = np.stack([np.ones(int(good.sum())), -east[good], south[good]], axis=1)
    return heights[good] - ground[good], design


def _blocks(grid: Grid) -> Iterator[Block]:
    return iter(grid.blocks(512))


def _solved(off: Floats, design: Floats) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """(up, east, north) by least squares with Huber weights, and their standard errors; 0 and NaN where not asked."""
    weights = np.ones(off.size)
    found: Floats = np.zeros(design.shape[1])
    for _ in range(10):
        found = np.asarray(np.linalg.lstsq(design * weights[:, None], off * weights, rcond=None)[0], np.float64)
        left = off - design @ found
        scale = max(1.345 * _nmad(left), 1e-6)
        weights = np.sqrt(np.minimum(1.0, scale / np.maximum(np.abs(left), 1e-12)))
    spread = np.sqrt(np.diag(np.linalg.inv(design.T @ design))) * _nmad(off - design @ found)
    if design.shape[1] == 1:
        return (float(found[0]), 0.0, 0.0), (float(spread[0]), math.nan, math.nan)
    return (float(found[0]), float(found[1]), float(found[2])), (float(spread[0]), float(spread[1]), float(spread[2]))


def _nmad(values: Floats) -> float:
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))
