"""The measured surface against surveyed heights."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from uav_workflow.domain.grid import Block
from uav_workflow.domain.ground import GroundControlPoint
from uav_workflow.domain.product import Json, Made
from uav_workflow.findings import Finding, info
from uav_workflow.flights.wording import counted, listed
from uav_workflow.photogrammetry.survey_points import surveyed_in
from uav_workflow.rasters.reader import Raster

HEIGHTS_FILE = "check_heights.csv"
FAR_PIXELS = 5.0
"""Height difference, in pixels of the surface, that is no noise: an edge, a plant over the point, or a wrong height."""


def compare_heights(dsm: Path, points: Sequence[GroundControlPoint], out: Path) -> Made:
    """Write check_heights.csv and say the RMSE of the DSM at the check points (``rmse_z_dsm_m``).

    Heights are interpolated between the four nearest cells; where one of them was not measured the point has no
    height. The RMSE holds the errors of block, matching and survey together: twice that is the least canopy height
    that can be told from nothing.
    """
    found: dict[bool, list[float]] = {True: [], False: []}
    far: list[str] = []
    with Raster(dsm) as raster, (out / HEIGHTS_FILE).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("name", "role", "x", "y", "surveyed_z", "dsm_z", "dz_m"))
        for point in points:
            place = surveyed_in(point, raster.grid.crs)
            height = height_at(raster, float(place[0]), float(place[1]))
            off = height - point.z
            if math.isfinite(off):
                found[point.is_check].append(off)
            if abs(off) > FAR_PIXELS * raster.grid.pixel_m:
                far.append(f"{point.name} by {off:+.2f} m")
            cells = [f"{value:.4f}" if math.isfinite(value) else "" for value in (*place, height, off)]
            writer.writerow((point.name, "check" if point.is_check else "control", *cells))
    facts: dict[str, Json] = {}
    for key, is_check in (("dsm", True), ("dsm_control", False)):
        off_m = np.array(found[is_check])
        if off_m.size:
            facts[f"rmse_z_{key}_m"] = float(np.sqrt((off_m**2).mean()))
            facts[f"mean_z_{key}_m"] = float(off_m.mean())
            facts[f"n_z_{key}"] = len(off_m)
    return Made(findings=_far_off(far), facts=facts)


def _far_off(far: Sequence[str]) -> tuple[Finding, ...]:
    if not far:
        return ()
    message = f"the surface lies off at {counted(len(far), 'surveyed point')}: {listed(far, 10)}"
    hint = "right where the block itself fits (check_points.csv): a wall's edge or a plant over the point"
    return (info("surface-off-at-point", HEIGHTS_FILE, message, hint),)


def height_at(raster: Raster, x: float, y: float) -> float:
    """Bilinear height between the four cell centres around a place, metres; NaN where one is missing."""
    grid = raster.grid
    col = (x - grid.x_min) / grid.pixel_m - 0.5
    row = (grid.y_max - y) / grid.pixel_m - 0.5
    left, top = math.floor(col), math.floor(row)
    if not (0 <= left < grid.width - 1 and 0 <= top < grid.height - 1):
        return math.nan
    cells = raster.read(Block(top, left, 2, 2))[0].astype(np.float64)
    across, down = np.array([1 - (col - left), col - left]), np.array([1 - (row - top), row - top])
    return float(down @ cells @ across)
