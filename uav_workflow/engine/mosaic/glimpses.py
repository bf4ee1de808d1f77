"""The photos at the size of the mosaic's cells: what exposure is evened from and seams are laid along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_workflow.engine.inputs.photo_cache import read_reduced
from uav_workflow.engine.mosaic.coverage import COST_UNIT, NONE, Box, Coverage, SeenPart
from uav_workflow.engine.mosaic.sampling import picture_reduction
from uav_workflow.engine.mosaic.sources import Source
from uav_workflow.engine.mosaic.visibility import photo_positions
from uav_workflow.engine.surface.views import Float32, Float64, View

CORRIDOR = 0.35
"""A photo may be taken for a cell when its cost lies at most so far above the best one's (`view_cost`)."""

_SIGHTINGS = 300
"""Cells a source from which exposure is evened, about."""

UInt8 = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What a source shows of the cells it may be taken for.

    Attributes
    ----------
    costs : (rows, columns) uint16
        As in `SeenPart`; `NONE` where it is no candidate.
    colours : (rows, columns, 3) uint8
        The first band's photo, brightness scaled to 8 bits where it has more.
    seen : (rows, columns) bool
        Cells that it sees unhidden, candidate or not.
    """

    rows: slice
    columns: slice
    costs: NDArray[np.uint16]
    colours: UInt8
    seen: NDArray[np.bool_]

    @property
    def box(self) -> Box:
        """Its place on the cells."""
        return self.rows, self.columns


@dataclass(frozen=True, slots=True)
class Sightings:
    """The same ground seen by several sources; one row a cell and source.

    Attributes
    ----------
    cell, source : (n,) int32
        What was seen, by which source.
    values : (n, 3) float32
        Colours 0 - 255.
    basis : (n, 4) float32
        See `view_basis`.
    """

    cell: NDArray[np.int32]
    source: NDArray[np.int32]
    values: Float32
    basis: Float32


def view_basis(view: View, maps: Float32, heights: Float32, corner: Float64) -> Float32:
    """What brightness in a photo depends on, (..., 4): r^2 and r^4 (vignetting), slope of the ray to east and north.

    r is the distance from the principal point over half the frame's diagonal.
    """
    lens = view.lens
    across, down = maps[0] + 0.5 - lens[2], maps[1] + 0.5 - lens[3]
    r2 = (across**2 + down**2) / (0.25 * (lens[9] ** 2 + lens[10] ** 2))
    rows, columns = heights.shape
    depth = np.maximum(view.centre[2] - np.nan_to_num(heights), 1e-3)
    east = (corner[0] + (np.arange(columns) + 0.5) * corner[2] - view.centre[0]) / depth
    north = ((corner[1] - (np.arange(rows) + 0.5) * corner[2])[:, None] - view.centre[1]) / depth
    return np.stack([r2, r2**2, east, north], axis=-1).astype(np.float32)


def cell_positions(source: Source, coverage: Coverage, part: Box, offset: tuple[float, float]) -> Float32:
    """Where the middles of some cells lie in the source's first photo, as `photo_positions` gives them."""
    heights, corner = cell_corner(coverage, part, offset)
    maps = np.empty((2, *heights.shape), np.float32)
    photo_positions(heights, corner, source.views[0].packed, np.isfinite(heights), maps)
    return maps


def cell_corner(coverage: Coverage, part: Box, offset: tuple[float, float]) -> tuple[Float32, Float64]:
    """Heights of some cells (means of their known parts), and their (x0, y0, cell) in the reconstruction's frame."""
    grid, (rows, columns) = coverage.grid, part
    halves = coverage.heights[2 * rows.start : 2 * rows.stop, 2 * columns.start : 2 * columns.stop]
    quads = halves.reshape(rows.stop - rows.start, 2, columns.stop - columns.start, 2)
    corner = np.array(
        [
            grid.x_min - offset[0] + columns.start * grid.pixel_m,
            grid.y_max - offset[1] - rows.start * grid.pixel_m,
            grid.pixel_m,
        ]
    )
    known = np.isfinite(quads)
    count = known.sum(axis=(1, 3))
    total = np.where(known, quads, 0).sum(axis=(1, 3))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32), corner


