"""Two small flights over one meadow, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from uav_workflow.simulation.flight import simulate
from uav_workflow.simulation.options import SimulationOptions, SimulationSummary

SMALL = {
    "captures": 4,
    "gsd_cm": 2.0,
    "seed": 7,
    "plots": 4,
    "harvested": 2,
    "texel_m": 0.01,
    "plots_within": (4.0, 3.5),
}


@pytest.fixture(scope="session")
def rig_flight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SimulationSummary]:
    """Five-band flight: 4 captures of 320 x 240 pixels."""
    out = tmp_path_factory.mktemp("rig") / "flight"
    return out, simulate(out, SimulationOptions(sensor="rededge", image_size=(320, 240), **SMALL))


@pytest.fixture(scope="session")
def rgb_flight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SimulationSummary]:
    """RGB flight: 4 photos of 360 x 240 pixels, with control points."""
    out = tmp_path_factory.mktemp("rgb") / "flight"
    options = SimulationOptions(sensor="rgb", image_size=(360, 240), control_points=4, **SMALL)
    return out, simulate(out, options)
