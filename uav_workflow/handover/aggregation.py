"""From a flight's pixels to satellite cells, by exact areas.

Cells are worked block by block: the pixels that a block of cells touches are read, and nothing else is kept in memory.
Nothing is lost at borders: the sum of value times area over the cells is that over the pixels.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import numpy as np

from uav_workflow.domain.grid import Block, Grid
from uav_workflow.errors import UsageError
from uav_workflow.handover.turned import TurnedWeights
from uav_workflow.handover.weights import FWHM_OF_SIGMA, REACH, AlignedWeights, Float64, Weights
from uav_workflow.rasters.reader import Raster

WORK_PIXELS = 1536
"""Pixels a side that are read at once."""
TURNED_CELLS = 3
"""Fewest cells a side that are worked together where pixels lie turned or sheared: boxes around single ones overlap;
what lies in two is read twice."""
QUANTILES = (0.1, 0.9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """One band of a flight on a satellite grid; every array is float64 (rows, columns) of it.

    Attributes
    ----------
    mean : array
        Weighted mean of the valid pixels, NaN where there is none: by area, or by the point spread.
    sd_within : array
        Weighted standard deviation of the pixels within the cell (divisor: their weight), NaN as above.
    p10, p90 : array
        Quantiles of the valid pixels with their centre in the cell (linear, Hyndman and Fan's type 7); NaN where there
        is none, or where they were not asked for.
    coverage : array
        Share of the cell's area with valid pixels, 0 - 1; of the point spread's weight where that was used.
    n : array
        Valid pixels with their centre in the cell.
    total : float
        Sum of value times area over the flight's valid pixels, summed apart from the cells, in the cells' CRS.
    """

    mean: Float64
    sd_within: Float64
    p10: Float64
    p90: Float64
    coverage: Float64
    n: Float64
    total: float


def aggregate(
    path: Path,
    bands: Sequence[str],
    grid: Grid,
    *,
    flags: Collection[str] = (),
    quantiles: Collection[str] = (),
    fwhm_cells: float | None = None,
) -> dict[str, Cells]:
    """Bring bands of a raster onto coarser cells, block by block.

    Parameters
    ----------
    path : Path
        Raster of any CRS; NaN (or masked) pixels count as missing.
    bands : sequence of str
        Band names.
    grid : Grid
        Cells of any size; what lies outside is left out.
    flags : collection of str
        Bands of codes: every value but 0 counts as 1, so that their mean is a share of area.
    quantiles : collection of str
        Bands whose 10 and 90 % are wanted. In cells of more than `WORK_PIXELS` a side they are those of every k-th
        row and column.
    fwhm_cells : float, optional
        Full width at half maximum of a Gaussian point spread, in cells; by area when absent.

    Returns
    -------
    dict
        Band name to `Cells`.

    Raises
    ------
    RasterError
        The raster can't be read or lacks a band.
    UsageError
        A point spread is asked for on cells in another CRS than the raster's.
    """
    with Raster(path) as raster:
        if fwhm_cells is not None and grid.crs != raster.grid.crs:
            _refuse_point_spread(path, raster.grid.crs, grid.crs)
        sums = {band: _Sums.on(grid) for band in bands}
        for block in _blocks(grid, raster.grid):
            cells = grid.window(block)
            window = _pixels(raster.grid, cells, fwhm_cells)
            if window is None:
                continue
            step = _step(window, block)
            for part in _parts(window):
                weights = _weights(raster.grid, part, cells, fwhm_cells)
                for band, plane in zip(bands, raster.read(part, tuple(bands)), strict=True):
                    values = plane.astype(np.float64)
                    sums[band].add(block, weights, values, is_code=band in flags)
                    if band in quantiles:
                        sums[band].remember(weights, values, step)
            for band in quantiles:
                sums[band].settle(block)
    return {band: part.cells(grid) for band, part in sums.items()}


def _refuse_point_spread(path: Path, own: str, cells: str) -> NoReturn:
    raise UsageError(
        f"{path.name}: point-spread weights need cells in the flight's own CRS ({own}, not {cells}); leave "
        "handover.psf_fwhm out, or the grid"
    )


def _blocks(cells: Grid, raster: Grid) -> Iterator[Block]:
    """Cells that are worked together: about `WORK_PIXELS` pixels a side."""
    fewest = 1 if cells.crs == raster.crs else TURNED_CELLS
    return cells.blocks(max(fewest, int(WORK_PIXELS * raster.pixel_m / cells.pixel_m)))


def _step(window: Block, block: Block) -> int:
    """Of rows and columns whose pixels are remembered for quantiles: few enough a cell."""
    of_a_cell = max(window.height, window.width) / max(block.height, block.width)
    return math.ceil(of_a_cell / (1.5 * WORK_PIXELS))


def conservation_error(cells: Cells, grid: Grid) -> float:
    """Relative difference between the sum over the cells, as they are written in float32, and that over the pixels."""
    mean = np.nan_to_num(cells.mean.astype(np.float32).astype(np.float64))
    coverage = cells.coverage.astype(np.float32).astype(np.float64)
    written = float((mean * coverage).sum()) * grid.pixel_m**2
    return abs(written - cells.total) / max(abs(cells.total), 1e-12)


def _weights(raster: Grid, part: Block, cells: Grid, fwhm_cells: float | None) -> Weights:
    if raster.crs == cells.crs:
        return AlignedWeights.of(raster.window(part), cells, fwhm_cells)
    return TurnedWeights.of(raster, part, cells)


def _pixels(raster: Grid, cells: Grid, fwhm_cells: float | None) -> Block | None:
    """Window of the pixels a block of cells touches, and of those its point spread reaches; None without any."""
    reach = 0.0 if fwhm_cells is None else REACH * fwhm_cells / FWHM_OF_SIGMA * cells.pixel_m
    x_min, y_min, x_max, y_max = cells.bounds
    box = (x_min - reach, y_min - reach, x_max + reach, y_max + reach)
    spare = 0
    if raster.crs != cells.crs:
        from pyproj import Transformer

        to_raster = Transformer.from_crs(cells.crs, raster.crs, always_xy=True)
        box, spare = to_raster.transform_bounds(*box, densify_pts=21), 1
    col0, col1 = _touched(box[0] - raster.x_min, box[2] - raster.x_min, raster.pixel_m, raster.width, spare)
    row0, row1 = _touched(raster.y_max - box[3], raster.y_max - box[1], raster.pixel_m, raster.height, spare)
    return Block(row0, col0, row1 - row0, col1 - col0) if row1 > row0 and col1 > col0 else None


def _touched(low: float, high: float, pixel: float, count: int, spare: int) -> tuple[int, int]:
    """Half-open range of the pixels between two distances."""
    first = min(max(math.floor(low / pixel) - spare, 0), count)
    return first, max(min(math.ceil(high / pixel) + spare, count), first)


def _parts(window: Block) -> Iterator[Block]:
    """The window itself, or pieces of it where a single cell has too many pixels to be read at once."""
    side = WORK_PIXELS if max(window.height, window.width) > 1.5 * WORK_PIXELS else max(window.height, window.width)
    whole = Grid("", 0.0, 0.0, 1.0, window.width, window.height)
    for part in whole.blocks(side):
        yield Block(window.row + part.row, window.col + part.col, part.height, part.width)


@dataclass(slots=True, kw_only=True)
class _Sums:
    """Running sums of one band, in square metres; `shades` are the values a cell's quantiles are taken of."""

    area: Float64
    first: Float64
    second: Float64
    n: Float64
    p10: Float64
    p90: Float64
    total: float = 0.0
    shades: dict[int, list[Float64]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def on(cls, grid: Grid) -> _Sums:
        area, first, second, n = np.zeros((4, *grid.shape))
        p10, p90 = np.full((2, *grid.shape), np.nan)
        return cls(area=area, first=first, second=second, n=n, p10=p10, p90=p90)

    def add(self, block: Block, weights: Weights, values: Float64, *, is_code: bool) -> None:
        valid = np.isfinite(values)
        if not valid.any():
            return
        seen = valid.astype(np.float64)
        plane = np.where(valid, values != 0 if is_code else values, 0.0)
        where = block.slices
        self.area[where] += weights.sums(seen)
        self.first[where] += weights.sums(plane)
        self.second[where] += weights.sums(plane * plane)
        self.n[where] += weights.centred(seen)
        self.total += float(weights.centred(plane * weights.area).sum())

    def remember(self, weights: Weights, values: Float64, step: int) -> None:
        for number, members in weights.members(values, step):
            self.shades[number].append(members)

    def settle(self, block: Block) -> None:
        for number, parts in self.shades.items():
            row, col = divmod(number, block.width)
            found = np.quantile(np.concatenate(parts), QUANTILES)
            self.p10[block.row + row, block.col + col], self.p90[block.row + row, block.col + col] = found
        self.shades.clear()

    def cells(self, grid: Grid) -> Cells:
        empty = self.area <= 0
        area = np.where(empty, np.nan, self.area)
        mean = self.first / area
        variance = np.maximum(self.second / area - mean**2, 0.0)
        return Cells(
            mean=mean,
            sd_within=np.sqrt(variance),
            p10=self.p10,
            p90=self.p90,
            coverage=np.minimum(self.area / grid.pixel_m**2, 1.0),
            n=self.n,
            total=self.total,
        )
