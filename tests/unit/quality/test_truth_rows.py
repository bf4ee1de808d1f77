from __future__ import annotations

import math

import pytest

from uav_workflow.quality.comparison import Row
from uav_workflow.quality.demo import demo_flights


@pytest.mark.parametrize(
    ("value", "at_least", "reached"),
    [(0.5, False, True), (1.5, False, False), (1.5, True, True), (0.5, True, False), (math.nan, False, False)],
)
def test_a_row_is_reached_or_missed(value: float, at_least: bool, reached: bool) -> None:
    row = Row(kind="dsm", what="spread", value=value, bound=1.0, unit="GSD", at_least=at_least)
    assert row.reached is reached
    assert row.to_json()["verdict"] == ("reached" if reached else "missed")


def test_what_is_not_known_is_missed_on_both_sides() -> None:
    row = Row(kind="dsm", what="spread", value=math.nan, bound=1.0, unit="GSD", at_least=True)
    assert not row.reached
    assert row.to_json()["value"] is None


def test_the_demo_flies_twice_over_one_scene() -> None:
    rig, rgb = demo_flights(5).values()
    assert (rig.options.captures, rgb.options.captures) == (30, 24)
    assert rig.options.scene == rgb.options.scene
    assert rig.options.plots_within == rgb.options.plots_within
    assert rig.judged >= {"reconstruction", "orthomosaic", "dsm", "reflectance", "plots", "biomass"}
