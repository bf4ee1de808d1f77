"""How predictions fail: compressed to the mean, saturated at the top, worse where the cell is unlike any seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.product import Json

Floats = NDArray[np.float64]

FIFTHS = 5
STEPS = 10
LEAST_A_STEP = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Tendency:
    """Of predictions of cells left out.

    Attributes
    ----------
    slope, intercept : float
        Of predicted on observed by least squares: below 1 what is low comes out high and what is high low.
    fifths : tuple of mapping
        Fifths of the cells by what was observed: n, from, to, bias and rmse. A bias that is negative in the highest
        fifth alone is saturation.
    by_dissimilarity : tuple of mapping
        Tenths of the cells by their dissimilarity index: n, its mean, from and to, and rmse.
    """

    slope: float
    intercept: float
    fifths: tuple[Mapping[str, Json], ...]
    by_dissimilarity: tuple[Mapping[str, Json], ...]

    @classmethod
    def of(cls, predicted: Floats, observed: Floats, index: Floats) -> Tendency:
        """Measure it; ``index`` is the dissimilarity of every cell to those outside its fold."""
        spread = observed - observed.mean()
        slope = float(spread @ predicted / (spread @ spread)) if spread.any() else float("nan")
        error = predicted - observed
        return cls(
            slope=slope,
            intercept=float(predicted.mean() - slope * observed.mean()),
            fifths=tuple(
                {
                    "n": len(part),
                    "from": float(observed[part].min()),
                    "to": float(observed[part].max()),
                    "bias": float(error[part].mean()),
                    "rmse": _root(error[part]),
                }
                for part in _parts(observed, FIFTHS)
            ),
            by_dissimilarity=tuple(
                {
                    "n": len(part),
                    "from": float(index[part].min()),
                    "to": float(index[part].max()),
                    "mean": float(index[part].mean()),
                    "rmse": _root(error[part]),
                }
                for part in _parts(index, STEPS)
            ),
        )

    def to_json(self) -> dict[str, Json]:
        """Plain dictionary for JSON."""
        return {
            "slope": self.slope if np.isfinite(self.slope) else None,
            "intercept": self.intercept if np.isfinite(self.intercept) else None,
            "fifths": [dict(row) for row in self.fifths],
            "by_dissimilarity": [dict(row) for row in self.by_dissimilarity],
        }


def _root(error: Floats) -> float:
    return float(np.sqrt(np.mean(error**2)))


def _parts(by: Floats, most: int) -> list[NDArray[np.int64]]:
    """Cells in order, cut into parts of one size, fewer where parts would be very small."""
    count = max(1, min(most, by.size // LEAST_A_STEP))
    return np.array_split(np.argsort(by, kind="stable"), count)
