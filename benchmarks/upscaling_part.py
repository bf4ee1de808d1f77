"""A large tile upscaled in a process of its own; its costs as JSON on the last line.

``python -m benchmarks.upscaling_part FOLDER SIDE SEED``
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
from scipy.ndimage import gaussian_filter
from shapely import box

from uav_workflow.domain.grid import Grid
from uav_workflow.rasters.writer import cog
from uav_workflow.upscaling.predictors import PredictorStack
from uav_workflow.upscaling.upscale import upscale

BANDS, SITES, CELLS, BLOCK = 12, 20, 10, 512


def make(folder: Path, side: int, seed: int) -> None:
    """Twelve bands of two fields a block and noise, and cells of twenty sites."""
    draw = np.random.default_rng((seed, 72))
    grid = Grid("EPSG:32647", 600000.0, 4200000.0, 10.0, side, side)
    mix, fields = draw.normal(size=(BANDS, 2)), []
    with cog(folder / "tile.tif", grid, [f"b{i}" for i in range(BANDS)]) as target:
        for block in grid.blocks(BLOCK):
            two = gaussian_filter(draw.normal(size=(2, block.height, block.width)), (0, 6, 6), mode="wrap") * 20
            noise = draw.normal(0, 0.1, (BANDS, block.height, block.width))
            target.write(block, np.tensordot(mix, two, 1) + noise)
            if len(fields) < SITES and min(block.height, block.width) >= 100:
                fields.append((block, two[0, :CELLS, :CELLS]))
    rows = []
    for site, (block, field) in enumerate(fields * (SITES // len(fields) + 1)):
        for (row, col), value in np.ndenumerate(field):
            x, y = grid.x_min + 10 * (block.col + col), grid.y_max - 10 * (block.row + row)
            rows.append(
                {
                    "cell_id": f"{site}/{row}/{col}",
                    "geometry": box(x, y - 10, x + 10, y),
                    "variable": "fvc_green",
                    "value": float(1 / (1 + np.exp(-value)) + draw.normal(0, 0.02)),
                    **{"sd": 0.02, "coverage": 1.0, "weight": 1.0, "fold_id": str(row // 5), "date": "2024-07-15"},
                    **{"flight_id": f"F{site}", "site_id": f"S{site}"},
                }
            )
    gpd.GeoDataFrame(rows[: SITES * CELLS**2], crs=grid.crs).to_parquet(folder / "samples.parquet")


def main() -> None:
    """Make it in a process that ends, so that its memory does not count."""
    import multiprocessing

    folder, side, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    maker = multiprocessing.get_context("spawn").Process(target=make, args=(folder, side, seed))
    maker.start()
    maker.join()
    wall, cpu = time.perf_counter(), time.process_time()
    with PredictorStack([folder / "tile.tif"]) as stack:
        made = upscale([folder / "samples.parquet"], stack, folder / "out")
    costs = {
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "cells": float(made.facts["fvc_green"]["cells"]),  # type: ignore[index, call-overload, arg-type]
    }
    print(json.dumps(costs))


if __name__ == "__main__":
    main()
