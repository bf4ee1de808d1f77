"""Grids of satellites around a flight."""

from __future__ import annotations

import math

from uav_workflow.domain.grid import Grid
from uav_workflow.errors import RasterError, UsageError

LANDSAT_M = 30.0
FALSE_NORTHING_M = 10_000_000.0


def satellite_grid(bounds: tuple[float, float, float, float], cell_m: float, crs: str) -> Grid:
    """Smallest part of a satellite's grid that covers a flight.

    Sentinel-2's cells have their edges on whole multiples of the cell (so have all its tiles, whose corners lie on
    multiples of 60 m in the northern and of 20 m in the southern hemisphere). Landsat's have their centres there, so
    that the edges of its 30 m cells lie at 15, 45 ...: a half-pixel trap between the two. Landsat counts northings
    from the equator in both hemispheres, which moves its rows by 10 m against southern UTM coordinates.

    Parameters
    ----------
    bounds : (x_min, y_min, x_max, y_max)
        Of the flight, metres in `crs`.
    cell_m : float
        Side of a cell; 30 means Landsat's grid, anything else Sentinel-2's.
    crs : str
        ``EPSG:326zz`` or ``EPSG:327zz``: the flight's own zone.

    Raises
    ------
    UsageError
        The cell is no positive number.
    RasterError
        The CRS is not UTM on WGS84.
    """
    if not (math.isfinite(cell_m) and cell_m > 0):
        raise UsageError(f"handover cell of {cell_m} m: must be a positive number of metres")
    code = crs.removeprefix("EPSG:")
    if not (code.isdigit() and len(code) == 5 and code[:3] in ("326", "327") and 1 <= int(code[3:]) <= 60):
        raise RasterError(f"{crs}: satellite grids are in UTM on WGS84 (EPSG:326zz or 327zz); reproject the maps first")
    shift_x, shift_y = _anchor(cell_m, southern=code.startswith("327"))
    x_min, y_min, x_max, y_max = bounds
    grid = Grid.covering((x_min - shift_x, y_min - shift_y, x_max - shift_x, y_max - shift_y), cell_m, crs)
    return Grid(crs, grid.x_min + shift_x, grid.y_max + shift_y, cell_m, grid.width, grid.height)


def _anchor(cell_m: float, *, southern: bool) -> tuple[float, float]:
    """Where one cell corner lies, metres."""
    if cell_m != LANDSAT_M:
        return 0.0, 0.0
    half = LANDSAT_M / 2
    return half, half + (FALSE_NORTHING_M % LANDSAT_M if southern else 0.0)


def label(cell_m: float) -> str:
    """``10m``, ``2.5m``: in file names and item ids."""
    return f"{cell_m:g}m"
