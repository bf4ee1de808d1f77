"""Whether a raster's pixels lie where its satellite has them."""

from __future__ import annotations

from uav_workflow.domain.grid import Grid
from uav_workflow.errors import RasterError
from uav_workflow.findings import Finding, info, warning
from uav_workflow.handover.mgrs import Zone

EDGES_ON_MULTIPLES_M = (10.0, 20.0)
"""Sides of Sentinel-2's pixels; those of 30 m are Landsat's or, on Sentinel-2's tiles, the harmonised product's."""
_NEAR = 0.02
"""Pixels by which a corner may miss the half of one to be taken for it."""


def lattice_findings(where: str, grid: Grid) -> list[Finding]:
    """Say where pixels of 10, 20 or 30 m in UTM lie half a pixel off the satellite's lattice.

    Sentinel-2's 10 and 20 m pixels have their edges on multiples of their side. Those of 30 m are Landsat's when their
    centres, and the harmonised product's when their edges lie there: both are right, and half a pixel apart.
    """
    try:
        zone = Zone.of(grid.crs)
    except RasterError:
        return []
    off = [_is_half(grid.x_min / grid.pixel_m), _is_half(grid.y_max / grid.pixel_m)]
    corner = f"corner at {grid.x_min:.10g}, {grid.y_max:.10g}"
    if grid.pixel_m in EDGES_ON_MULTIPLES_M and any(off):
        axes = " and ".join(axis for axis, is_off in zip("xy", off, strict=True) if is_off)
        text = f"pixels of {grid.pixel_m:g} m lie half a pixel off Sentinel-2's in {axes} ({corner})"
        return [warning("grid-half-pixel", where, text, "see whether a pixel's centre was written for its corner")]
    if grid.pixel_m == 30.0 and not zone.southern and not any(off) and _is_whole(grid):
        text = f"30 m pixels have their edges where Landsat has its centres ({corner}): right for HLS, not for Landsat"
        return [info("grid-half-pixel", where, text, "")]
    return []


def _is_half(corner: float) -> bool:
    return abs(corner % 1.0 - 0.5) <= _NEAR


def _is_whole(grid: Grid) -> bool:
    return _is_half(grid.x_min / grid.pixel_m + 0.5) and _is_half(grid.y_max / grid.pixel_m + 0.5)
