"""What a table of measured figures says: medians, worst, missed; a figure that is not there is missed."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from benchmarks import engine
from benchmarks.bounds import BOUNDS, Bound, Line, lines, table
from benchmarks.engine_run import EngineRun
from benchmarks.figures import Figure
from benchmarks.scenarios import Scenario, scenario, scenarios


def line_of(what: str, flights: list[dict[str, float]], sensor: str = "rgb", variant: str = "gps") -> Line:
    return next(line for line in lines(flights, sensor, variant) if line.bound.what == what)


@pytest.mark.parametrize(
    ("value", "missed"), [(0.3, False), (-0.3, False), (0.32, True), (-5.0, True), (math.nan, True), (math.inf, True)]
)
def test_a_bound_holds_for_the_size_of_a_figure(value: float, missed: bool) -> None:
    assert Bound("key", "what", high=0.31).missed(value) is missed


@pytest.mark.parametrize(("value", "missed"), [(29.0, True), (30.0, False), (70.0, False), (71.0, True)])
def test_a_range_has_two_ends(value: float, missed: bool) -> None:
    assert Bound("key", "what", low=30, high=70).missed(value) is missed


def test_a_row_counts_the_flights_that_miss() -> None:
    flights = [{"dsm_open_nmad_gsd": value} for value in (0.2, 0.3, 0.5, 0.25)]
    line = line_of("DSM on open ground, NMAD", flights)
    assert (line.median, line.worst, line.missed) == (pytest.approx(0.275), 0.5, 1)
    assert "missed by 1 of 4" in line.to_markdown("meadow")


def test_a_flight_without_a_figure_misses_its_bound() -> None:
    line = line_of("DSM on open ground, NMAD", [{"dsm_open_nmad_gsd": 0.2}, {"placed": 0.0}])
    assert line.missed == 1
    assert math.isnan(line.worst)
    nowhere = line_of("orthomosaic, internal shift, mean", [{}, {}])
    assert nowhere.missed == 2


def test_the_block_shift_is_a_ratio_over_all_flights() -> None:
    flights = [{"ground_v_m": 3.0, "tags_v_m": 1.0}, {"ground_v_m": -4.0, "tags_v_m": -2.0}]
    line = line_of("RMS of the block shift / of the mean position's error, vertical", flights)
    assert line.median == pytest.approx(math.sqrt(25 / 5))
    assert line.missed == 1


def test_a_failed_flight_spoils_the_ratio() -> None:
    flights = [{"ground_v_m": 1.0, "tags_v_m": 1.0}, {"placed": 0.0}]
    line = line_of("RMS of the block shift / of the mean position's error, vertical", flights)
    assert line.missed == 1


def test_pictures_have_seams_and_rigs_have_bands() -> None:
    of = {sensor: {line.bound.key for line in lines([{}], sensor, "gps")} for sensor in ("rgb", "rededge")}
    assert "seam_median" in of["rgb"] - of["rededge"]
    assert "register_nir_gsd" in of["rededge"] - of["rgb"]


def test_every_figure_of_the_reference_has_a_bound() -> None:
    bounded = {bound.key for bound in BOUNDS if bound.says()}
    assert bounded >= {
        "placed",
        "focal_percent",
        "dsm_open_nmad_gsd",
        "dsm_rmse_gsd",
        "dsm_covered",
        "dtm_rmse_gsd",
        "ortho_shift_gsd",
        "register_blue_gsd",
        "seam_median",
        "shift_h_m",
        "ground_v_m",
        "ground_v_gsd",
        "check_h_gsd",
        "check_v_gsd",
        "half_percent",
        "progress_falls",
    }


def test_a_table_has_a_group_for_every_kind_of_flight() -> None:
    chosen = scenarios(["meadow", "built"], ["rgb"], [3, 4], ("gps", "control"))
    rows = [text for _, text in table(chosen, {each.name: {"placed": 1.0} for each in chosen})]
    groups = {text.split("|")[1].strip() for text in rows}
    assert groups == {"meadow rgb gps", "meadow rgb control", "built rgb gps", "built rgb control"}


def test_skies_take_turns_and_variants_share_photos() -> None:
    assert {str(scenario("meadow", "rgb", seed).options.sky) for seed in (3, 4, 5)} == {"clear", "overcast", "broken"}
    plain, surveyed = scenario("built", "rgb", 3), scenario("built", "rgb", 3, variant="control")
    assert plain.flight == surveyed.flight
    assert plain.options == surveyed.options
    assert plain.name != surveyed.name


def test_costs_are_those_of_the_engines_log(tmp_path: Path) -> None:
    stages = [
        {"name": "structure", "totalTime": 6.0, "cpuTime": 9.0, "peakMemoryMiB": 400},
        {"name": "surface", "totalTime": 4.0, "cpuTime": 6.0, "peakMemoryMiB": 700},
    ]
    (tmp_path / "log.json").write_text(json.dumps({"stages": stages, "peakMemoryMiB": 700}))
    told = ((1.0, 10.0), (4.9, 45.0), (5.1, 60.0), (9.0, 100.0))
    figures = EngineRun(project=tmp_path, status=0, wall_s=10.0, progress=told).figures(megapixels=5.0)
    assert (figures["cpu_s"], figures["cpu_s_per_mp"], figures["peak_mib"]) == (15.0, 3.0, 700.0)
    assert figures["half_percent"] == 45.0
    assert figures["progress_falls"] == 0
    assert figures["stage_surface_peak_mib"] == 700


def test_progress_that_falls_is_counted(tmp_path: Path) -> None:
    (tmp_path / "log.json").write_text(json.dumps({"stages": [], "peakMemoryMiB": 1}))
    told = ((1.0, 10.0), (2.0, 8.0), (3.0, 12.0))
    assert EngineRun(project=tmp_path, status=0, wall_s=4.0, progress=told).figures(1.0)["progress_falls"] == 1


@pytest.mark.parametrize(("value", "missed"), [(1.0, False), (3.0, True), (math.nan, True)])
def test_a_figure_that_is_not_known_is_missed(value: float, missed: bool) -> None:
    assert Figure(what="growth", value=value, unit="1", bound=1.5).missed is missed


def test_a_finished_flight_is_remembered_and_a_failed_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flown: list[str] = []

    def measure(each: Scenario, _keep: Path, _say: object) -> dict[str, float]:
        flown.append(each.name)
        return {"placed": 0.0} if each.variant == "rtk" else {"placed": 1.0, "wall_s": 3.0, "seam_median": math.nan}

    monkeypatch.setattr(engine, "measure_flight", measure)
    chosen = [scenario("meadow", "rgb", 3), scenario("meadow", "rgb", 3, variant="rtk")]
    first = engine.measure_flights(chosen, tmp_path, say=lambda _text: None)
    again = engine.measure_flights(chosen, tmp_path, say=lambda _text: None)
    assert flown == [chosen[0].name, chosen[1].name, chosen[1].name]
    assert again[chosen[0].name]["wall_s"] == first[chosen[0].name]["wall_s"] == 3.0
    assert math.isnan(again[chosen[0].name]["seam_median"])
