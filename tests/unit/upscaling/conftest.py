"""A landscape whose cover is a known function of two bands, flown over at seven sites."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from uav_workflow.domain.grid import Grid
from uav_workflow.rasters.writer import cog

GRID = Grid("EPSG:32647", 600000.0, 4200000.0, 10.0, 160, 140)


def smooth(draw: np.random.Generator, shape: tuple[int, int], cells: float) -> np.ndarray[Any, Any]:
    from scipy.ndimage import gaussian_filter

    field = gaussian_filter(draw.normal(size=shape), cells)
    return np.asarray((field - field.min()) / np.ptp(field))


@pytest.fixture(scope="session")
def landscape(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Paths of scene, dem and samples, and the true cover."""
    import geopandas as gpd
    from shapely import box

    folder = tmp_path_factory.mktemp("landscape")
    draw = np.random.default_rng(17)
    cover = smooth(draw, GRID.shape, 5)
    red = 0.25 - 0.2 * cover + draw.normal(0, 0.004, GRID.shape)
    nir = 0.2 + 0.25 * cover + draw.normal(0, 0.004, GRID.shape)
    red[:, -3:] = np.nan
    red[:20, :20], nir[:20, :20] = 0.02, 0.01  # a lake no flight has seen
    with cog(folder / "scene.tif", GRID, ("red", "nir")) as target:
        for block in GRID.blocks(64):
            target.write(block, np.stack([red, nir])[:, *block.slices])
    with cog(folder / "dem.tif", GRID, ("height",)) as target:
        for block in GRID.blocks(64):
            target.write(block, (3000 + 50 * smooth(draw, GRID.shape, 9))[block.slices])
    rows = []
    for site in range(7):
        top, left = 25 + 15 * site, 30 + 15 * (site % 6)
        for row in range(top, top + 8):
            for col in range(left, left + 8):
                x, y = GRID.x_min + 10 * col, GRID.y_max - 10 * row
                rows.append(
                    {
                        "cell_id": f"r{row}c{col}",
                        "geometry": box(x, y - 10, x + 10, y),
                        "variable": "fvc_green",
                        "value": float(np.clip(cover[row, col] + draw.normal(0, 0.02), 0, 1)),
                        "sd": 0.02,
                        "coverage": 0.5 if col == left else 1.0,
                        "weight": 1.0,
                        "fold_id": f"{(row - top) // 4}",
                        "flight_id": f"2024071{site}-f{site}",
                        "site_id": f"S{site}",
                        "date": f"2024-07-1{site}",
                    }
                )
    handover = folder / "handover"
    handover.mkdir()
    gpd.GeoDataFrame(rows, crs=GRID.crs).to_parquet(handover / "samples.parquet")
    return {"scene": folder / "scene.tif", "dem": folder / "dem.tif", "handover": handover, "cover": cover}
