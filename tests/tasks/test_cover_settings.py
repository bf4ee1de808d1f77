"""What a recipe says of cover reaches the method."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tasks.vegetation import cover_settings
from uav_workflow.errors import RecipeError
from uav_workflow.recipe import load_recipe


def test_end_members_keep_their_origin() -> None:
    given = "cover.end_members={green: 0.8, other: 0.1, green_sd: 0.02, other_sd: 0.01, origin: spectrometer}"
    settings = cover_settings(load_recipe(None, ["cover.method=ndvi_dimidiate", given, "cover.pixels=mixed"]))
    assert (settings.method, settings.reading) == ("ndvi_dimidiate", "mixed")
    assert not isinstance(settings.ends, str)
    assert settings.ends.origin == "spectrometer"
    assert cover_settings(load_recipe(None, ["cover.end_members=percentiles"])).ends == "percentiles"


def test_a_threshold_is_borrowed_by_name_of_flight_and_method() -> None:
    said = ["cover.threshold=-6.5", "cover.threshold_from=20260720-ab"]
    settings = cover_settings(load_recipe(None, [*said, "cover.method=a_star_otsu"]))
    assert settings.borrowed is not None
    assert (settings.borrowed.threshold, settings.borrowed.origin) == (-6.5, "20260720-ab")
    with pytest.raises(RecipeError, match="method"):
        load_recipe(None, said)


def test_training_goes_with_its_digest(tmp_path: Path) -> None:
    shapes = tmp_path / "shapes.geojson"
    shapes.write_bytes(b"{}")
    recipe = load_recipe(None, ["cover.method=forest", f"cover.training={shapes}"])
    assert recipe.cover.training_sha256 == hashlib.sha256(b"{}").hexdigest()
    training = cover_settings(recipe).training
    assert training is not None
    assert training.path == shapes
