"""Where the marks of plots should lie, how far off they may, and places where none should be."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from uav_workflow.domain.ground import Plot
from uav_workflow.plots.mark_fit import CornerMark, Pair
from uav_workflow.plots.position import FIX_SIGMA_M, kind_of_fix

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

MOST_CORNERS = 8
"""An outline of more is a circle or a walked border, whose corners nobody marked."""
UNKNOWN_MAP_M = 0.1
"""Taken for the map's horizontal error where no check points were surveyed, and said."""
SIGMAS = 3.0
SHARE_OF_SIDE = 0.25
"""Most of an edge that is searched: the middle of the edge, where no mark is, stays outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corner:
    """A place on the map where a mark is looked for.

    Attributes
    ----------
    x, y : float
        Where the survey says it lies, in the map's CRS, metres.
    along : pair of (x, y)
        Unit vectors along the plot's edges, from here.
    sigma_m : float
        Standard deviation of the plot's position.
    radius_m : float
        How far it is looked for.
    """

    plot_id: str
    number: int
    x: float
    y: float
    along: tuple[Pair, Pair]
    sigma_m: float
    radius_m: float


def sigma_of(plot: Plot) -> float:
    """Horizontal standard deviation of a plot, metres: stated, usual for its fix, or a fixed one's (and said)."""
    if plot.sigma_h_m is not None:
        return plot.sigma_h_m
    return FIX_SIGMA_M[kind_of_fix(plot.fix_type) or "fixed"]


def expected_corners(
    plots: Sequence[Plot], outlines: Sequence[BaseGeometry], mark: CornerMark, map_error_m: float | None
) -> tuple[list[Corner], list[Corner]]:
    """Corners of the plots, and as many places between them.

    A corner that two plots share is looked for once. The search reaches three standard deviations of plot and map
    together, and no further than a quarter of the shorter edge.

    Parameters
    ----------
    outlines : sequence
        Of the plots, in the map's CRS.
    map_error_m : float or None
        Horizontal RMSE of the map's check points; `UNKNOWN_MAP_M` is taken for None.

    Returns
    -------
    (corners, controls) : list of Corner
        Controls are the middles of the edges: what looks like a mark there is none.
    """
    error = UNKNOWN_MAP_M if map_error_m is None else map_error_m
    corners: list[Corner] = []
    controls: list[Corner] = []
    for plot, outline in zip(plots, outlines, strict=True):
        radius = SIGMAS * math.hypot(sigma_of(plot), error)
        for corner, control in _of_outline(plot, outline, radius):
            if all(math.hypot(corner.x - one.x, corner.y - one.y) > mark.size_m / 2 for one in corners):
                corners.append(corner)
                controls.append(control)
    return corners, controls


def _of_outline(plot: Plot, outline: BaseGeometry, radius: float) -> Iterator[tuple[Corner, Corner]]:
    """Each corner with the middle of the edge that follows."""
    if outline.is_empty or outline.geom_type != "Polygon" or plot.shape == "circle":
        return
    # points on a straight edge are no corners
    ring = [(float(x), float(y)) for x, y, *_ in outline.simplify(1e-3).exterior.coords[:-1]]
    if len(ring) > MOST_CORNERS:
        return
    for number, (x, y) in enumerate(ring):
        after, before = ring[(number + 1) % len(ring)], ring[number - 1]
        sides = [math.hypot(other[0] - x, other[1] - y) for other in (after, before)]
        ways = [((o[0] - x) / side, (o[1] - y) / side) for o, side in zip((after, before), sides, strict=True)]
        reach = min(radius, SHARE_OF_SIDE * min(sides))
        about = {"plot_id": plot.plot_id, "number": number + 1, "sigma_m": sigma_of(plot), "radius_m": reach}
        along = (ways[0], ways[1])
        yield (
            Corner(x=x, y=y, along=along, **about),  # type: ignore[arg-type]
            Corner(x=(x + after[0]) / 2, y=(y + after[1]) / 2, along=along, **about),  # type: ignore[arg-type]
        )
