"""The parts of the plots benchmark on a mosaic of a few hundred pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.plots_part import BANDS, PLANTS, SOIL, chain, make, plots_of, write, zonal
from uav_workflow.rasters.reader import Raster


def test_every_part_measures_what_it_says(tmp_path: Path) -> None:
    make(tmp_path, 700, 8, 5)
    with Raster(tmp_path / "reflectance.tif") as mosaic:
        assert mosaic.bands == BANDS
        nir = mosaic.band("nir")
    assert np.percentile(nir, (5, 95)) == pytest.approx((SOIL[-1], PLANTS[-1]), abs=0.03)
    cost = chain(tmp_path)
    assert cost["rows"] >= 8 * 5
    assert min(cost["maps_s"], cost["plots_s"]) > 0
    assert write(tmp_path)["write_s"] > 0
    assert list(tmp_path.glob("again_*")) == []
    zonal(tmp_path)
    means = np.load(tmp_path / "zonal.npy")
    assert means.shape == (8, len(BANDS))
    assert ((means[:, -1] > SOIL[-1] - 0.03) & (means[:, -1] < PLANTS[-1] + 0.03)).all()


def test_plots_have_a_square_metre(tmp_path: Path) -> None:
    (tmp_path / "plots.json").write_text('{"side": 700, "count": 8, "seed": 5}')
    assert [plot.geometry.area for plot in plots_of(tmp_path)] == pytest.approx([1.0] * 8, abs=0.01)
