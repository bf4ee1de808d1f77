from __future__ import annotations

from pathlib import Path

import pytest

from uav_workflow.errors import RecipeError
from uav_workflow.recipe import load_recipe


def test_overrides_change_the_recipe_and_its_id() -> None:
    plain, finer = load_recipe(), load_recipe(None, ["photogrammetry.orthomosaic_cm=5"])
    assert finer.photogrammetry.orthomosaic_cm == 5
    assert plain.recipe_id != finer.recipe_id
    assert load_recipe().recipe_id == plain.recipe_id


def test_node_options_keep_their_own_names() -> None:
    recipe = load_recipe(None, ["photogrammetry.options.pc-quality=high"])
    assert recipe.photogrammetry.options == {"pc-quality": "high"}


@pytest.mark.parametrize(
    ("override", "word"),
    [
        ("cover.methd=auto", "methd"),
        ("cover.method=guess", "cover.method"),
        ("cover.threshold=-6", "threshold_from"),
        ("cover.method=forest", "training"),
        ("cover.training=/nowhere/shapes.gpkg", "can't be read"),
        ("cover.end_members={green: 0.8, other: 0.1, green_sd: 0, other_sd: 0, origin: x}", "need the method"),
        ("cover.end_members={green: 0.8, other: 0.8, green_sd: 0, other_sd: 0, origin: x}", "equal"),
        ("nonsense", "section.key=value"),
        ("biomass.minimum_harvests=2", "minimum_harvests"),
        ("plots.coregistration=apply", "coregistration needs corner_marks"),
        ("plots.corner_marks={shape: star, size_m: 0.1}", "corner_marks.shape"),
        ("plots.corner_marks={size_m: 0}", "corner_marks.size_m"),
    ],
)
def test_a_wrong_setting_is_named(override: str, word: str) -> None:
    with pytest.raises(RecipeError, match=word):
        load_recipe(None, [override])


def test_a_file_that_is_no_recipe_is_named(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("- just\n- a list\n")
    with pytest.raises(RecipeError, match="recipe.yaml"):
        load_recipe(path)


def test_a_bare_off_is_the_word_and_not_false(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("calibration:\n  image_domain: off\n  block_adjustment: on\n  use_panels: off\n")
    recipe = load_recipe(path, ["reflectance.empirical_line=off"])
    assert recipe.calibration.image_domain == "off"
    assert recipe.calibration.block_adjustment == "on"
    assert recipe.calibration.use_panels is False
    assert recipe.reflectance.empirical_line == "off"


def test_a_section_that_is_wrong_is_not_repeated(tmp_path: Path) -> None:
    document = tmp_path / "recipe.yaml"
    document.write_text("handover:\n  scenes:\n  - {name: s2, raster: /no/such/scene.tif, date: 2026-07-24}\n")
    with pytest.raises(RecipeError, match=r"handover\.scenes\.0: /no/such/scene\.tif can't be read") as caught:
        load_recipe(document)
    assert "datetime" not in str(caught.value)
    with pytest.raises(RecipeError, match=r"given: 'many'"):
        load_recipe(None, ["biomass.minimum_harvests=many"])
