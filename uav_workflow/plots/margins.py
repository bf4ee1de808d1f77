"""What lies just inside a plot's edge and just outside: the plot without its margin, and the ring around it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from uav_workflow.domain.ground import Plot
from uav_workflow.plots.extraction import ZonalStatistics, in_crs, zonal
from uav_workflow.rasters.reader import Raster

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry


@dataclass(frozen=True, slots=True, kw_only=True)
class Margins:
    """How wide they are, in sides of the plot: the side of the square of its area.

    Attributes
    ----------
    inner : float
        Cut off inside the edge: frames, trampling, and position errors show there.
    ring : float
        Width of the ring outside.
    """

    inner: float = 0.05
    ring: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """One band of one plot."""

    inner: ZonalStatistics
    ring: ZonalStatistics
    """Mean and sd alone."""


def surroundings(plots: Sequence[Plot], raster: Path, margins: Margins) -> list[Surroundings]:
    """Inner part and ring of every plot, in the order of `extraction.zonal`.

    A plot that is narrower than its two margins has no inner part: NaN.

    Raises
    ------
    RasterError
        The raster can't be read.
    """
    with Raster(raster) as opened:
        crs = opened.grid.crs
    outlines = in_crs(plots, crs)
    pairs = list(zip(plots, outlines, strict=True))
    inside = [replace(plot, geometry=_grown(shape, -margins.inner), crs=crs) for plot, shape in pairs]
    around = [replace(plot, geometry=_grown(shape, margins.ring).difference(shape), crs=crs) for plot, shape in pairs]
    inner = zonal(inside, raster)
    ring = zonal(around, raster, statistics=("n_pixels", "mean", "sd"))
    return [Surroundings(inner=one, ring=other) for one, other in zip(inner, ring, strict=True)]


def _grown(shape: BaseGeometry, sides: float) -> BaseGeometry:
    """Shape with its edge moved outwards by so many sides, corners kept sharp."""
    grown: BaseGeometry = shape.buffer(sides * math.sqrt(shape.area), join_style="mitre")
    return grown
