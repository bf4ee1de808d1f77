"""MODIS' sinusoidal tiles, which the land products of VIIRS lie on too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Grid

SINUSOIDAL = "+title=MODIS_Sinusoidal +proj=sinu +R=6371007.181 +units=m +no_defs +type=crs"
"""Of a sphere, on which geodetic latitudes are taken as they are; it has no EPSG code."""
TILE_M = 1111950.5196666666
"""Side of a tile: ten degrees of the equator."""
WEST_M, NORTH_M = -18 * TILE_M, 9 * TILE_M
"""Upper left corner of tile h00v00."""
CELLS_A_TILE: Mapping[str, int] = {"modis-250m": 4800, "modis-500m": 2400, "modis-1km": 1200}
"""Grid to the cells along a side of a tile: 231.66, 463.31 and 926.63 m, named as the products are."""


def modis_grid(name: str, bounds: tuple[float, float, float, float]) -> Grid:
    """Smallest part of a grid of `CELLS_A_TILE` that covers a box, metres in `SINUSOIDAL`."""
    side = TILE_M / CELLS_A_TILE[name]
    x_min, y_min, x_max, y_max = bounds
    found = Grid.covering((x_min - WEST_M, y_min - NORTH_M, x_max - WEST_M, y_max - NORTH_M), side, SINUSOIDAL)
    return Grid(SINUSOIDAL, WEST_M + found.x_min, NORTH_M + found.y_max, side, found.width, found.height)


def modis_tiles(name: str, grid: Grid) -> list[str]:
    """Tiles that cells lie in, such as ``h25v05``, row by row."""
    tiles = {(int(v), int(h)) for v in _rows(name, grid)[0] for h in _columns(name, grid)[0]}
    return [f"h{h:02d}v{v:02d}" for v, h in sorted(tiles)]


def modis_cell_ids(name: str, grid: Grid) -> NDArray[Any]:
    """``modis-250m_h25v05_0123_4567`` (rows, columns): grid, tile, row and column in it, counted from 0."""
    across = list(zip(*_columns(name, grid), strict=True))
    down = list(zip(*_rows(name, grid), strict=True))
    ids = [[f"{name}_h{h:02d}v{v:02d}_{row:04d}_{col:04d}" for h, col in across] for v, row in down]
    return np.array(ids, dtype=object)


def _columns(name: str, grid: Grid) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Tile and column in it of every column of a grid."""
    return np.divmod(round((grid.x_min - WEST_M) / grid.pixel_m) + np.arange(grid.width), CELLS_A_TILE[name])


def _rows(name: str, grid: Grid) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Tile and row in it of every row of a grid."""
    return np.divmod(round((NORTH_M - grid.y_max) / grid.pixel_m) + np.arange(grid.height), CELLS_A_TILE[name])
