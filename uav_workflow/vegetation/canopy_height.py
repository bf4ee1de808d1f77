"""Canopy height: surface above terrain."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from uav_workflow.domain.product import Json, Made
from uav_workflow.errors import NotMade
from uav_workflow.findings import Finding, info, warning
from uav_workflow.rasters.reader import Raster
from uav_workflow.rasters.resample import on_grid
from uav_workflow.rasters.writer import cog

MUCH_NEGATIVE = 0.05


def make_canopy_height(dsm: Path, dtm: Path, out: Path) -> Made:
    """Write ``canopy_height.tif``: DSM - DTM in metres on the DSM's grid, NaN where either has a hole.

    Negative heights stay: on bare ground half of the noise is negative, and cutting it would raise every mean. They
    are counted, and so are those deeper than a pixel, which noise does not explain.

    Raises
    ------
    NotMade
        No pixel has both surface and terrain.
    """
    with Raster(dsm) as surface, Raster(dtm) as terrain:
        grid = surface.grid
        same_grid = terrain.grid == grid
        n = negative = deep = 0
        total = 0.0
        with (
            on_grid(dtm, grid) as resampled,
            cog(out / "canopy_height.tif", grid, ("canopy_height",), units=("m",)) as sink,
        ):
            for block in grid.blocks():
                ground = terrain.read(block)[0] if same_grid else resampled.read(block, [1])[0]
                height = surface.read(block)[0] - ground
                sink.write(block, height)
                good = height[np.isfinite(height)]
                n += good.size
                total += float(good.sum(dtype=np.float64))
                negative += int(np.count_nonzero(good < 0))
                deep += int(np.count_nonzero(good < -grid.pixel_m))
            if n == 0:
                raise NotMade("canopy height: no pixel has both surface and terrain")
    facts: dict[str, Json] = {
        "pixels": n,
        "valid_share": n / (grid.width * grid.height),
        "mean_m": total / n,
        "negative_share": negative / n,
        "below_minus_one_pixel_share": deep / n,
        "terrain_resampled": not same_grid,
    }
    return Made(findings=_findings(negative / n, deep / n, grid.pixel_m, same_grid), facts=facts)


def _findings(negative: float, deep: float, pixel_m: float, same_grid: bool) -> tuple[Finding, ...]:
    found = []
    text = f"{negative:.1%} of the heights are negative, {deep:.1%} by more than a pixel ({pixel_m * 100:.1f} cm)"
    if deep > MUCH_NEGATIVE:
        hint = "the terrain lies above the surface there: look at dtm.tif before using heights"
        found.append(warning("negative-heights", "canopy_height.tif", text, hint))
    elif negative > MUCH_NEGATIVE:
        found.append(info("negative-heights", "canopy_height.tif", f"{text}; kept, as noise about bare ground"))
    if not same_grid:
        found.append(info("terrain-resampled", "dtm.tif", "not on the grid of the surface; resampled bilinearly"))
    return tuple(found)
