from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from uav_workflow.domain.grid import Grid
from uav_workflow.domain.ground import GroundControlPoint
from uav_workflow.photogrammetry.survey_heights import compare_heights
from uav_workflow.rasters.writer import cog

GRID = Grid("EPSG:32632", 560000.0, 5183100.0, 0.25, 80, 60)


def point(name: str, east: float, south: float, off_m: float, check: bool = True) -> GroundControlPoint:
    """A point whose height lies ``off_m`` below the plane of the surface."""
    x, y = GRID.x_min + east, GRID.y_max - south
    height = 1800 + 0.2 * east + 0.1 * south
    return GroundControlPoint(name=name, crs="EPSG:32632", x=x, y=y, z=height - off_m, marks=(), is_check=check)


@pytest.fixture
def dsm(tmp_path: Path) -> Path:
    east = (np.arange(80) + 0.5) * 0.25
    south = (np.arange(60) + 0.5) * 0.25
    heights = (1800 + 0.2 * east[None] + 0.1 * south[:, None]).astype(np.float32)
    heights[20:24, 20:24] = np.nan
    with cog(tmp_path / "dsm.tif", GRID, ("dsm",)) as target:
        for block in GRID.blocks():
            target.write(block, heights)
    return tmp_path / "dsm.tif"


def test_heights_on_the_measured_surface(dsm: Path) -> None:
    points = [
        point("a", 3.3, 2.2, 0.03),
        point("b", 10.01, 9.99, -0.05),
        point("hole", 5.6, 5.6, 9.0),
        point("outside", 30.0, 2.0, 9.0),
        point("control", 12.0, 3.0, 0.01, check=False),
    ]
    facts = compare_heights(dsm, points, dsm.parent).facts
    assert facts["n_z_dsm"] == 2
    assert facts["rmse_z_dsm_m"] == pytest.approx(np.sqrt((0.03**2 + 0.05**2) / 2), abs=2e-4)
    assert facts["mean_z_dsm_m"] == pytest.approx(-0.01, abs=2e-4)
    assert facts["rmse_z_dsm_control_m"] == pytest.approx(0.01, abs=2e-4)
    with (dsm.parent / "check_heights.csv").open(encoding="utf-8", newline="") as stream:
        rows = {row["name"]: row for row in csv.DictReader(stream)}
    assert float(rows["a"]["dz_m"]) == pytest.approx(0.03, abs=2e-4)
    assert rows["hole"]["dsm_z"] == rows["outside"]["dz_m"] == ""


def test_a_surface_far_off_a_point_is_named(dsm: Path) -> None:
    points = [point("fits", 3.3, 2.2, 0.03), point("plant", 10.0, 9.9, 1.4)]
    (finding,) = compare_heights(dsm, points, dsm.parent).findings
    assert finding.code == "surface-off-at-point"
    assert "plant by +1.40 m" in finding.message
    assert "fits" not in finding.message


def test_no_point_on_the_surface_gives_no_figure(dsm: Path) -> None:
    assert compare_heights(dsm, [point("hole", 5.6, 5.6, 0.0)], dsm.parent).facts == {}
