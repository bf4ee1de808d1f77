"""Areas and points whose cover the user knows: what a forest learns from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Block, Grid
from uav_workflow.errors import FlightDataError

CLASSES = ("green", "senescent", "soil", "shadow")
"""In the order of their numbers."""
COLUMN = "class"
POINT_PIXELS = 1
"""A point speaks for its pixel and so many around it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingShapes:
    """A file of polygons or points with a column ``class``: green, senescent, soil or shadow.

    Attributes
    ----------
    path : Path
        GeoJSON, GeoPackage or shapefile with its CRS.
    """

    path: Path

    def read(self, grid: Grid) -> tuple[list[object], NDArray[np.int64]]:
        """Shapes in the grid's CRS, points grown to the pixels they speak for; and the class number of each.

        Raises
        ------
        FlightDataError
            The file can't be read, has no CRS or class, an unknown class, or fewer than two classes with green.
        """
        import geopandas as gpd

        try:
            frame = gpd.read_file(self.path)
        except Exception as exc:
            raise FlightDataError(f"{self.path}: can't be read as polygons or points ({exc})") from exc
        columns = {str(name).lower(): name for name in frame.columns}
        if COLUMN not in columns or frame.crs is None:
            missing = "coordinate system" if COLUMN in columns else f"column '{COLUMN}'"
            raise FlightDataError(f"{self.path}: has no {missing}; every shape needs one of {', '.join(CLASSES)}")
        words = frame[columns[COLUMN]].astype(str).str.strip().str.lower()
        if unknown := sorted(set(words) - set(CLASSES)):
            raise FlightDataError(f"{self.path}: no class {', '.join(unknown)}; there are {', '.join(CLASSES)}")
        if "green" not in set(words) or words.nunique() < 2:
            raise FlightDataError(f"{self.path}: green and at least one other class are needed")
        moved = frame.geometry.to_crs(grid.crs)
        reach = (POINT_PIXELS + 0.5) * grid.pixel_m
        shapes = [
            shape if shape.geom_type.endswith("Polygon") else shape.buffer(reach, cap_style="square") for shape in moved
        ]
        return shapes, words.map(CLASSES.index).to_numpy(np.int64)


def blocks_of(shape: object, grid: Grid, most: int = 512) -> Iterator[tuple[Block, NDArray[np.bool_]]]:
    """Blocks of at most ``most`` pixels a side over a shape, and which pixels' centres lie in it."""
    from rasterio.features import geometry_mask

    x_min, y_min, x_max, y_max = shape.bounds  # type: ignore[attr-defined]
    first_col, last_col = int((x_min - grid.x_min) / grid.pixel_m), int((x_max - grid.x_min) / grid.pixel_m)
    first_row, last_row = int((grid.y_max - y_max) / grid.pixel_m), int((grid.y_max - y_min) / grid.pixel_m)
    for row in range(max(0, first_row), min(grid.height, last_row + 1), most):
        for col in range(max(0, first_col), min(grid.width, last_col + 1), most):
            height = min(most, last_row + 1 - row, grid.height - row)
            width = min(most, last_col + 1 - col, grid.width - col)
            block = Block(row, col, height, width)
            inside = geometry_mask([shape], (height, width), grid.window(block).transform, invert=True)
            if inside.any():
                yield block, inside
