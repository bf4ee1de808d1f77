"""Titles of every file of a package can be read in Chinese: the published page lists them."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from uav_workflow.domain.grid import Grid
from uav_workflow.handover.bridge import DroneBands, Scene, bridge
from uav_workflow.handover.maps import GridSettings
from uav_workflow.handover.package import make_handover
from uav_workflow.publication.chinese import chinese
from uav_workflow.publication.files import published_files
from uav_workflow.rasters.writer import cog
from uav_workflow.store import MANIFEST

NAMED = ("Haibei", "STAC", "Sentinel-2", "Landsat", "MODIS", "20240715-abc123", "gf6")
"""Names of places, flights, satellites, standards."""


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    with cog(tmp_path / "scene.tif", Grid("EPSG:32647", 600000.0, 4200060.0, 10.0, 7, 5), ("shadow",)) as target:
        target.write(next(Grid("", 0, 0, 1, 7, 5).blocks()), np.full((1, 5, 7), 0.1))
    return Scene(name="gf6", path=tmp_path / "scene.tif", day=date(2024, 7, 16))


@pytest.mark.parametrize("psf", [None, 1.2])
def test_no_title_is_left_in_english(order: dict[str, Any], scene: Scene, psf: float | None) -> None:
    drone = DroneBands(path=order["maps"].cover, day=date(2024, 7, 15), quantity="reflectance")
    grids = GridSettings(named=() if psf else ("modis-250m",), psf_fwhm=psf)
    make_handover(**(order | {"grids": grids, "bridges": [bridge(drone, scene)]}))
    (order["out"] / MANIFEST).write_text("{}")
    titles = {file.title for file in published_files(order["out"]) if file.title != file.name}
    assert len(titles) >= 15
    for title in titles:
        told = chinese(title)
        for name in NAMED:
            told = told.replace(name, "")
        assert not re.findall(r"[A-Za-z]{2,}", told.replace("FWHM", "")), title


def test_a_package_of_plots_alone(order: dict[str, Any]) -> None:
    maps = type(order["maps"])()
    make_handover(**(order | {"maps": maps}))
    titles = [file.title for file in published_files(order["out"])]
    assert chinese("STAC Collection: Haibei: ground plots") == "STAC集合：Haibei：地面样方"
    assert "STAC Collection: Haibei: ground plots" in titles
