"""The node's orthophoto as the flight's orthomosaic."""

from __future__ import annotations

import math
import re
import shutil
from pathlib import Path

import numpy as np

from uav_workflow.domain.grid import Grid
from uav_workflow.domain.product import Json, Made
from uav_workflow.errors import NotMade, RasterError
from uav_workflow.findings import Finding, info, warning
from uav_workflow.photogrammetry.layout import ORTHOPHOTO, SOURCE_INDEX, VIEWS, asset
from uav_workflow.photogrammetry.node_raster import NodeRaster
from uav_workflow.rasters.writer import RasterWriter, cog

RGB = ("red", "green", "blue")

_HOUSE_NAMES = {
    "r": "red",
    "g": "green",
    "b": "blue",
    "n": "nir",
    "re": "rededge",
    "nearinfrared": "nir",
}


def make_orthomosaic(assets: Path, grid: Grid, out: Path) -> Made:
    """Write orthomosaic.tif, and source_index.tif and views.tif where the node brings them, on the flight's grid.

    Pixels are copied (nearest neighbour): no value is changed. Bands go by their descriptions, never by their order;
    alpha above 0 is the only sign of a valid pixel, whatever the type of the file.

    Writes
    ------
    orthomosaic.tif
        RGB of 8 bits: red, green, blue, alpha as uint8. Everything else: float32 with NaN, one band a name.

    Raises
    ------
    NotMade
        The node returned no orthophoto.
    RasterError
        It can't be read, or lies in another CRS than the grid.
    """
    path = asset(assets, ORTHOPHOTO)
    if path is None:
        raise NotMade("the node returned no orthophoto; the end of its task_output.txt says why")
    with NodeRaster(path) as raster:
        if raster.crs != grid.crs:
            raise RasterError(f"{path}: lies in {raster.crs or raster.crs_text}, the flight's grid in {grid.crs}")
        names = house_names(raster.names)
        if raster.dtype == "uint8" and names == RGB:
            covered = _write_rgb(raster, grid, out / "orthomosaic.tif")
        else:
            covered = _write_bands(raster, names, grid, out / "orthomosaic.tif")
        findings = _findings(raster, names)
        facts: dict[str, Json] = {
            "bands": list(names),
            "source_dtype": raster.dtype,
            "source_pixel_m": list(raster.pixel),
            "validity": raster.validity,
            "covered_share": covered,
            "covered_m2": covered * grid.width * grid.height * grid.pixel_m**2,
        }
    facts["companions"] = _copy_companions(assets, grid, out)
    return Made(findings=tuple(findings), facts=facts)


def house_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Band names in one spelling: lower case, no blanks or signs, ``rededge`` and ``nir`` for all their short forms.

    Names that would coincide, and those of a second red edge band, keep what tells them apart.
    """
    plain = [re.sub(r"[^a-z0-9]", "", name.lower()) or f"band{index}" for index, name in enumerate(names, start=1)]
    house = [_HOUSE_NAMES.get(name, name) for name in plain]
    return tuple(new if house.count(new) == 1 else old for new, old in zip(house, plain, strict=True))


def _write_rgb(raster: NodeRaster, grid: Grid, path: Path) -> float:
    valid_pixels = 0
    with cog(path, grid, (*RGB, "alpha"), dtype="uint8", nodata=None, rgb=True) as target:
        for block in grid.blocks():
            values, valid = raster.nearest(grid, block)
            values[:, ~valid] = 0
            target.write(block, np.concatenate([values, np.where(valid, np.uint8(255), np.uint8(0))[None]]))
            valid_pixels += int(valid.sum())
    return valid_pixels / (grid.width * grid.height)


def _write_bands(raster: NodeRaster, names: tuple[str, ...], grid: Grid, path: Path) -> float:
    valid_pixels = 0
    with cog(path, grid, names) as target:
        for block in grid.blocks():
            values, valid = raster.nearest(grid, block)
            target.write(block, np.where(valid, values, np.nan).astype(np.float32))
            valid_pixels += int(valid.sum())
    return valid_pixels / (grid.width * grid.height)


def _findings(raster: NodeRaster, names: tuple[str, ...]) -> list[Finding]:
    findings = []
    if raster.validity == "none":
        findings.append(
            warning(
                "orthomosaic-validity-unknown",
                "orthomosaic.tif",
                "the node's orthophoto has neither alpha nor a mask: every pixel counts as seen",
                "look at its borders before using numbers from there",
            )
        )
    if not raster.named:
        findings.append(
            warning(
                "orthomosaic-bands-unnamed",
                "orthomosaic.tif",
                f"the node's orthophoto does not name its bands: {', '.join(names)}",
                "indices need band names; check that the photos carry Camera:BandName",
            )
        )
    oblong = abs(raster.pixel[0] / raster.pixel[1] - 1)
    if oblong > 1e-6:
        findings.append(
            info(
                "orthomosaic-pixel-oblong",
                "orthomosaic.tif",
                f"the node's pixels are {raster.pixel[0]:.6f} x {raster.pixel[1]:.6f} m: pixels were copied to square "
                "ones, which moves each by half a pixel at most",
            )
        )
    return findings


def _copy_companions(assets: Path, grid: Grid, out: Path) -> list[Json]:
    """source_index.tif and views.tif on the flight's grid, values, type and tags kept; and the list of sources."""
    made: list[Json] = []
    for name, path in (("source_index.tif", asset(assets, SOURCE_INDEX)), ("views.tif", asset(assets, *VIEWS))):
        if path is None:
            continue
        with NodeRaster(path) as raster:
            empty = raster.nodata if raster.nodata is not None else 0
            nodata = None if raster.nodata is None or math.isnan(raster.nodata) else raster.nodata
            with cog(
                out / name,
                grid,
                raster.names,
                dtype=raster.dtype,
                nodata=nodata,
                overviews="mode",
                tags={key: text for key, text in raster.tags.items() if key != "AREA_OR_POINT"},
            ) as target:
                _copy(raster, grid, target, empty)
        made.append(name)
        beside = path.with_suffix(".json")
        if beside.is_file():
            shutil.copyfile(beside, out / beside.name)
            made.append(beside.name)
    return made


def _copy(raster: NodeRaster, grid: Grid, target: RasterWriter, empty: float) -> None:
    for block in grid.blocks():
        values, valid = raster.nearest(grid, block)
        target.write(block, np.where(valid, values, np.asarray(empty, values.dtype)))
