"""What is counted while a reflectance mosaic is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.mosaic.empirical_line import EmpiricalLine

FloatArray = NDArray[np.float64]


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts over the blocks of a mosaic.

    Attributes
    ----------
    finite, saturated, outside : int64 (bands,)
        Values measured, saturated, and measured outside what a line's targets span.
    value, sd : float64 (bands,)
        Sums of reflectance and of its shared standard uncertainty.
    """

    finite: NDArray[np.int64]
    saturated: NDArray[np.int64]
    outside: NDArray[np.int64]
    value: FloatArray
    sd: FloatArray
    bands: dict[str, int]

    @classmethod
    def empty(cls, count: int) -> Tally:
        """Nothing counted yet."""
        zero = np.zeros(count, np.int64)
        nothing = np.zeros(count)
        return cls(finite=zero, saturated=zero.copy(), outside=zero.copy(), value=nothing, sd=nothing.copy(), bands={})

    def count(
        self, signal: NDArray[np.float32], saturated: NDArray[np.bool_], lines: Sequence[EmpiricalLine | None]
    ) -> None:
        """Add a block (bands, rows, columns), before the lines."""
        self.finite += np.isfinite(signal).sum(axis=(1, 2))
        self.saturated += saturated.sum(axis=(1, 2))
        for index, line in enumerate(lines):
            if line is not None:
                self.bands[line.band] = index
                beyond = (signal[index] < line.low) | (signal[index] > line.high)
                self.outside[index] += np.count_nonzero(beyond)

    def weigh(self, values: NDArray[np.float32], shared: NDArray[np.float32]) -> None:
        """Add a block of reflectance and its uncertainty."""
        self.value += np.nansum(values, axis=(1, 2), dtype=np.float64)
        self.sd += np.nansum(shared, axis=(1, 2), dtype=np.float64)

    @property
    def measured(self) -> int:
        """Values of all bands."""
        return int(self.finite.sum())

    @property
    def at_cap(self) -> float:
        """Share of the values that stood at the cap."""
        return float(self.saturated.sum() / max(self.finite.sum() + self.saturated.sum(), 1))

    def beyond(self, band: str) -> float:
        """Share of a band's values outside the range of its targets."""
        index = self.bands[band]
        return float(self.outside[index] / max(self.finite[index], 1))

    def typical(self, index: int) -> float | None:
        """Shared standard uncertainty over reflectance, of the band's means."""
        return round(float(self.sd[index] / self.value[index]), 5) if self.value[index] > 0 else None
