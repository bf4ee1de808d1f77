"""Canopy height: surface above terrain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Block, Grid
from uav_workflow.domain.product import Json, Made
from uav_workflow.errors import NotMade
from uav_workflow.findings import Finding, info, warning
from uav_workflow.rasters.reader import Raster
from uav_workflow.rasters.resample import on_grid
from uav_workflow.rasters.writer import cog
from uav_workflow.vegetation.given_terrain import TerrainShift

MUCH_NEGATIVE = 0.05
DETECTION = "detection_limit_m"
"""Tag of canopy_height.tif, and fact of the product."""
LIMIT_IN_RMSE = 2.0


def make_canopy_height(
    dsm: Path, dtm: Path, out: Path, *, rmse_z_m: float | None = None, shift: TerrainShift | None = None
) -> Made:
    """Write ``canopy_height.tif``: DSM - DTM in metres on the DSM's grid, NaN where either has a hole.

    Negative heights stay: on bare ground half of the noise is negative, and cutting it would raise every mean. They
    are counted, and so are those deeper than a pixel, which noise does not explain.

    Parameters
    ----------
    rmse_z_m : float, optional
        Vertical RMSE of the surface at check points, metres. Twice that is the detection limit, which goes with the
        map (tag ``detection_limit_m``): lower plants can't be told from ground. None where nothing was surveyed.
    shift : TerrainShift, optional
        The terrain is not this flight's: it is moved by this much (see `given_terrain.coregister`).

    Raises
    ------
    NotMade
        No pixel has both surface and terrain.
    """
    with Raster(dsm) as surface:
        grid = surface.grid
        n = negative = deep = 0
        total = 0.0
        limit = None if rmse_z_m is None else LIMIT_IN_RMSE * rmse_z_m
        tags = {} if limit is None else {DETECTION: f"{limit:.4f}"}
        with (
            _ground(dtm, grid, shift) as (ground, resampled),
            cog(out / "canopy_height.tif", grid, ("canopy_height",), tags=tags, units=("m",)) as sink,
        ):
            for block in grid.blocks():
                height = surface.read(block)[0] - ground(block)
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
        "terrain_resampled": resampled,
        "terrain_given": None if shift is None else shift.to_json(),
        DETECTION: limit,
    }
    findings = (
        *_findings(negative / n, deep / n, grid.pixel_m, resampled and shift is None),
        *_detection(total / n, limit),
        *_moved(dtm.name, shift),
    )
    return Made(findings=findings, facts=facts)


@contextmanager
def _ground(
    dtm: Path, grid: Grid, shift: TerrainShift | None
) -> Iterator[tuple[Callable[[Block], NDArray[np.float32]], bool]]:
    """Heights of the terrain on the blocks of a grid, and whether they were resampled."""
    if shift is None:
        with Raster(dtm) as terrain:
            if terrain.grid == grid:
                yield lambda block: np.asarray(terrain.read(block)[0], np.float32), False
                return
    with on_grid(dtm, grid if shift is None else shift.grid(grid)) as view:

        def read(block: Block) -> NDArray[np.float32]:
            heights: NDArray[np.float32] = view.read(block, [1])[0]
            return heights if shift is None else heights + shift.rise(grid, block)

        yield read, True


def _moved(name: str, shift: TerrainShift | None) -> tuple[Finding, ...]:
    """Say what became of a terrain the user brought."""
    if shift is None:
        return ()
    text = (
        f"heights stand on the given terrain, moved by {shift.east:+.3f} m east, {shift.north:+.3f} m north and "
        f"{shift.up:+.3f} m up, and bent by {shift.bend_range_m:.3f} m, to the open ground of the flight "
        f"({shift.cells} cells, NMAD {shift.nmad_before:.3f} m before, {shift.nmad_after:.3f} m after)"
    )
    return (info("terrain-given", name, text),)


def _detection(mean: float, limit: float | None) -> tuple[Finding, ...]:
    """Say when the sward as a whole lies below what the surface can tell from ground."""
    if limit is None or mean >= limit:
        return ()
    text = f"the mean height, {mean * 100:.1f} cm, lies below the detection limit of {limit * 100:.1f} cm"
    hint = f"{LIMIT_IN_RMSE:g} x the vertical RMSE of the check points: take cover and index before height"
    return (warning("heights-below-detection", "canopy_height.tif", text, hint),)


def _findings(negative: float, deep: float, pixel_m: float, resampled: bool) -> tuple[Finding, ...]:
    found = []
    text = f"{negative:.1%} of the heights are negative, {deep:.1%} by more than a pixel ({pixel_m * 100:.1f} cm)"
    if deep > MUCH_NEGATIVE:
        hint = "the terrain lies above the surface there: look at dtm.tif before using heights"
        found.append(warning("negative-heights", "canopy_height.tif", text, hint))
    elif negative > MUCH_NEGATIVE:
        found.append(info("negative-heights", "canopy_height.tif", f"{text}; kept, as noise about bare ground"))
    if resampled:
        found.append(info("terrain-resampled", "dtm.tif", "not on the grid of the surface; resampled bilinearly"))
    return tuple(found)
