"""The simulated region hands over what is there, with a drone's errors, and its scene sees it."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest

from benchmarks import region
from uav_workflow.rasters.reader import Raster


def test_region_hands_over_its_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(region, "SIDE", 120)
    monkeypatch.setattr(region, "FLIGHTS", 4)
    made = region.make_region(tmp_path, 5)
    table = gpd.read_parquet(made.samples)
    assert made.flown.sum() == 4 * 144 == len(table) / 2
    for name, rows in table.groupby("variable"):
        place = rows.cell_id.str.split("/", expand=True).astype(int).to_numpy()
        truth = made.truth[str(name)][place[:, 0], place[:, 1]]
        assert np.corrcoef(truth, rows.value)[0, 1] > 0.95
        centre = rows.geometry.centroid
        assert ((centre.x - made.grid.x_min) / 10 - 0.5).to_numpy() == pytest.approx(place[:, 1])
    with Raster(made.scene) as scene:
        red, nir = scene.read(None, ("red", "nir"))
    greener = (nir - red) / (nir + red)
    assert np.corrcoef(greener[made.flown], made.truth["fvc_green"][made.flown])[0, 1] > 0.9
