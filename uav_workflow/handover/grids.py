"""Grids of satellites around a flight."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from uav_workflow.domain.grid import Grid
from uav_workflow.errors import RasterError, UsageError
from uav_workflow.handover.mgrs import Zone, sentinel_tiles
from uav_workflow.handover.modis import SINUSOIDAL, modis_grid, modis_tiles
from uav_workflow.rasters.reader import Raster

LANDSAT_M = 30.0
FALSE_NORTHING_M = 10_000_000.0
Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SatelliteGrid:
    """Cells to hand over on.

    Attributes
    ----------
    name : str
        In file names and item ids: ``10m``, ``30m-48n``, or a template's own.
    family : str
        Whose pixels these are, for people.
    code : str or None
        Tile that holds all the cells, as STAC's grid extension writes it: ``MGRS-47SPC`` (Sentinel-2), ``MSIN-2505``
        (MODIS); None for other satellites' grids, and where no tile does.
    modis : bool
        Whether the cells are MODIS', numbered by tile, row and column.
    """

    name: str
    family: str
    grid: Grid
    code: str | None = None
    modis: bool = False


def satellite_grids(
    bounds: Bounds,
    crs: str,
    cells_m: Sequence[float],
    templates: Mapping[str, Path],
    named: Sequence[str] = (),
) -> list[SatelliteGrid]:
    """Grids a flight is handed over on: in its own UTM zone, in a neighbour it reaches into, MODIS' and templates.

    A flight across the edge of a zone gets cells in both, as the satellites' own tiles overlap there.

    Parameters
    ----------
    bounds : (x_min, y_min, x_max, y_max)
        Of the flight, metres in `crs`.
    cells_m : sequence of float
        Sides of Landsat's (30) and Sentinel-2's (any other) cells.
    templates : mapping
        Name to a raster whose pixels are the cells.
    named : sequence of str
        Grids of `modis.CELLS_A_TILE`.

    Raises
    ------
    RasterError
        The flight is not in UTM on WGS84 though `cells_m` asks for it, or a template can't be used.
    UsageError
        The cell is no positive number, or two grids share a name.
    """
    found: list[SatelliteGrid] = []
    sides = list(dict.fromkeys(map(float, cells_m)))
    for zone in _zones(bounds, crs) if sides else ():
        there = _in_crs(bounds, crs, zone.crs)
        for side in sides:
            name = label(side) if zone.crs == crs else f"{label(side)}-{zone.label}"
            grid = satellite_grid(there, side, zone.crs)
            if side == LANDSAT_M:
                found.append(SatelliteGrid(name=name, family="Landsat", grid=grid))
            else:
                found.append(SatelliteGrid(name=name, family="Sentinel-2", grid=grid, code=_mgrs(grid)))
    found += [_modis(name, _in_crs(bounds, crs, SINUSOIDAL)) for name in dict.fromkeys(named)]
    for name, path in templates.items():
        found.append(SatelliteGrid(name=name, family=name, grid=template_grid(bounds, crs, path)))
    names = [grid.name for grid in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"handover: two grids are named {', '.join(twice)}; give the template another name")
    return found


def _mgrs(grid: Grid) -> str | None:
    tiles = sentinel_tiles(grid.bounds, grid.crs)
    return f"MGRS-{tiles[0]}" if tiles else None


def _modis(name: str, bounds: Bounds) -> SatelliteGrid:
    grid = modis_grid(name, bounds)
    tiles = modis_tiles(name, grid)
    code = f"MSIN-{tiles[0][1:3]}{tiles[0][4:]}" if len(tiles) == 1 else None
    return SatelliteGrid(name=name, family="MODIS", grid=grid, code=code, modis=True)


def satellite_grid(bounds: Bounds, cell_m: float, crs: str) -> Grid:
    """Smallest part of a satellite's grid that covers a box.

    Sentinel-2's cells have their edges on whole multiples of the cell (so have all its tiles, whose corners lie on
    multiples of 60 m in the northern and of 20 m in the southern hemisphere). Landsat's have their centres there, so
    that the edges of its 30 m cells lie at 15, 45 ...: a half-pixel trap between the two. Landsat counts northings
    from the equator in both hemispheres, which moves its rows by 10 m against southern UTM coordinates.

    Parameters
    ----------
    bounds : (x_min, y_min, x_max, y_max)
        Metres in `crs`.
    cell_m : float
        Side of a cell; 30 means Landsat's grid, anything else Sentinel-2's.
    crs : str
        ``EPSG:326zz`` or ``EPSG:327zz``.

    Raises
    ------
    UsageError
        The cell is no positive number.
    RasterError
        The CRS is not UTM on WGS84.
    """
    if not (math.isfinite(cell_m) and cell_m > 0):
        raise UsageError(f"handover cell of {cell_m} m: must be a positive number of metres")
    return _from_corner(bounds, *_anchor(cell_m, southern=Zone.of(crs).southern), cell_m, crs)


def template_grid(bounds: Bounds, crs: str, template: Path) -> Grid:
    """Pixels of a raster, carried on beyond its borders where the flight reaches there.

    Gaofen's products come without a fixed grid: the delivered, orthorectified file has it.

    Raises
    ------
    RasterError
        The raster can't be read, is rotated, or in degrees.
    """
    with Raster(template) as raster:
        own = raster.grid
    if not _is_projected(own.crs):
        raise RasterError(f"{template}: its pixels are in degrees; reproject it to a CRS in metres first")
    return _from_corner(_in_crs(bounds, crs, own.crs), own.x_min, own.y_max, own.pixel_m, own.crs)


def _from_corner(bounds: Bounds, x: float, y: float, cell_m: float, crs: str) -> Grid:
    """Cells over a box, one of whose corners lies at (x, y)."""
    x_min, y_min, x_max, y_max = bounds
    grid = Grid.covering((x_min - x, y_min - y, x_max - x, y_max - y), cell_m, crs)
    return Grid(crs, grid.x_min + x, grid.y_max + y, cell_m, grid.width, grid.height)


def _anchor(cell_m: float, *, southern: bool) -> tuple[float, float]:
    """Where one cell corner lies, metres."""
    if cell_m != LANDSAT_M:
        return 0.0, 0.0
    half = LANDSAT_M / 2
    return half, half + (FALSE_NORTHING_M % LANDSAT_M if southern else 0.0)


def _zones(bounds: Bounds, crs: str) -> Iterator[Zone]:
    """The flight's own zone, then others in which one of its corners lies."""
    from pyproj import Transformer

    own = Zone.of(crs)
    yield own
    to_degrees = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    x_min, y_min, x_max, y_max = bounds
    corners = [(x_min, y_min), (x_min, y_max), (x_max, y_min), (x_max, y_max)]
    there = {Zone.at(*to_degrees.transform(x, y)) for x, y in corners}
    # south of the equator a northern zone's coordinates go on, and the other way round: no second grid for that
    numbers = sorted({zone.number for zone in there} - {own.number})
    yield from (Zone(number, own.southern) for number in numbers)


def _in_crs(bounds: Bounds, crs: str, target: str) -> Bounds:
    if crs == target:
        return bounds
    from pyproj import Transformer

    found = Transformer.from_crs(crs, target, always_xy=True).transform_bounds(*bounds, densify_pts=21)
    return float(found[0]), float(found[1]), float(found[2]), float(found[3])


def _is_projected(crs: str) -> bool:
    from pyproj import CRS

    return bool(CRS.from_user_input(crs).is_projected)


def label(cell_m: float) -> str:
    """``10m``, ``2.5m``: in file names and item ids."""
    return f"{cell_m:g}m"
