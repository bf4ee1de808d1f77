"""The node's DSM and DTM on the flight's grid."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from uav_workflow.domain.grid import Grid
from uav_workflow.domain.product import Json, Made
from uav_workflow.errors import NotMade, RasterError
from uav_workflow.findings import Finding, info
from uav_workflow.photogrammetry.layout import DSM, DTM, EUCLIDEAN, INTERPOLATED, asset
from uav_workflow.photogrammetry.node_raster import NodeRaster
from uav_workflow.rasters.writer import cog

Holes = Callable[[Window], NDArray[np.bool_]]


def make_surface(assets: Path, grid: Grid, out: Path, kind: Literal["dsm", "dtm"] = "dsm") -> Made:
    """Write dsm.tif or dtm.tif: float32 metres, NaN where nothing was measured, on the flight's grid.

    Heights are interpolated bilinearly between the node's cells. The DSM keeps its holes: cells the node says it has
    filled in become NaN again. The vertical reference is that of the photos' positions or control points; no node
    states it.

    Raises
    ------
    NotMade
        The node returned no such model.
    RasterError
        It can't be read, or lies in another CRS than the grid.
    """
    path = asset(assets, DSM if kind == "dsm" else DTM)
    if path is None:
        raise NotMade(f"the node returned no {kind}.tif; the end of its task_output.txt says why")
    low, high, measured = math.inf, -math.inf, 0
    with NodeRaster(path) as raster, _holes(assets, raster, kind) as (holes, source):
        if raster.crs != grid.crs:
            raise RasterError(f"{path}: lies in {raster.crs or raster.crs_text}, the flight's grid in {grid.crs}")
        with cog(out / f"{kind}.tif", grid, (kind,), units=("m",)) as target:
            for block in grid.blocks():
                heights = raster.bilinear(grid, block, holes)
                target.write(block, heights)
                found = np.isfinite(heights)
                if found.any():
                    low, high = min(low, float(np.nanmin(heights))), max(high, float(np.nanmax(heights)))
                    measured += int(found.sum())
        facts: dict[str, Json] = {
            "native_cell_m": math.sqrt(raster.pixel[0] * raster.pixel[1]),
            "measured_share": measured / (grid.width * grid.height),
            "height_min_m": low if measured else None,
            "height_max_m": high if measured else None,
            "holes_from": source,
        }
    return Made(findings=_findings(kind, source), facts=facts)


@contextmanager
def _holes(assets: Path, raster: NodeRaster, kind: str) -> Iterator[tuple[Holes | None, str | None]]:
    """Which cells of the DSM were filled in, and the file that says so."""
    filled, distance = asset(assets, INTERPOLATED), asset(assets, EUCLIDEAN)
    path = filled or distance
    if kind != "dsm" or path is None:
        yield None, None
        return
    with NodeRaster(path) as flags:
        if flags.shape != raster.shape:
            raise RasterError(f"{path}: {flags.shape} cells, the DSM it speaks of has {raster.shape}")
        if filled is not None:
            yield flags.flagged, path.name
        else:
            yield lambda window: ~flags.flagged(window), path.name


def _findings(kind: str, source: str | None) -> tuple[Finding, ...]:
    if kind != "dsm" or source is not None:
        return ()
    return (
        info(
            "surface-fill-unknown",
            "dsm.tif",
            "the node does not say where it filled holes of the surface; heights in holes are invented there",
            "on ODM set dem-gapfill-steps=0, or dem-euclidean-map=true, to keep measured cells only",
        ),
    )
