"""The table of three skies: which flights, what is pooled, what is missed."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import radiometry
from benchmarks.garfield import garfield_figures
from benchmarks.radiometry import measure_radiometry, radiometry_scenarios


def test_every_seed_flies_both_sensors_and_skies_take_turns() -> None:
    flown = radiometry_scenarios(range(1001, 1011))
    count = Counter((each.options.sensor, each.options.sky) for each in flown)
    assert len(flown) == 20
    assert set(count.values()) == {3, 4}
    assert all(each.options.targets == (5 if each.options.sensor == "rgb" else 0) for each in flown)


def _figures(rmse: float, inside: float) -> dict[str, float]:
    return {
        "blocks": 100.0,
        "overlap": 0.02,
        "rmse_red": rmse,
        "bound_red": 0.01,
        "inside_red": inside,
        "rmse_blue": 0.001,
        "bound_blue": 0.01,
        "inside_blue": 0.9,
    }


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, dict[str, float]]:
    """Figures by name of the flight, in place of flights."""
    found: dict[str, dict[str, float]] = {}
    monkeypatch.setattr(radiometry, "_remembered", lambda scenario, keep, say: found[scenario.name])
    monkeypatch.setattr(radiometry, "garfield_figures", list)
    for scenario in radiometry_scenarios((3, 4, 5)):
        found[scenario.name] = _figures(0.004, 0.92)
    return found


def test_all_reached(measured: dict[str, dict[str, float]], tmp_path: Path) -> None:
    figures = measure_radiometry((3, 4, 5), tmp_path, print)
    assert not [figure.what for figure in figures if figure.missed]
    assert sum("overlap residual, median" in figure.what for figure in figures) == 1
    pooled = next(figure for figure in figures if figure.what.startswith("rig, all skies"))
    assert pooled.value == pytest.approx(0.91)


def test_one_flight_over_its_bound_is_missed(measured: dict[str, dict[str, float]], tmp_path: Path) -> None:
    measured[radiometry_scenarios((4,))[0].name] = _figures(0.013, 0.2)
    missed = [figure.what for figure in measure_radiometry((3, 4, 5), tmp_path, print) if figure.missed]
    assert len(missed) == 2
    assert "RMSE over its bound" in missed[0]
    assert "inside the stated" in missed[1]


def test_a_flight_that_made_no_reflectance_is_missed(measured: dict[str, dict[str, float]], tmp_path: Path) -> None:
    measured[radiometry_scenarios((4,))[1].name] = {}
    figures = [figure for figure in measure_radiometry((3, 4, 5), tmp_path, print) if figure.missed]
    assert [math.isnan(figure.value) for figure in figures] == [True]


def test_a_steady_flight_under_a_broken_sky_has_no_overlap_residual_and_all_of_them_none_is_missed(
    measured: dict[str, dict[str, float]], tmp_path: Path
) -> None:
    for rig, rgb in (radiometry_scenarios((5,)), radiometry_scenarios((8,))):
        measured[rgb.name] = _figures(0.004, 0.92)
        measured[rig.name] = _figures(0.004, 0.92)
    first, second = (radiometry_scenarios((seed,))[0].name for seed in (5, 8))
    del measured[first]["overlap"]
    rows = [row for row in measure_radiometry((3, 4, 5, 8), tmp_path, print) if "overlap" in row.what]
    assert [(row.value, row.missed) for row in rows] == [(0.02, False)]
    assert "1 adjusted flights of 2" in rows[0].what
    del measured[second]["overlap"]
    rows = [row for row in measure_radiometry((3, 4, 5, 8), tmp_path, print) if "overlap" in row.what]
    assert [row.missed for row in rows] == [True]


def test_absent_captures_are_counted_as_skipped(tmp_path: Path) -> None:
    rows = garfield_figures(tmp_path / "absent")
    assert [("skipped" in row.what, row.bound) for row in rows] == [(True, None)]
