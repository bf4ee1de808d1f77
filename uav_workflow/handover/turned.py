"""How much of a pixel belongs to a cell of another CRS: a neighbouring UTM zone, a projection of its own.

There a pixel is a quadrilateral, a little turned against the cells. Most lie wholly in one cell; those across an edge
are cut by it. The corners of all pixels come from one lattice, so that neighbours share them and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Block, Grid
from uav_workflow.handover.weights import Float64

Int64 = NDArray[np.int64]

LATTICE_M = 20.0
"""Between two transformed nodes corners are interpolated: 8 um off where a straight line bends as the ground does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnedWeights:
    """Weights of a window of pixels over a block of cells in another CRS.

    Attributes
    ----------
    pixel, cell, shared : arrays (n,)
        Every pair of a pixel and a cell (numbers row by row) that overlap, and the area shared.
    centre : int64 (rows, columns)
        Cell in which each pixel has its centre; -1 outside.
    area : float64 (rows, columns)
        Of each pixel, in the cells' CRS.
    """

    pixel: Int64
    cell: Int64
    shared: Float64
    centre: Int64
    area: Float64
    shape: tuple[int, int]

    @classmethod
    def of(cls, raster: Grid, block: Block, cells: Grid) -> TurnedWeights:
        """Weights of a window of a raster."""
        corners = _corners(raster, block, cells)
        quads = np.stack([corners[:-1, :-1], corners[:-1, 1:], corners[1:, 1:], corners[1:, :-1]], axis=2)
        area = _shoelace(quads)
        middle = quads.mean(axis=2)
        pairs = _pairs(quads, area, cells)
        return cls(
            pixel=pairs[0], cell=pairs[1], shared=pairs[2], centre=_number(middle, cells), area=area, shape=cells.shape
        )

    def sums(self, plane: Float64) -> Float64:
        """Sum of value times shared area a cell."""
        return self._binned(self.cell, plane.ravel()[self.pixel] * self.shared)

    def centred(self, plane: Float64) -> Float64:
        """Sum of the values whose pixel has its centre in the cell."""
        inside = self.centre >= 0
        return self._binned(self.centre[inside], plane[inside])

    def members(self, plane: Float64, step: int) -> Iterator[tuple[int, Float64]]:
        """Every cell's number with the finite values centred in it."""
        centre, values = self.centre[::step, ::step].ravel(), plane[::step, ::step].ravel()
        kept = (centre >= 0) & np.isfinite(values)
        centre, values = centre[kept], values[kept]
        order = np.argsort(centre, kind="stable")
        numbers, starts = np.unique(centre[order], return_index=True)
        for number, part in zip(numbers, np.split(values[order], starts[1:]), strict=False):
            yield int(number), part

    def _binned(self, cell: Int64, values: Float64) -> Float64:
        sums: Float64 = np.bincount(cell, values, minlength=self.shape[0] * self.shape[1]).astype(np.float64)
        return sums.reshape(self.shape)


def _corners(raster: Grid, block: Block, cells: Grid) -> Float64:
    """Corners of the window's pixels as (x, y) from the cells' upper left corner, y downwards: (rows + 1, cols + 1, 2).

    Nodes lie on multiples of the lattice's step in the raster, so that every window finds a pixel at the same place.
    """
    from pyproj import Transformer

    step = max(1, int(LATTICE_M / raster.pixel_m))
    rows = np.arange(block.row, block.row + block.height + 1)
    cols = np.arange(block.col, block.col + block.width + 1)
    node_rows, node_cols = (np.arange(i[0] // step, -(-i[-1] // step) + 1) * step for i in (rows, cols))
    easting = raster.x_min + node_cols * raster.pixel_m
    northing = raster.y_max - node_rows * raster.pixel_m
    transformer = Transformer.from_crs(raster.crs, cells.crs, always_xy=True)
    x, y = transformer.transform(*np.meshgrid(easting, northing))
    down, across = _linear(rows, node_rows), _linear(cols, node_cols)
    return np.stack([down @ (x - cells.x_min) @ across.T, down @ (cells.y_max - y) @ across.T], axis=-1)


def _linear(at: Int64, nodes: Int64) -> Float64:
    """Matrix that interpolates between nodes: (at, nodes)."""
    matrix = np.zeros((at.size, nodes.size))
    if nodes.size == 1:
        matrix[:] = 1.0
        return matrix
    left = np.clip(np.searchsorted(nodes, at, side="right") - 1, 0, nodes.size - 2)
    share = (at - nodes[left]) / (nodes[left + 1] - nodes[left])
    index = np.arange(at.size)
    matrix[index, left] = 1.0 - share
    matrix[index, left + 1] += share
    return matrix


def _shoelace(quads: Float64) -> Float64:
    x, y = quads[..., 0], quads[..., 1]
    twice = x * np.roll(y, -1, axis=2) - np.roll(x, -1, axis=2) * y
    area: Float64 = np.abs(twice.sum(axis=2)) / 2
    return area


def _number(points: Float64, cells: Grid) -> Int64:
    """Number of the cell each point lies in, row by row; -1 outside."""
    col, row = np.moveaxis(np.floor(points / cells.pixel_m).astype(np.int64), -1, 0)
    inside = (row >= 0) & (row < cells.height) & (col >= 0) & (col < cells.width)
    return np.where(inside, row * cells.width + col, -1)


def _pairs(quads: Float64, area: Float64, cells: Grid) -> tuple[Int64, Int64, Float64]:
    """Pixel, cell and shared area of all that overlap."""
    flat = quads.reshape(-1, 4, 2)
    first = np.floor(flat.min(axis=1) / cells.pixel_m).astype(np.int64)
    last = np.floor(flat.max(axis=1) / cells.pixel_m).astype(np.int64)
    whole = (first == last).all(axis=1)
    number = np.where(_within(first, cells), first[:, 1] * cells.width + first[:, 0], -1)
    inner = np.flatnonzero(whole & (number >= 0))
    pixels, numbers, shared = [inner], [number[inner]], [area.ravel()[inner]]
    across = np.flatnonzero(~whole)
    reach = (last - first)[across]
    for right in range(int(reach[:, 0].max(initial=-1)) + 1):
        for down in range(int(reach[:, 1].max(initial=-1)) + 1):
            touched = across[(reach[:, 0] >= right) & (reach[:, 1] >= down)]
            cell = first[touched] + [right, down]
            kept = _within(cell, cells)
            touched, cell = touched[kept], cell[kept]
            pixels.append(touched)
            numbers.append(cell[:, 1] * cells.width + cell[:, 0])
            shared.append(_cut(flat[touched], cell * cells.pixel_m, cells.pixel_m))
    return np.concatenate(pixels), np.concatenate(numbers), np.concatenate(shared)


def _within(cell: Int64, cells: Grid) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = np.all((cell >= 0) & (cell < [cells.width, cells.height]), axis=1)
    return inside


def _cut(quads: Float64, corner: Float64, side: float) -> Float64:
    """Area each quadrilateral shares with its cell."""
    import shapely

    if not quads.size:
        return np.zeros(0)
    boxes = shapely.box(corner[:, 0], corner[:, 1], corner[:, 0] + side, corner[:, 1] + side)
    area: Float64 = shapely.area(shapely.intersection(shapely.polygons(quads), boxes))
    return area
