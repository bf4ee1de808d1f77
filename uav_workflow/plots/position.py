"""How far a plot may lie from where the map shows it, and at which level it can be matched therefore."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from uav_workflow.domain.ground import Plot
from uav_workflow.plots.schema import AT_PARENT, POSITION_OFFSET

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

Level = Literal["own", "parent", "none"]

OFFSET_SHARE = 0.2
"""Offset over side above which plot and map do not show the same ground (0.5 and 1 m quadrats, moved over mosaics)."""

FIX_SIGMA_M: Mapping[str, float] = {"float": 0.5, "differential": 1.0, "fixed": 0.03, "single": 3.0}
"""Horizontal standard deviation taken where a fix type is stated and no sigma, metres: usual figures, not measured."""

_FIX_WORDS: Mapping[str, tuple[str, ...]] = {
    "differential": ("dgps", "dgnss", "sbas", "differential", "waas", "egnos"),
    "fixed": ("fix", "rtk", "ppk", "totalstation"),
    "single": ("single", "autonomous", "handheld", "standalone", "gps", "gnss", "navigation", "phone"),
}
"""Beginnings of words. A number is none: 1 is the poorest solution in NMEA and the best in RTKLIB."""
_NO_FIX = {"no", "not", "none", "nofix", "2d", "3d", "2dfix", "3dfix"}
"""With these no carrier-phase solution is meant, whatever else is written: "3D fix" is a handheld's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a plot may be matched.

    Attributes
    ----------
    offset_m : float or None
        Expected horizontal offset between plot and map: the errors of both that are known, added in squares.
    assumed : str or None
        Kind of fix the plot's part was taken from, where it states no sigma.
    level : {"own", "parent", "none"}
    """

    offset_m: float | None
    assumed: str | None
    level: Level

    @property
    def reason(self) -> str | None:
        """Why its ground rows are not matched on the plot itself."""
        return {"own": None, "parent": AT_PARENT, "none": POSITION_OFFSET}[self.level]


def kind_of_fix(fix_type: str | None) -> str | None:
    """``fixed``, ``float``, ``differential`` or ``single``; None where the words say nothing that is known."""
    words = re.findall(r"[a-z0-9]+", (fix_type or "").lower())
    if any("float" in word for word in words):
        return "float"
    if _NO_FIX.intersection(words):
        return "single"
    return next((kind for kind, heads in _FIX_WORDS.items() if any(word.startswith(heads) for word in words)), None)


def placements(
    plots: Sequence[Plot], geometries: Sequence[BaseGeometry], map_error_m: float | None
) -> dict[str, Placement]:
    """Plot id -> placement.

    Parameters
    ----------
    plots : sequence of Plot
    geometries : sequence
        Their outlines in the map's CRS.
    map_error_m : float or None
        Horizontal RMSE of the map's check points; None where there are none, and the map's part is left out.
    """
    sides = {
        plot.plot_id: math.sqrt(geometry.area) if not geometry.is_empty else math.nan
        for plot, geometry in zip(plots, geometries, strict=True)
    }
    return {plot.plot_id: _placement(plot, sides, map_error_m) for plot in plots}


def _placement(plot: Plot, sides: Mapping[str, float], map_error_m: float | None) -> Placement:
    assumed = kind_of_fix(plot.fix_type) if plot.sigma_h_m is None else None
    own = FIX_SIGMA_M[assumed] if assumed else plot.sigma_h_m
    known = [error for error in (own, map_error_m) if error is not None]
    if not known:
        return Placement(offset_m=None, assumed=None, level="own")
    offset = math.hypot(*known)
    parent = sides.get(plot.parent_plot_id or "", math.nan)
    level: Level = "none"
    if not offset > OFFSET_SHARE * sides[plot.plot_id]:
        level = "own"
    elif offset <= OFFSET_SHARE * parent:
        level = "parent"
    return Placement(offset_m=offset, assumed=assumed, level=level)
