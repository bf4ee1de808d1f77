"""UTM zones and the tiles of the Military Grid Reference System, as Sentinel-2 cuts them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from uav_workflow.errors import RasterError

SQUARE_M = 100_000
TILE_M = 109_800.0
"""Side of a Sentinel-2 tile: it reaches 9.8 km or so into its neighbours in the east and south."""
_CORNER_M = 60
_COLUMNS = ("ABCDEFGH", "JKLMNPQR", "STUVWXYZ")
_ROWS = "ABCDEFGHJKLMNPQRSTUV"
_BANDS = "CDEFGHJKLMNPQRSTUVWX"


@dataclass(frozen=True, slots=True)
class Zone:
    """A UTM zone on WGS84."""

    number: int
    southern: bool

    @classmethod
    def of(cls, crs: str) -> Zone:
        """Zone of ``EPSG:326zz`` or ``EPSG:327zz``.

        Raises
        ------
        RasterError
            Any other CRS.
        """
        code = crs.removeprefix("EPSG:")
        if not (code.isdigit() and len(code) == 5 and code[:3] in ("326", "327") and 1 <= int(code[3:]) <= 60):
            raise RasterError(
                f"{crs}: satellite grids are in UTM on WGS84 (EPSG:326zz or 327zz); reproject the maps first"
            )
        return cls(int(code[3:]), code.startswith("327"))

    @classmethod
    def at(cls, lon: float, lat: float) -> Zone:
        """Zone a place lies in, the wider ones of south-west Norway and Svalbard included."""
        number = int((lon + 180) // 6) % 60 + 1
        if 56 <= lat < 64 and 3 <= lon < 12:
            number = 32
        elif 72 <= lat <= 84 and 0 <= lon < 42:
            number = 31 + 2 * int((lon + 3) // 12)
        return cls(number, lat < 0)

    @property
    def crs(self) -> str:
        """EPSG code."""
        return f"EPSG:{'327' if self.southern else '326'}{self.number:02d}"

    @property
    def label(self) -> str:
        """``47n``, ``19s``: in file names."""
        return f"{self.number}{'s' if self.southern else 'n'}"


def sentinel_tiles(bounds: tuple[float, float, float, float], crs: str) -> list[str]:
    """Codes of the Sentinel-2 tiles of this zone that hold a whole box, such as ``47SMC``; the box's own square first.

    A tile's corner is the north-western one of its 100 km square, moved outwards to a multiple of 60 m.

    Parameters
    ----------
    bounds : (x_min, y_min, x_max, y_max)
        Metres in `crs`, a UTM zone.
    """
    zone = Zone.of(crs)
    x_min, y_min, x_max, y_max = bounds
    column, row = math.floor((x_min + x_max) / 2 / SQUARE_M), math.floor((y_min + y_max) / 2 / SQUARE_M)
    # a tile reaches east and south: the square itself, those west and north of it, and where a corner was cut off east
    near = [(column + dc, row + dr) for dr in (0, 1, -1) for dc in (0, -1, 1)]
    codes = []
    for square in near:
        left, top = tile_corner(*square)
        holds = left <= x_min and x_max <= left + TILE_M and top - TILE_M <= y_min and y_max <= top
        if holds and 1 <= square[0] <= 8 and square[1] >= 0:
            codes.append(_code(zone, *square))
    return codes


def tile_corner(column: int, row: int) -> tuple[float, float]:
    """Upper left corner of the tile of a 100 km square, counted from x = 0 and y = 0 of the zone."""
    left = math.floor(column * SQUARE_M / _CORNER_M) * _CORNER_M
    top = math.ceil((row + 1) * SQUARE_M / _CORNER_M) * _CORNER_M
    return float(left), float(top)


def _code(zone: Zone, column: int, row: int) -> str:
    from pyproj import Transformer

    to_degrees = Transformer.from_crs(zone.crs, "EPSG:4326", always_xy=True)
    _, latitude = to_degrees.transform((column + 0.5) * SQUARE_M, (row + 0.5) * SQUARE_M)
    band = _BANDS[min(max(int((latitude + 80) // 8), 0), len(_BANDS) - 1)]
    letters = _COLUMNS[(zone.number - 1) % 3]
    # rows repeat every 2000 km; those of even zones start five letters on
    start = 0 if zone.number % 2 else 5
    return f"{zone.number:02d}{band}{letters[column - 1]}{_ROWS[(row + start) % 20]}"
