"""A terrain model that the user brings: brought onto this flight's surface by its open ground, and the shift said."""

from __future__ import annotations

import math
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
LEAST_SECTORS = 6
"""Of nine sectors of the surface, those that must hold open cells before a bend is looked for."""
LEAST_IN_SECTOR = 20
LEAST_RELIEF = 0.01
"""Spread of the land's gradient below which a horizontal shift moves nothing, and is not looked for."""
TURNS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class TerrainShift:
    """What moves a given terrain onto a surface: metres east, north, up.

    Attributes
    ----------
    up : float
        In the middle of the surface.
    bend : tuple of 5 float
        Metres by which the surface is tilted and bent against the terrain at one `reach_m` from the middle: of east,
        north, east^2, east x north, north^2. A block without control points bends. All 0 where open ground lies in too
        few places to tell.
    middle : (east, north)
    reach_m : float
        Half the longer side of the surface.
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
    bend: tuple[float, ...]
    middle: tuple[float, float]
    reach_m: float

    def rise(self, grid: Grid, block: Block) -> NDArray[np.float32]:
        """Metres to add to the terrain on a block of a grid, (rows, columns)."""
        x = grid.x_min + (np.arange(block.col, block.col + block.width) + 0.5) * grid.pixel_m - self.middle[0]
        y = grid.y_max - (np.arange(block.row, block.row + block.height) + 0.5) * grid.pixel_m - self.middle[1]
        terms = _bend_terms(*np.meshgrid(x / self.reach_m, y / self.reach_m))
        total = self.up + sum(k * term for k, term in zip(self.bend, terms, strict=True))
        return np.asarray(total, np.float32)

    @property
    def bend_range_m(self) -> float:
        """Difference of the highest and lowest rise within the reach."""
        steps = np.linspace(-1, 1, 21)
        terms = _bend_terms(*np.meshgrid(steps, steps))
        return float(np.ptp(sum(k * term for k, term in zip(self.bend, terms, strict=True))))

    def grid(self, grid: Grid) -> Grid:
        """Where on the given terrain the cells of a grid are to be read."""
        return Grid(grid.crs, grid.x_min - self.east, grid.y_max - self.north, grid.pixel_m, grid.width, grid.height)

    def to_json(self) -> dict[str, Json]:
        """Plain dictionary; None where not looked for."""
        plain = [name for name in self.__dataclass_fields__ if name not in ("bend", "middle")]
        numbers = {name: float(getattr(self, name)) for name in plain} | {"bend_range_m": self.bend_range_m}
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
    east = north = 0.0
    fit = _Fit.none()
    before = math.nan
    for turn in range(TURNS):
        open_ground = _differences(heights, terrain, _moved(grid, east, north))
        if open_ground.off.size < LEAST_CELLS:
            raise NotMade(
                f"the given terrain {terrain.name} shares {open_ground.off.size} cells of open ground with the "
                f"surface, of at least {LEAST_CELLS} needed to bring it into place"
            )
        before = _nmad(open_ground.off) if turn == 0 else before
        fit = open_ground.fit(horizontal=True)
        east, north = east + fit.east, north + fit.north
    if abs(east) < 2 * fit.east_sd and abs(north) < 2 * fit.north_sd:
        east = north = 0.0
    last = _differences(heights, terrain, _moved(grid, east, north)).fit(horizontal=False)
    x_min, y_min, x_max, y_max = grid.bounds
    return TerrainShift(
        east=east,
        north=north,
        up=last.up,
        east_sd=fit.east_sd,
        north_sd=fit.north_sd,
        up_sd=last.up_sd,
        cells=last.cells,
        nmad_before=before,
        nmad_after=last.nmad,
        bend=last.bend,
        middle=((x_min + x_max) / 2, (y_min + y_max) / 2),
        reach_m=0.5 * max(x_max - x_min, y_max - y_min),
    )


def _moved(grid: Grid, east: float, north: float) -> Grid:
    return Grid(grid.crs, grid.x_min - east, grid.y_max - north, grid.pixel_m, grid.width, grid.height)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """One least squares solution; 0 and NaN where a part was not asked."""

    up: float
    bend: tuple[float, ...]
    east: float
    north: float
    up_sd: float
    east_sd: float
    north_sd: float
    cells: int
    nmad: float

    @classmethod
    def none(cls) -> _Fit:
        nan = math.nan
        return cls(up=0.0, bend=(), east=0.0, north=0.0, up_sd=nan, east_sd=nan, north_sd=nan, cells=0, nmad=nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class _OpenGround:
    """Cells without green: surface minus terrain (n,), gradient of the terrain (2, n), and places (2, n).

    Gradients and places are east and north; places in units of half the longer side, from the middle.
    """

    off: Floats
    gradient: Floats
    where: Floats

    def fit(self, *, horizontal: bool) -> _Fit:
        """Rise, tilt and bend where open ground lies all over the surface, shift where the land has relief."""
        bends = self._all_over()
        shifts = horizontal and bool((self.gradient.std(axis=1) >= LEAST_RELIEF).all())
        columns = [np.ones(self.off.size)]
        columns += list(_bend_terms(*self.where)) if bends else []
        columns += [-self.gradient[0], -self.gradient[1]] if shifts else []
        design = np.stack(columns, axis=1)
        found, spread = _robust(self.off, design)
        east, north = (float(found[-2]), float(found[-1])) if shifts else (0.0, 0.0)
        east_sd, north_sd = (float(spread[-2]), float(spread[-1])) if shifts else (math.nan, math.nan)
        return _Fit(
            up=float(found[0]),
            bend=tuple(float(number) for number in found[1:6]) if bends else (0.0,) * 5,
            east=east,
            north=north,
            up_sd=float(spread[0]),
            east_sd=east_sd,
            north_sd=north_sd,
            cells=int(self.off.size),
            nmad=_nmad(self.off - design @ found),
        )

    def _all_over(self) -> bool:
        sector = np.clip(((self.where + 1) * 1.5).astype(int), 0, 2)
        counts = np.bincount(3 * sector[0] + sector[1], minlength=9)
        return int(np.count_nonzero(counts >= LEAST_IN_SECTOR)) >= LEAST_SECTORS


def _bend_terms(x: Floats, y: Floats) -> tuple[Floats, ...]:
    return x, y, x * x, x * y, y * y


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


def _differences(heights: Floats, terrain: Path, place: Grid) -> _OpenGround:
    """Compare the open cells of a surface with the terrain read at a place."""
    ground = np.full(heights.shape, np.nan)
    with on_grid(terrain, place) as view:
        for block in place.blocks(512):
            ground[block.slices] = view.read(block, [1])[0]
    south, east = np.gradient(ground, place.pixel_m)
    good = np.isfinite(heights) & np.isfinite(ground) & np.isfinite(south) & np.isfinite(east)
    row, col = np.nonzero(good)
    half = 0.5 * max(heights.shape)
    return _OpenGround(
        off=heights[good] - ground[good],
        gradient=np.stack([east[good], -south[good]]),
        where=np.stack([(col + 0.5 - heights.shape[1] / 2) / half, (heights.shape[0] / 2 - row - 0.5) / half]),
    )


def _robust(off: Floats, design: Floats) -> tuple[Floats, Floats]:
    """Least squares with Huber weights, and standard errors."""
    weights = np.ones(off.size)
    found: Floats = np.zeros(design.shape[1])
    for _ in range(10):
        found = np.asarray(np.linalg.lstsq(design * weights[:, None], off * weights, rcond=None)[0], np.float64)
        left = off - design @ found
        scale = max(1.345 * _nmad(left), 1e-6)
        weights = np.sqrt(np.minimum(1.0, scale / np.maximum(np.abs(left), 1e-12)))
    spread = np.sqrt(np.diag(np.linalg.inv(design.T @ design))) * _nmad(off - design @ found)
    return found, np.asarray(spread, np.float64)


def _nmad(values: Floats) -> float:
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))
