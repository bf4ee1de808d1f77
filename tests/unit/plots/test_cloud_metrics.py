"""Metrics of a cloud whose heights are known in closed form, on sloping ground."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import laspy
import numpy as np
import pytest

from uav_workflow.domain.flight import Flight
from uav_workflow.errors import RasterError
from uav_workflow.plots.cloud_metrics import CloudSource, cloud_metrics
from uav_workflow.plots.predictors import Maps, make_plot_predictors

CORNER = (5e5, 4.2e6)
Make = Callable[..., Any]


def write_cloud(path: Path, points: np.ndarray) -> Path:
    header = laspy.LasHeader(point_format=6, version="1.4")
    header.scales, header.offsets = np.full(3, 1e-4), np.array([*CORNER, 0.0])
    with laspy.open(path, mode="w", header=header, do_compress=True) as writer:
        record = laspy.ScaleAwarePointRecord.zeros(len(points), header=header)
        record.x, record.y, record.z = points.T
        writer.write_points(record)
    return path


@pytest.fixture
def source(write_raster: Make, tmp_path: Path) -> CloudSource:
    """10 x 10 m: ground rises 0.2 m a metre east; 600 points a m2, heights uniform 0 - 0.4 m; no points beyond 8 m."""
    draw = np.random.default_rng(4)
    cols = (np.arange(200) + 0.5) * 0.05
    ground = np.tile(100 + 0.2 * cols, (200, 1))
    canopy = np.full((200, 200), 0.3)
    right, down = draw.uniform(0, 8, 38400), draw.uniform(0, 8, 38400)
    height = draw.uniform(0, 0.4, 38400)
    # ground of the pixel a point lies in
    under = 100 + 0.2 * (np.floor(right / 0.05) + 0.5) * 0.05
    points = np.stack([CORNER[0] + right, CORNER[1] - down, under + height], axis=1)
    return CloudSource(
        cloud=write_cloud(tmp_path / "cloud.laz", points),
        surface=write_raster("dsm.tif", {"dsm": ground + canopy}, pixel_m=0.05),
        canopy_height=write_raster("canopy_height.tif", {"canopy_height": canopy}, pixel_m=0.05),
    )


def test_metrics_of_uniform_heights(source: CloudSource, square: Make) -> None:
    one, away = cloud_metrics([square("in", 2, 2, side=2.0), square("away", 50, 50)], source)
    assert one.cell_m == 0.1
    assert one.points == pytest.approx(2400, rel=0.1)
    assert one.valid_fraction > 0.95
    assert one.percentiles == pytest.approx({50: 0.2, 75: 0.3, 90: 0.36, 95: 0.38}, abs=0.02)
    # the highest of k uniform heights is k / (k + 1) of the most on average, k Poisson with mean 6 and not 0
    k = np.arange(1, 40)
    weight = np.exp(-6) * np.cumprod(6 / k) / (1 - np.exp(-6))
    assert one.cellmax_mean == pytest.approx(0.4 * float((weight * k / (k + 1)).sum()), abs=0.015)
    assert one.cellmax_mean > one.percentiles[50]
    assert one.volume == pytest.approx(0.2 * 4.0, rel=0.05)
    assert one.rugosity > 0.05
    assert (away.points, away.valid_fraction) == (0, 0.0)
    assert np.isnan(away.cellmax_mean)


def test_rows_stand_beside_those_of_the_raster(
    source: CloudSource, square: Make, flown: Callable[..., Flight], tmp_path: Path
) -> None:
    plots = [square("in", 2, 2), square("edge", 7.5, 2), square("away", 50, 50)]
    made = make_plot_predictors(
        flown(plots), Maps(rasters={"canopy_height": source.canopy_height}, cloud=source), tmp_path
    )
    table = gpd.read_parquet(tmp_path / "plot_predictors.parquet")
    cloud = table[table["method"] == "cloud_cells_10cm"]
    assert set(cloud["variable"]) == {
        *(f"height_cloud_p{p}" for p in (50, 75, 90, 95)),
        "height_cellmax_mean",
        "canopy_rugosity",
        "canopy_volume",
    }
    by_plot = cloud.groupby("plot_id")
    assert by_plot["value"].count().to_dict() == {"in": 7, "edge": 0, "away": 0}
    assert by_plot["reason"].first().to_dict() == {"in": None, "edge": "low-valid-fraction", "away": "no-data"}
    assert (cloud.loc[cloud["variable"] == "canopy_volume", "unit"] == "m3").all()
    assert "height_mean" in set(table["variable"])
    assert any("cloud.laz" in finding.where for finding in made.findings)


def test_what_can_not_be_read_is_said(source: CloudSource, square: Make, write_raster: Make, tmp_path: Path) -> None:
    (tmp_path / "broken.laz").write_bytes(b"no cloud")
    broken = replace(source, cloud=tmp_path / "broken.laz")
    with pytest.raises(RasterError, match=r"broken\.laz"):
        cloud_metrics([square("in", 2, 2)], broken)
    other = write_raster("other.tif", {"canopy_height": np.zeros((5, 5))})
    with pytest.raises(RasterError, match=r"other\.tif"):
        cloud_metrics(
            [square("in", 2, 2)], CloudSource(cloud=source.cloud, surface=source.surface, canopy_height=other)
        )
