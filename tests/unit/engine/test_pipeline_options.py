from __future__ import annotations

from dataclasses import fields

import pytest

from uav_workflow.engine.options import OPTIONS, EngineOptions
from uav_workflow.errors import EngineError


def test_every_field_is_an_option() -> None:
    assert {spec.name.replace("-", "_") for spec in OPTIONS} == {entry.name for entry in fields(EngineOptions)}


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
