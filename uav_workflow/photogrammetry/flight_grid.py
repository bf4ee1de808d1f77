"""The one grid that the rasters of a flight share."""

from __future__ import annotations

import math
from pathlib import Path

from uav_workflow.domain.grid import Grid
from uav_workflow.errors import RasterError
from uav_workflow.photogrammetry.layout import DSM, DTM, ORTHOPHOTO, asset
from uav_workflow.photogrammetry.node_raster import NodeRaster

SQUARE = 1e-6
"""Pixels whose sides differ by less, relatively, are square."""


def flight_grid(assets: Path) -> Grid:
    """Grid of a flight: pixels and extent of the node's orthophoto, or of its DSM or DTM when there is none.

    Square pixels keep corner and size, so that pixels of the orthophoto are copied, not resampled. ODM's are oblong by
    a few parts in ten thousand as a rule; the grid then takes the finer side and the same upper left corner.
    What the DSM has beyond the orthophoto is cut: no map is made where there is no picture.

    Raises
    ------
    RasterError
        There is no raster, or it is not in UTM WGS84.
    """
    path = asset(assets, ORTHOPHOTO, DSM, DTM)
    if path is None:
        raise RasterError(f"{assets}: the node returned neither an orthophoto nor a DSM; see its task_output.txt")
    with NodeRaster(path) as raster:
        if raster.crs is None:
            raise RasterError(
                f"{path}: CRS is {raster.crs_text}, expected UTM on WGS84; photos without GPS and a task without "
                "control points give such a result: add positions (geo.txt) or gcp_list.txt"
            )
        x_min, y_min, x_max, y_max = raster.bounds
        pixel_x, pixel_y = raster.pixel
        if math.isclose(pixel_x, pixel_y, rel_tol=SQUARE):
            return Grid(raster.crs, x_min, y_max, _tidy(pixel_x), raster.shape[1], raster.shape[0])
        pixel = min(pixel_x, pixel_y)
        width = math.ceil((x_max - x_min) / pixel - 1e-6)
        height = math.ceil((y_max - y_min) / pixel - 1e-6)
        return Grid(raster.crs, x_min, y_max, pixel, width, height)


def _tidy(pixel_m: float) -> float:
    """0.05000000000000919 is 0.05: a pixel within 1e-9 of a tenth of a millimetre is that."""
    rounded = round(pixel_m, 4)
    return rounded if rounded and math.isclose(pixel_m, rounded, rel_tol=1e-9) else pixel_m
