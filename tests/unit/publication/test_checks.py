"""Checks of the form: every gate with its good side, bands folded only where they passed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from calibration.gates import RULES
from calibration.mosaic.empirical_line import LINE_LIMITS
from uav_workflow.domain.campaign import Campaign, Waiver
from uav_workflow.domain.product import Product
from uav_workflow.domain.quality import Gate
from uav_workflow.publication.check_names import NAMES, label
from uav_workflow.publication.checks import checks_of
from uav_workflow.publication.record import Check
from uav_workflow.quality.gates import quality_gates
from uav_workflow.recipe import Acceptance


def made(kind: str, *gates: dict[str, Any]) -> dict[str, Product]:
    return {kind: Product(kind=kind, fingerprint="f", path=Path(), manifest={"facts": {"gates": list(gates)}})}


def lines(*gates: dict[str, Any], waivers: tuple[Waiver, ...] = ()) -> list[Check]:
    return checks_of("one", made("report", *gates), Campaign(waivers=waivers))


@pytest.mark.parametrize(
    ("gate", "value", "bound", "verdict"),
    [
        (Gate.at_most("x", 0.02, 0.03, 0.06), "0.02", "<= 0.03", "passed"),
        (Gate.at_most("x", 0.04, 0.03, 0.06), "0.04", "<= 0.03", "failed"),
        (Gate.at_least("x", 12, 20, 5), "12", ">= 20", "failed"),
        (Gate.within("x", 0.8, (0.7, 1.4), (0.5, 2.0)), "0.8", "0.7 – 1.4", "passed"),
        (Gate.at_most("x", float("nan"), 3, 6), "", "", "not made"),
        (Gate.at_most("panel-cv[Red]", 0.02, 0.03, 0.06), "2 %", "<= 3 %", "passed"),
        (Gate.at_most("band-set", 0, 0, 9), "0", "<= 0", "passed"),
        (Gate.at_least("sun-elevation", 50.0, 30, 20), "50 °", ">= 30 °", "passed"),
    ],
)
def test_the_good_side_is_printed(gate: Gate, value: str, bound: str, verdict: str) -> None:
    (line,) = lines(gate.to_json())
    assert (line.value, line.bound, line.verdict.value) == (value, bound, verdict)


def test_the_unit_that_the_manifest_states_stands_behind_both() -> None:
    (line,) = lines(Gate.at_least("photos placed", 0.9, 0.8, 0.4).to_json() | {"unit": "%"})
    assert (line.value, line.bound) == ("90 %", ">= 80 %")


@pytest.mark.parametrize(
    ("value", "verdict", "bound"), [(1.0, "pass", ">= 0.8"), (0.5, "pass", "<= 0.8"), (0.5, "warn", ">= 0.8")]
)
def test_of_a_gate_without_a_side_the_verdict_tells_it(value: float, verdict: str, bound: str) -> None:
    (line,) = lines({"name": "x", "value": value, "threshold": 0.8, "verdict": verdict})
    assert line.bound == bound


def test_passed_bands_are_one_line_and_the_others_stand_alone() -> None:
    values = {"Blue": 0.01, "Green": 0.02, "Red": 0.04, "NIR": 0.05, "Edge": 0.015}
    gates = [Gate.at_most(f"panel-cv[{band}]", value, 0.03, 0.06).to_json() for band, value in values.items()]
    waiver = Waiver(check="panel-cv[NIR]", by="Ada", reason="worn")
    found = [(line.name, line.count, line.verdict.value) for line in lines(*gates, waivers=(waiver,))]
    assert found == [("panel-cv[Green]", 3, "passed"), ("panel-cv[Red]", 1, "failed"), ("panel-cv[NIR]", 1, "waived")]


def test_two_pictures_that_failed_alike_are_two_lines() -> None:
    gates = [Gate.at_most("panel-cv[Red]", 0.04, 0.03, 0.06, where=name).to_json() for name in ("a.tif", "b.tif")]
    assert [line.where for line in lines(*gates)] == ["a.tif", "b.tif"]


def test_every_gate_has_words_in_both_languages() -> None:
    assert not {*RULES, *LINE_LIMITS} - NAMES.keys()
    assert all(english and chinese and english != chinese for english, chinese in NAMES.values())


def test_every_gate_of_the_report_has_words_too() -> None:
    facts: dict[str, dict[str, Any]] = {
        "reconstruction": {"registered": 9, "total": 10, "check_points": {"n": 4, "rmse_h_m": 1}, "gsd_at_points_m": 1},
        "orthomosaic": {"band_shift_px": {"red": {"rms": 0.2}}},
        "cover": {"between_share": 0.8, "shadow_share": 0.1},
        "canopy_height": {"below_minus_one_pixel_share": 0.01},
        "plot_predictors": {"match_levels": {"own": 2}},
        "match": {"match": [{"variable": "agb_dry", "n": 30, "pi90_coverage": 0.9, "pi90_n": 30}]},
    }
    products = {
        kind: Product(kind=kind, fingerprint="f", path=Path(), manifest={"facts": said}) for kind, said in facts.items()
    }
    row = {"source": "drone", "plot_id": "1", "variable": "fvc_green", "value": 0.5, "reason": None}
    gates = quality_gates(products, Acceptance(), pd.DataFrame([row]))
    assert len(gates) == 13
    assert [gate.gate.name for gate in gates if label(gate.gate.name, 1).isascii()] == []


@pytest.mark.parametrize(
    ("name", "english", "chinese"),
    [
        (
            "panel-cv[Red edge]",
            "calibration panel: spread of its brightness (Red edge)",
            "定标板亮度离散度（红边）",
        ),
        ("check points, vertical RMSE", "check points, vertical RMSE", "检查点高程均方根误差"),
        (
            "90 % interval of agb dry",
            "ground values inside the 90 % interval (above-ground biomass)",
            "落入90%区间的地面实测值比例（地上生物量）",
        ),
        (
            "pairs of drone and ground: lai",
            "pairs of a drone's and a ground value (lai)",
            "无人机与地面实测配对数（lai）",
        ),
        ("something new", "something new", "something new"),
    ],
)
def test_words(name: str, english: str, chinese: str) -> None:
    assert (label(name, 0), label(name, 1)) == (english, chinese)