def take_glimpses(
    sources: Sequence[Source], coverage: Coverage, parts: Sequence[SeenPart], offset: tuple[float, float]
) -> tuple[list[Glimpse], Sightings]:
    """Every source on its candidate cells, and a sample of cells from all that see them."""
    least = _least(parts, coverage.grid.shape)
    covered = int(np.count_nonzero(least != NONE))
    stride = max(1, int(np.sqrt(covered / max(4000, _SIGHTINGS * len(sources)))))
    scale = _scale([source.paths[0] for source in sources])
    glimpses, rows = [], []
    for index, (source, part) in enumerate(zip(sources, parts, strict=True)):
        whole = _shown(source, coverage, part, offset, scale)
        at, basis = _sampled(source, coverage, part, offset, stride)
        cells = (at[0] + part.rows.start) * coverage.grid.width + at[1] + part.columns.start
        rows.append((cells.astype(np.int32), np.full(len(cells), index, np.int32), whole[at].astype(np.float32), basis))
        glimpses.append(_candidate(part, whole, least[part.box]))
    cells, indexes, values, bases = (np.concatenate(column) for column in zip(*rows, strict=True))
    return glimpses, Sightings(cells, indexes, values, bases)


def _least(parts: Sequence[SeenPart], shape: tuple[int, int]) -> NDArray[np.uint16]:
    least = np.full(shape, NONE, np.uint16)
    for part in parts:
        least[part.box] = np.minimum(least[part.box], part.costs)
    return least


def _candidate(part: SeenPart, whole: UInt8, least: NDArray[np.uint16]) -> Glimpse:
    """Cut to the cells for which the source may be taken."""
    good = (part.costs != NONE) & (part.costs <= least.astype(np.int64) + round(CORRIDOR * COST_UNIT))
    if not good.any():
        none = slice(part.rows.start, part.rows.start), slice(part.columns.start, part.columns.start)
        return Glimpse(*none, part.costs[:0, :0], whole[:0, :0], good[:0, :0])
    down, across = np.flatnonzero(good.any(axis=1)), np.flatnonzero(good.any(axis=0))
    cut = slice(int(down[0]), int(down[-1]) + 1), slice(int(across[0]), int(across[-1]) + 1)
    return Glimpse(
        slice(part.rows.start + cut[0].start, part.rows.start + cut[0].stop),
        slice(part.columns.start + cut[1].start, part.columns.start + cut[1].stop),
        np.where(good, part.costs, NONE)[cut],
        whole[cut].copy(),
        part.seen[cut].copy(),
    )


def _sampled(
    source: Source, coverage: Coverage, part: SeenPart, offset: tuple[float, float], stride: int
) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], Float32]:
    """Visible cells on whole strides of the mosaic, counted within the part, and their `view_basis`."""
    heights, corner = cell_corner(coverage, part.box, offset)
    basis = view_basis(source.views[0], cell_positions(source, coverage, part.box, offset), heights, corner)
    chosen = part.seen.copy()
    chosen[(np.arange(part.rows.start, part.rows.stop) % stride) != stride // 2] = False
    chosen[:, (np.arange(part.columns.start, part.columns.stop) % stride) != stride // 2] = False
    rows, columns = (axis.astype(np.int64) for axis in np.nonzero(chosen))
    return (rows, columns), basis[rows, columns]


def _shown(source: Source, coverage: Coverage, part: SeenPart, offset: tuple[float, float], scale: float) -> UInt8:
    """The first photo on all cells of a part, (rows, columns, 3); replicated beyond its border."""
    if not part.costs.size:
        return np.zeros((*part.costs.shape, 3), np.uint8)
    maps = cell_positions(source, coverage, part.box, offset)
    inside = maps[0] >= 0
    # photo pixels a cell: the photo is brought to about that size before it is sampled
    across = np.abs(np.diff(maps, axis=2)).sum(axis=0)[inside[:, 1:] & inside[:, :-1]]
    pitch = float(np.median(across)) if across.size else 1.0
    factor = picture_reduction(pitch)
    photo = read_reduced(source.paths[0], factor)
    if photo.dtype != np.uint8:
        photo = np.clip(np.nan_to_num(photo) * scale, 0, 255).astype(np.uint8)
    if pitch >= 2 * factor:
        side = int(pitch // factor)
        photo = cv2.blur(photo, (side, side))
    at = (maps + 0.5) / factor - 0.5
    shown = cv2.remap(photo, at[0], at[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if shown.ndim == 2:
        shown = np.repeat(shown[:, :, None], 3, axis=2)
    return np.asarray(shown, np.uint8)


def _scale(paths: Sequence[Path]) -> float:
    """Factor that brings photos of more than 8 bits to 0 - 255, from a few of them."""
    few = [read_reduced(path, 8) for path in paths[:: max(1, len(paths) // 4)]]
    if few[0].dtype == np.uint8:
        return 1.0
    bright = max(float(np.nanpercentile(photo, 99)) for photo in few)
    return 230.0 / max(bright, 1e-9)
