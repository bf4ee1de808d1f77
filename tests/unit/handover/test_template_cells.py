"""Hand-over on the pixels of a raster that somebody gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import rasterio
from pystac.validation.stac_validator import JsonSchemaSTACValidator

from uav_workflow.domain.grid import Grid
from uav_workflow.handover.maps import GridSettings
from uav_workflow.handover.package import make_handover
from uav_workflow.rasters.reader import Raster
from uav_workflow.rasters.writer import cog


def test_templates_and_a_point_spread(order: dict[str, Any], tmp_path: Path) -> None:
    with cog(tmp_path / "gf6.tif", Grid("EPSG:32647", 599998.0, 4200101.0, 16.0, 8, 9), ("nir",)) as target:
        target.write(next(Grid("", 0, 0, 1, 8, 9).blocks()), np.ones((1, 9, 8)))
    with cog(tmp_path / "far.tif", Grid("EPSG:32648", 70000.0, 4213000.0, 16.0, 800, 900), ("nir",)):
        pass
    templates = {"gf6-16m": tmp_path / "gf6.tif", "far": tmp_path / "far.tif"}
    settings = GridSettings(cells_m=(), templates=templates, psf_fwhm=1.2)
    made = make_handover(**(order | {"grids": settings}))
    assert [finding.code for finding in made.findings] == ["handover-psf-crs"]
    assert not (order["out"] / "fvc_green_far.tif").exists()
    with Raster(order["out"] / "fvc_green_gf6-16m.tif") as raster:
        assert (raster.grid.x_min - 599998) % 16 == 0
        assert (raster.grid.y_max - 4200101) % 16 == 0
    assert made.facts["gf6-16m"]["fvc_green"]["conservation_error"] is None  # type: ignore[index,call-overload]
    item = json.loads((order["out"] / "20240715-abc123-gf6-16m.json").read_text())
    assert "grid:code" not in item["properties"]
    # who reads a map must know what it was weighted by, without the recipe at hand
    weights = "Gaussian point spread, FWHM 1.2 cells"
    assert item["assets"]["fvc_green_gf6-16m"]["title"].endswith(weights)
    with rasterio.open(order["out"] / "fvc_green_gf6-16m.tif") as written:
        assert written.tags()["weights"] == weights


def test_a_projection_without_a_code_keeps_its_words(order: dict[str, Any], tmp_path: Path) -> None:
    """MODIS' sinusoidal cells, by a template."""
    sinusoidal = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"
    grid = Grid(sinusoidal, 8895604.157, 4447802.079, 463.312717, 40, 900)
    with cog(tmp_path / "modis.tif", grid, ("nir",)):
        pass
    settings = GridSettings(cells_m=(), templates={"modis": tmp_path / "modis.tif"})
    made = make_handover(**(order | {"grids": settings}))
    facts = made.facts["modis"]["fvc_green"]  # type: ignore[index,call-overload]
    assert facts["conservation_error"] < 1e-6  # type: ignore[index,call-overload,operator]
    item = json.loads((order["out"] / "20240715-abc123-modis.json").read_text())
    assert "6371007.181" in item["properties"]["proj:wkt2"]
    assert item["properties"]["proj:code"] is None
    JsonSchemaSTACValidator().validate_core(item, pystac.STACObjectType.ITEM, "1.1.0")
