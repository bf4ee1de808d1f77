"""What a recipe says of marked corners reaches the plots."""

from __future__ import annotations

from tasks.plots import alignment_settings
from uav_workflow.plots.alignment import AlignmentSettings
from uav_workflow.plots.mark_fit import CornerMark
from uav_workflow.recipe import load_recipe


def test_nobody_looks_unless_told() -> None:
    assert alignment_settings(load_recipe().plots) == AlignmentSettings(mode="off", mark=None)
    marks = "plots.corner_marks={size_m: 0.1}"
    assert alignment_settings(load_recipe(None, ["plots.coregistration=off", marks]).plots).mode == "off"


def test_marks_are_those_of_the_recipe() -> None:
    said = ["plots.corner_marks={shape: angle, colour: red, size_m: 0.2}", "plots.coregistration=apply"]
    settings = alignment_settings(load_recipe(None, said).plots)
    assert settings == AlignmentSettings(mode="apply", mark=CornerMark(shape="angle", colour="red", size_m=0.2))
