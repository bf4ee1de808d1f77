"""Fixtures of the flights room."""

from __future__ import annotations

from pathlib import Path

import pytest
from synthetic_flight import TWO_PLOTS, Checker, FlightFolder, contents, grid_of_photos

from uav_workflow.findings import Finding


@pytest.fixture
def flight(tmp_path: Path) -> FlightFolder:
    """Twelve good RGB photos, not yet written."""
    return FlightFolder(tmp_path / "site", grid_of_photos())


@pytest.fixture
def checked() -> Checker:
    """Check a folder; findings by code. Nothing in the folder may change."""
    from uav_workflow.flights.reading import read_flight

    def run(folder: Path) -> dict[str, Finding]:
        before = contents(folder)
        flight, findings = read_flight(folder)
        assert contents(folder) == before
        assert (flight is None) == any(finding.level == "error" for finding in findings)
        return {finding.code: finding for finding in findings}

    return run


@pytest.fixture
def ground(flight: FlightFolder) -> FlightFolder:
    """A good flight with two good plots."""
    flight.write()
    flight.text("plots.geojson", TWO_PLOTS)
    return flight
