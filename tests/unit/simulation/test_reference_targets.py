"""Grey targets of a simulated flight: where the table says, as bright as the truth says, in the photos."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from uav_workflow.errors import UsageError
from uav_workflow.flights.reading import read_flight
from uav_workflow.rasters.reader import Raster
from uav_workflow.simulation.flight import simulate
from uav_workflow.simulation.options import SimulationOptions


@pytest.fixture(scope="module")
def flown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("targets") / "flight"
    options = SimulationOptions(
        sensor="rgb",
        captures=4,
        gsd_cm=5,
        texel_m=0.025,
        image_size=(320, 240),
        seed=7,
        plots=0,
        harvested=0,
        targets=3,
    )
    simulate(out, options)
    return out


def test_the_truth_shows_them_lit_and_bare(flown: Path) -> None:
    with (flown / "truth" / "targets.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert {row["target_id"] for row in rows} == {"T1", "T2", "T3"}
    with Raster(flown / "truth" / "reflectance.tif") as raster, Raster(flown / "truth" / "cover.tif") as cover:
        for row in rows:
            col = int((float(row["x"]) - raster.grid.x_min) / raster.grid.pixel_m)
            line = int((raster.grid.y_max - float(row["y"])) / raster.grid.pixel_m)
            inner = np.s_[line - 8 : line + 9, col - 8 : col + 9]
            values = raster.band(row["band"])[inner]
            np.testing.assert_allclose(values, float(row["reflectance"]), rtol=0.01)
            assert not cover.read()[:, *inner].any()


def test_the_table_reads_as_measured_with_an_error(flown: Path) -> None:
    flight, findings = read_flight(flown)
    assert flight is not None
    assert not [finding for finding in findings if finding.where.startswith("reference_targets")]
    assert len(flight.targets) == 9
    with (flown / "truth" / "targets.csv").open() as stream:
        true = {(row["target_id"], row["band"]): row for row in csv.DictReader(stream)}
    for target in flight.targets:
        row = true[target.target_id, target.band]
        assert target.sd is not None
        assert abs(target.reflectance - float(row["reflectance"])) < 4 * target.sd
        assert target.sd == pytest.approx(0.02 * float(row["reflectance"]), abs=1e-4)
        centre = target.geometry.centroid
        assert np.hypot(centre.x - float(row["x"]), centre.y - float(row["y"])) < 0.06
        assert target.geometry.area == pytest.approx(1.44)


def test_plots_and_targets_do_not_go_together() -> None:
    with pytest.raises(UsageError, match="ask for no plots"):
        SimulationOptions(plots=4, harvested=0, targets=2)
