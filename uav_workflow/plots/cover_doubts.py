"""How sure green cover is on every plot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uav_workflow.domain.ground import Plot
from uav_workflow.plots.extraction import zonal
from uav_workflow.vegetation.cover import DISAGREE, OPINIONS_TIF, SD_BAND, TOTAL_SD_BAND


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverDoubt:
    """Uncertainty of one plot's cover.

    Attributes
    ----------
    sd : float or None
        Standard uncertainty: spread of the two methods and what the fit left unsure, added in squares. None where the
        fit doesn't know what it left unsure: the spread alone would sell a part for the whole.
    total_sd : float or None
        Standard uncertainty of total cover: errors of the forest on shapes it had not seen. None where not known.
    disagrees : bool
        The two methods differ by more than `cover.DISAGREE` on the plot.
    """

    sd: float | None
    disagrees: bool
    total_sd: float | None = None


def cover_doubts(plots: Sequence[Plot], cover: Path) -> dict[str, CoverDoubt]:
    """Plot id -> doubt, from cover.tif and cover_opinions.tif beside it; empty where there is no second file."""
    opinions = cover.with_name(OPINIONS_TIF)
    if not opinions.is_file():
        return {}
    rows = zonal(plots, cover, ("fvc_green",))
    first = {row.plot_id: row.mean for row in rows if math.isfinite(row.mean)}
    fitted: dict[str, float] = {}
    second: dict[str, float] = {}
    total: dict[str, float] = {}
    parts = {SD_BAND: fitted, TOTAL_SD_BAND: total}
    for row in zonal(plots, opinions):
        parts.get(row.band, second)[row.plot_id] = row.mean
    found = {}
    for plot_id, value in first.items():
        apart, sd, whole = (part.get(plot_id, math.nan) for part in (second, fitted, total))
        apart = abs(apart - value)
        # the standard deviation of two values is their difference over the root of two
        spread = apart / math.sqrt(2) if math.isfinite(apart) else 0.0
        found[plot_id] = CoverDoubt(
            sd=math.hypot(sd, spread) if math.isfinite(sd) else None,
            disagrees=bool(apart > DISAGREE),
            total_sd=whole if math.isfinite(whole) else None,
        )
    return found
