"""Published lines from height to biomass, through zero, by plant functional type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SOURCE = "Cunliffe et al. 2022, Remote Sens. Ecol. Conserv., data doi:10.5285/1ec13364-cbc6-4ab5-a147-45a103853424"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A published line through zero: biomass per metre of height.

    Attributes
    ----------
    slope, slope_se : float
        g m-2 m-1.
    rmse : float
        Of single plots about the line, over all surveys, g/m2.
    r2 : float
        Centred.
    """

    slope: float
    slope_se: float
    rmse: float
    r2: float
    n: int
    surveys: int


ALLOMETRIES: Mapping[str, Published] = {
    "graminoid": Published(slope=2898.9, slope_se=112.4, rmse=209.5, r2=0.50, n=227, surveys=17),
    "shrub": Published(slope=3214.8, slope_se=134.9, rmse=1048.6, r2=0.04, n=397, surveys=24),
    "forb": Published(slope=1191.4, slope_se=262.7, rmse=284.3, r2=-0.14, n=22, surveys=3),
    "fern": Published(slope=1096.2, slope_se=53.3, rmse=118.9, r2=0.95, n=6, surveys=1),
    "succulent": Published(slope=11532.5, slope_se=760.8, rmse=435.5, r2=0.66, n=22, surveys=3),
    "tree": Published(slope=5572.6, slope_se=577.2, rmse=1903.5, r2=0.08, n=38, surveys=2),
}
"""Recomputed from the 741 plots of `SOURCE`. Bryophytes are left out: their line explains less than nothing."""
