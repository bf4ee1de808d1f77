"""Two cameras of five bands each that expose together: one capture of ten bands, every band in its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from uav_workflow.domain.flight import Flight
from uav_workflow.domain.reconstruction import Camera, FloatArray, Reconstruction, Shot
from uav_workflow.engine.adjustment.collinearity import undistort
from uav_workflow.engine.structure.from_motion import reconstruct
from uav_workflow.flights.reading import read_flight
from uav_workflow.quality.truth import Truth
from uav_workflow.simulation.flight import simulate
from uav_workflow.simulation.options import SimulationOptions
from uav_workflow.simulation.rigs import RIGS

RIG = RIGS["rededge_dual"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ten") / "flight"
    options = {"captures": 5, "gsd_cm": 4.0, "image_size": (480, 360), "plots": 0, "harvested": 0, "texel_m": 0.025}
    simulate(out, SimulationOptions(sensor="rededge_dual", seed=4, **options))  # type: ignore[arg-type]
    return out


@pytest.fixture(scope="module")
def flight(folder: Path) -> Flight:
    return read_flight(folder)[0]


@pytest.fixture(scope="module")
def placed(flight: Flight, tmp_path_factory: pytest.TempPathFactory) -> Reconstruction:
    return reconstruct(flight.captures, tmp_path_factory.mktemp("work")).reconstruction


def test_a_capture_has_all_ten_under_the_makers_names(flight: Flight) -> None:
    assert len(flight.captures) == 5
    assert len(flight.panel_captures) == 2
    for capture in flight.captures:
        assert tuple(image.band.name for image in capture.images) == RIG.names
        assert [image.band.centre_nm for image in capture.images] == [band.centre_nm for band in RIG.bands]


def test_every_band_lies_on_the_primary_one(folder: Path, placed: Reconstruction) -> None:
    """Where a band shows what a green pixel shows, by the engine and in truth: pixels of that band."""
    truth = Truth.read(folder)
    made = {Path(shot.image).name: shot for shot in placed.shots}
    assert len(made) == 50
    for number, band in enumerate(RIG.bands, start=1):
        off = []
        for capture in range(1, 6):
            names = [f"IMG_{capture:04d}_{k}.tif" for k in (RIG.reference + 1, number)]
            found = _seen([made[name] for name in names], placed.cameras)
            off.append(found - _seen([truth.shots[name] for name in names], truth.cameras))
        rms = float(np.sqrt((np.concatenate(off) ** 2).sum(axis=1).mean()))
        assert rms < 0.35, (band.name, rms)


def _seen(pair: Sequence[Shot], cameras: Mapping[str, Camera]) -> FloatArray:
    """Pixels of the second shot that show what a lattice of pixels of the first one shows, on level ground."""
    first, second = pair
    camera = cameras[first.camera_id]
    cols, rows = np.meshgrid(np.linspace(40, 440, 11), np.linspace(30, 330, 9))
    rays = undistort(camera, np.stack([cols.ravel(), rows.ravel()], axis=1))
    distance = 0.04 * camera.fx
    points = first.centre + (rays * distance) @ first.rotation
    return cameras[second.camera_id].project(second.to_camera(points))
