"""What a team hears of its panel before it drives home."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from camera_files import Shot, write_shot
from shapely import box

from calibration.panels.on_site import panels_on_site
from uav_workflow.domain.flight import Flight
from uav_workflow.domain.ground import ReferenceTarget
from uav_workflow.findings import Level
from uav_workflow.flights.reading import read_flight


def flight_of(folder: Path) -> Flight:
    flight, findings = read_flight(folder)
    assert flight is not None, findings
    return flight


@pytest.fixture
def bare(tmp_path: Path) -> Flight:
    """Two captures of one band over noise."""
    rng = np.random.default_rng(4)
    for number in range(2):
        shot = Shot(make="MicaSense", model="RedEdge-M", after_s=number, xmp={"Camera:BandName": "Red"})
        path = tmp_path / "images" / f"IMG_000{number}_3.tif"
        write_shot(path, rng.integers(9000, 30000, (120, 160), np.uint16), shot)
    return flight_of(tmp_path)


def test_a_flight_without_a_panel_is_told(bare: Flight) -> None:
    (absent,) = panels_on_site(bare)
    assert (absent.code, absent.level) == ("panel-absent", Level.WARNING)
    assert "2 captures" in absent.message
    assert "panels/" in absent.hint


def test_ground_targets_make_it_a_note(bare: Flight) -> None:
    place = box(0, 0, 1, 1)
    target = ReferenceTarget(target_id="grey", geometry=place, crs="EPSG:32647", band="red", reflectance=0.3)
    (absent,) = panels_on_site(replace(bare, targets=(target,)))
    assert absent.level is Level.INFO


def test_pictures_of_a_panel_that_show_none_are_named(bare: Flight) -> None:
    first, second = bare.captures
    flight = replace(bare, captures=(second,), panel_captures=(replace(first, is_panel=True),))
    codes = {finding.code: finding.where for finding in panels_on_site(flight)}
    assert codes == {"panel-not-found": "images/IMG_0000_3.tif", "panel-absent": "images"}


def test_an_ordinary_camera_needs_none(bare: Flight) -> None:
    assert panels_on_site(replace(bare, sensor=replace(bare.sensor, kind="rgb"))) == []


@pytest.mark.shared
def test_a_real_panel_amid_the_photos_is_found(shared_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    shutil.copytree(shared_data / "micasense_rededge" / "0000SET", folder)
    assert {finding.code for finding in panels_on_site(flight_of(folder))} <= {"panel-visited-once"}
