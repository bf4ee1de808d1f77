"""One variable of a plot over the dates of many flights."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.product import Json
from uav_workflow.statistics.phenology import Season, season

Floats = NDArray[np.float64]
Row = dict[str, Json]

MEAN = "mean of plots"
"""Stands in the place of a plot's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One variable of one plot, or the mean of a site's plots, over the dates of a year.

    Attributes
    ----------
    days : tuple of date (n,)
    values, sds : float64 (n,)
        The uncertainty is NaN where none is stated.
    flights : tuple of str (n,)
    """

    site_id: str
    plot_id: str
    variable: str
    method: str
    unit: str
    year: int
    days: tuple[date, ...]
    values: Floats
    sds: Floats
    flights: tuple[str, ...]

    def season(self) -> Season:
        """Start, peak and end in days of the year."""
        return season([day.timetuple().tm_yday for day in self.days], self.values)

    def name(self) -> Row:
        """What the curve is of."""
        return {
            "site_id": self.site_id,
            "plot_id": self.plot_id,
            "variable": self.variable,
            "method": self.method,
            "unit": self.unit,
            "year": self.year,
        }
