"""Everything that is decided once for the whole mosaic, on cells: which source shows what, and in which tone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_workflow.compiled import compiled
from uav_workflow.domain.grid import Grid
from uav_workflow.engine.mosaic.blending import Tone, soften
from uav_workflow.engine.mosaic.coverage import Box, Coverage, survey
from uav_workflow.engine.mosaic.exposure import Exposure, even_exposure
from uav_workflow.engine.mosaic.glimpses import cell_corner, cell_positions, take_glimpses, view_basis
from uav_workflow.engine.mosaic.seams import lay_seams
from uav_workflow.engine.mosaic.sources import Source
from uav_workflow.engine.mosaic.visibility import Lookout
from uav_workflow.engine.surface.views import Float32, Float64

Int32 = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class MosaicPlan:
    """The plan of one mosaic.

    Attributes
    ----------
    boxes : sequence of Box
        Cells that hold all each source may see.
    label : (rows, columns) int32
        Source of each cell, -1 where none sees it.
    tones : sequence of Tone
        One a source; empty for a mosaic whose values must not change.
    """

    coverage: Coverage
    boxes: Sequence[Box]
    offset: tuple[float, float]
    label: Int32
    exposure: Exposure
    tones: Sequence[Tone]

    def planned(self, row: int, col: int, shape: tuple[int, int]) -> Int32:
        """Source planned for each pixel of a tile whose first pixel is (row, col); may lie partly outside."""
        pixels = np.full(shape, -1, np.int32)
        _enlarge(self.label, self.coverage.factor, row, col, pixels)
        return pixels

    def views(self, row: int, col: int, shape: tuple[int, int]) -> NDArray[np.uint16]:
        """Sources that see each pixel of a tile, found on the quarters of the cells."""
        side = self.coverage.factor // 2
        rows = np.arange(row, row + shape[0]) // side
        columns = np.arange(col, col + shape[1]) // side
        return self.coverage.views[np.ix_(rows, columns)]

    def candidates(self, row: int, col: int, shape: tuple[int, int]) -> list[int]:
        """Sources that may see some of a tile."""
        factor = self.coverage.factor
        return [
            index
            for index, (rows, columns) in enumerate(self.boxes)
            if rows.stop > rows.start
            and rows.start * factor < row + shape[0]
            and rows.stop * factor > row
            and columns.start * factor < col + shape[1]
            and columns.stop * factor > col
        ]

    def toning(self, index: int, source: Source, row: int, col: int, shape: tuple[int, int]) -> tuple[Float32, Float64]:
        """Factors and shift (rows, columns, 6) of a source on the cells of a part of a tile, and `mix`'s place."""
        factor = self.coverage.factor
        box = (
            _cells(row, shape[0], factor, self.label.shape[0]),
            _cells(col, shape[1], factor, self.label.shape[1]),
        )
        basis = _basis(source, self.coverage, box, self.offset)
        tone = np.concatenate([self.exposure.factors(index, basis), self.tones[index].on(box)], axis=2)
        place = np.array(
            [(row + 0.5) / factor - 0.5 - box[0].start, (col + 0.5) / factor - 0.5 - box[1].start, 1 / factor]
        )
        return tone, place


def plan_mosaic(sources: Sequence[Source], lookout: Lookout, grid: Grid, *, picture: bool) -> MosaicPlan:
    """Survey the sources, even their exposure, lay the seams and, for a picture, bring the tones together."""
    coverage, parts = survey(sources, lookout, grid)
    glimpses, sightings = take_glimpses(sources, coverage, parts, lookout.offset)
    boxes = [part.box for part in parts]
    # what grows with the photos is let go of as soon as it has served
    del parts
    lenses: dict[bytes, int] = {}
    lens = [lenses.setdefault(source.views[0].lens.tobytes(), len(lenses)) for source in sources]
    exposure = even_exposure(sightings, np.array(lens, np.int64))
    del sightings
    for index, (source, glimpse) in enumerate(zip(sources, glimpses, strict=True)):
        factors = exposure.factors(index, _basis(source, coverage, glimpse.box, lookout.offset))
        glimpse.colours[:] = np.clip(glimpse.colours * factors + 0.5, 0, 255)
    label = lay_seams(glimpses, coverage.grid.shape)
    tones = soften(label, glimpses) if picture else []
    return MosaicPlan(coverage, boxes, lookout.offset, label, exposure, tones)


def _basis(source: Source, coverage: Coverage, box: Box, offset: tuple[float, float]) -> Float32:
    heights, corner = cell_corner(coverage, box, offset)
    maps = cell_positions(source, coverage, box, offset)
    basis = view_basis(source.views[0], maps, heights, corner)
    # beyond the frame and the surface: as in the middle of the photo, which is what stands for nothing
    basis[maps[0] < 0] = 0
    return basis


def _cells(first: int, length: int, factor: int, count: int) -> slice:
    """Cells whose middles enclose some pixels."""
    low = (2 * first - factor) // (2 * factor)
    high = -(-(2 * (first + length) - factor) // (2 * factor)) + 1
    low = min(max(low, 0), count - 1)
    return slice(low, min(max(high, low + 1), count))


@compiled
def _enlarge(label: Int32, factor: int, row: int, col: int, pixels: Int32) -> None:
    """The label that weighs most in bilinear interpolation: cells with their corners cut, not stairs."""
    rows, columns = label.shape
    for i in range(pixels.shape[0]):
        y = (row + i + 0.5) / factor - 0.5
        r = int(np.floor(y))
        fy = y - r
        for j in range(pixels.shape[1]):
            x = (col + j + 0.5) / factor - 0.5
            c = int(np.floor(x))
            fx = x - c
            most = 0.0
            for part in range(4):
                r1, c1 = r + part // 2, c + part % 2
                if r1 < 0 or c1 < 0 or r1 >= rows or c1 >= columns or label[r1, c1] < 0:
                    continue
                weight = 0.0
                for other in range(4):
                    r2, c2 = r + other // 2, c + other % 2
                    if 0 <= r2 < rows and 0 <= c2 < columns and label[r2, c2] == label[r1, c1]:
                        weight += (fy if other // 2 else 1 - fy) * (fx if other % 2 else 1 - fx)
                if weight > most:
                    most = weight
                    pixels[i, j] = label[r1, c1]
