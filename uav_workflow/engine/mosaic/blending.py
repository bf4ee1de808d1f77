"""Tones of a picture brought together along its seams: one smooth correction a source, found on the cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_workflow.compiled import compiled
from uav_workflow.engine.mosaic.glimpses import Glimpse
from uav_workflow.engine.surface.views import Float32, Float64

MARGIN = 12
"""Cells beyond a source's own on which its tone is known, for what is hidden in the source that was to show it."""

_WIDE, _EVEN = 6.0, 2.5
"""Standard deviations, cells: of the strip over which tones pass into each other, of the mean a tone is."""
_OTHER_THING = 24.0
"""Differences beyond so many DN come from different things, not from different light, and count no more than these."""

Int32 = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Tone:
    """What is added to a source's colours, (rows, columns, 3) float16 DN on cells; nothing beyond these."""

    rows: slice
    columns: slice
    shift: NDArray[np.float16]

    def on(self, box: tuple[slice, slice]) -> Float32:
        """The shift on a box of cells, (rows, columns, 3)."""
        found = np.zeros((box[0].stop - box[0].start, box[1].stop - box[1].start, 3), np.float32)
        rows, columns = _common(self.rows, box[0]), _common(self.columns, box[1])
        if rows.stop > rows.start and columns.stop > columns.start:
            found[_within(rows, box[0]), _within(columns, box[1])] = self.shift[
                _within(rows, self.rows), _within(columns, self.columns)
            ]
        return found


def soften(label: Int32, glimpses: Sequence[Glimpse]) -> list[Tone]:
    """Corrections that make the low frequencies of neighbours meet half-way on their seam.

    Two bands in the sense of Burt & Adelson (1983): tones pass into each other over a wide strip, here; detail over two
    or three pixels (`mix`). Only cells that both sources see are compared, and large differences count as small ones:
    a crown that stands elsewhere in the other photo is no difference of light.

    Parameters
    ----------
    label : (rows, columns) int32
        Source of each cell.
    glimpses : sequence of Glimpse
        With exposure evened.
    """
    return [_tone(index, glimpse, label, glimpses) for index, glimpse in enumerate(glimpses)]


def _tone(index: int, glimpse: Glimpse, label: Int32, glimpses: Sequence[Glimpse]) -> Tone:
    own = np.argwhere(label[glimpse.box] == index)
    if not len(own):
        return Tone(slice(0, 0), slice(0, 0), np.zeros((0, 0, 3), np.float16))
    box, wide = (
        tuple(
            slice(max(0, side.start + int(low) - margin), min(length, side.start + int(high) + 1 + margin))
            for side, low, high, length in zip(glimpse.box, own.min(axis=0), own.max(axis=0), label.shape, strict=True)
        )
        for margin in (MARGIN, MARGIN + round(3 * _WIDE))
    )
    around = label[wide]
    pull = np.zeros((*around.shape, 3), np.float32)
    total = np.full(around.shape, 1e-6, np.float32)
    for other in np.unique(around[around >= 0]):
        near = cv2.GaussianBlur((around == other).astype(np.float32), (0, 0), _WIDE)
        if other != index:
            step, known = _step(glimpse, glimpses[other], (wide[0], wide[1]))
            near *= known
            pull += near[:, :, None] * step
        total += near
    shift = pull / total[:, :, None]
    return Tone(box[0], box[1], shift[_within(box[0], wide[0]), _within(box[1], wide[1])].astype(np.float16))


def _step(first: Glimpse, second: Glimpse, box: tuple[slice, slice]) -> tuple[Float32, Float32]:
    """Low frequencies of second minus first on a box of cells, and how far they are known, 0 - 1."""
    shape = box[0].stop - box[0].start, box[1].stop - box[1].start
    rows = _common(first.rows, second.rows, box[0])
    columns = _common(first.columns, second.columns, box[1])
    step, known = np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32)
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return step, known
    a, b = ((_within(rows, glimpse.rows), _within(columns, glimpse.columns)) for glimpse in (first, second))
    both = (first.seen[a] & second.seen[b]).astype(np.float32)
    apart = second.colours[b].astype(np.float32) - first.colours[a]
    size = np.abs(apart).max(axis=2)
    apart *= (both * np.minimum(1, _OTHER_THING / np.maximum(size, 1e-3)))[:, :, None]
    weight = cv2.GaussianBlur(both, (0, 0), _EVEN)
    mean = cv2.GaussianBlur(apart, (0, 0), _EVEN) / np.maximum(weight, 1e-3)[:, :, None]
    inner = _within(rows, box[0]), _within(columns, box[1])
    step[inner] = mean
    known[inner] = np.minimum(1, 4 * weight)
    return step, known


def _common(*sides: slice) -> slice:
    return slice(max(side.start for side in sides), min(side.stop for side in sides))


def _within(part: slice, whole: slice) -> slice:
    return slice(part.start - whole.start, part.stop - whole.start)


@compiled
def mix(  # noqa: PLR0917 - a compiled loop takes plain arrays
    sample: NDArray[np.uint8], maps: Float32, weight: Float32, tone: Float32, place: Float64, total: Float32
) -> None:
    """Add a photo's part of a tile to ``total`` (rows, columns, 4): toned colours x weight, and the weight.

    Parameters
    ----------
    sample : (rows, columns, 3) uint8
    maps : (2, rows, columns) float32
        Positions in the photo; negative where it has no content.
    weight : (rows, columns) float32
    tone : (rows, columns, 6) float32
        On cells.
    place : (3,) float64
        Row and column, in cells of the tone, of the middle of the first pixel; cells a pixel.
    """
    last_row, last_col = tone.shape[0] - 1, tone.shape[1] - 1
    for i in range(weight.shape[0]):
        y = min(max(place[0] + i * place[2], 0.0), float(last_row))
        r = min(int(y), max(last_row - 1, 0))
        r2, fy = min(r + 1, last_row), np.float32(y - r)
        for j in range(weight.shape[1]):
            w = weight[i, j]
            if w <= 0 or maps[0, i, j] < 0:
                continue
            x = min(max(place[1] + j * place[2], 0.0), float(last_col))
            c = min(int(x), max(last_col - 1, 0))
            c2, fx = min(c + 1, last_col), np.float32(x - c)
            for k in range(3):
                factor = (tone[r, c, k] * (1 - fx) + tone[r, c2, k] * fx) * (1 - fy) + (
                    tone[r2, c, k] * (1 - fx) + tone[r2, c2, k] * fx
                ) * fy
                shift = (tone[r, c, k + 3] * (1 - fx) + tone[r, c2, k + 3] * fx) * (1 - fy) + (
                    tone[r2, c, k + 3] * (1 - fx) + tone[r2, c2, k + 3] * fx
                ) * fy
                total[i, j, k] += w * (sample[i, j, k] * factor + shift)
            total[i, j, 3] += w
