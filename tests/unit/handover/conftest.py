"""A small flight's maps and plots."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from uav_workflow.domain.grid import Grid
from uav_workflow.domain.product import Made
from uav_workflow.handover.maps import GridSettings
from uav_workflow.handover.package import make_handover
from uav_workflow.handover.variables import FlightMaps
from uav_workflow.handover.when import Visit
from uav_workflow.rasters.writer import cog

MOMENT = datetime(2024, 7, 15, 4, 30, tzinfo=UTC)


def flight_order(tmp_path: Path) -> dict[str, Any]:
    """Arguments of make_handover for a flight of 70 x 50 m in zone 47N."""
    import geopandas as gpd
    from shapely import box

    rng = np.random.default_rng(11)
    source = tmp_path / "source"
    source.mkdir()
    fine = Grid("EPSG:32647", 600003.0, 4200058.0, 0.1, 700, 500)
    green = (rng.random(fine.shape) < 0.4).astype(float)
    shadow = (rng.random(fine.shape) < 0.05).astype(float)
    green[shadow > 0] = np.nan
    green[:, :50] = shadow[:, :50] = np.nan
    with cog(source / "cover.tif", fine, ("fvc_green", "shadow")) as target:
        for block in fine.blocks():
            target.write(block, np.stack([green[block.slices], shadow[block.slices]]))
    coarse = fine.coarser(10)
    agb = rng.gamma(3, 40, coarse.shape)
    planes = [agb, agb * 0.2, agb * 0.5, agb * 1.5, (rng.random(coarse.shape) < 0.1) * 2.0]
    with cog(source / "biomass.tif", coarse, ("agb_dry", "sd", "pi90_lo", "pi90_hi", "flags")) as target:
        for block in coarse.blocks():
            target.write(block, np.stack([plane[block.slices] for plane in planes]))
    with cog(source / "dtm.tif", fine.coarser(5), ("dtm",)) as target:
        rows, cols = np.indices(fine.coarser(5).shape)
        target.write(next(fine.coarser(5).blocks()), (3200 + 0.1 * cols * 0.5 + 0.05 * rows * 0.5)[None])
    shapes = [box(600010 + 5 * i, 4200020, 600011 + 5 * i, 4200021) for i in range(4)]
    rows_of = {"plot_id": list("abcd"), "source": ["drone", "drone", "ground", "ground"], "value": [0.1, 0.2, 0.3, 0.4]}
    table = gpd.GeoDataFrame(rows_of, geometry=shapes, crs=fine.crs)
    table.to_parquet(source / "plots.parquet")
    table.drop(columns="geometry").to_csv(source / "plots.csv", index=False)
    out = tmp_path / "out"
    out.mkdir()
    return {
        "visit": Visit.of("20240715-abc123", "Haibei", MOMENT, None),
        "maps": FlightMaps(
            cover=source / "cover.tif",
            biomass=source / "biomass.tif",
            biomass_site_share=0.25,
            terrain=source / "dtm.tif",
        ),
        "out": out,
        "plots": source / "plots.parquet",
        "grids": GridSettings(),
        "lineage": {"cover": {"fingerprint": "0123456789abcdef", "parameters": {"a": float("nan")}, "files": {}}},
    }


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Made]:
    """A package that is only looked at, and what its maker said."""
    order = flight_order(tmp_path_factory.mktemp("package"))
    return order["out"], make_handover(**order)


@pytest.fixture
def order(tmp_path: Path) -> dict[str, Any]:
    """Arguments of make_handover, to be changed."""
    return flight_order(tmp_path)
