from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

import uav_workflow.engine
from uav_workflow.engine.options import OPTIONS, EngineOptions
from uav_workflow.errors import EngineError


def test_every_option_is_a_field_and_every_field_is_honoured() -> None:
    names = {entry.name for entry in fields(EngineOptions)}
    assert {spec.name.replace("-", "_") for spec in OPTIONS} == names
    folder = Path(uav_workflow.engine.__file__).parent
    source = (folder / "pipeline.py").read_text() + (folder / "options.py").read_text().partition("def threads")[2]
    # radiometric-calibration has one value, which is what happens
    unused = [name for name in names if f"options.{name}" not in source and f"self.{name}" not in source]
    assert unused == ["radiometric_calibration"]


def test_defaults_have_their_own_type() -> None:
    for spec in OPTIONS:
        default = getattr(EngineOptions(), spec.name.replace("-", "_"))
        assert spec.takes(default), spec.name


def test_values_are_checked() -> None:
    assert EngineOptions.from_values({"dsm": True, "dem-resolution": 7}).dem_resolution == 7
    with pytest.raises(EngineError, match="unknown"):
        EngineOptions.from_values({"DSM": True})
    with pytest.raises(EngineError, match="not of type"):
        EngineOptions.from_values({"dsm": "true"})
    with pytest.raises(EngineError, match="not of type"):
        EngineOptions.from_values({"pc-quality": "best"})


def test_feature_quality_scales_the_key_points() -> None:
    counts = [
        EngineOptions(feature_quality=quality).keypoints for quality in ("ultra", "high", "medium", "low", "lowest")
    ]
    assert counts == [8000, 4000, 3000, 2000, 1000]
