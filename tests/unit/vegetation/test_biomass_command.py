"""`uav biomass`: many flights to one model, and back into a run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from uav_workflow.cli.biomass import biomass
from uav_workflow.errors import NotMade, RecipeError, StoreError, UsageError
from uav_workflow.rasters.reader import Raster
from uav_workflow.recipe import Recipe, load_recipe
from uav_workflow.statistics.folds import Folds, single_cases
from uav_workflow.store import Address, Store
from uav_workflow.submission.registry import FlightRecord
from uav_workflow.vegetation.biomass import BiomassSettings, make_biomass
from uav_workflow.vegetation.biomass_card import _affordable, read_left_out
from uav_workflow.vegetation.biomass_training import fit_model

SITES = 6


@pytest.fixture
def tables(tmp_path: Path) -> list[Path]:
    """Six flights of one site each, ten harvested plots a flight: mass is in height x cover."""
    draw = np.random.default_rng(3)
    paths = []
    for flight in range(SITES):
        height, cover = draw.uniform(0.05, 0.4, 10), draw.uniform(0.2, 1, 10)
        agb = 30 + (2600 + 200 * draw.standard_normal()) * height * cover + 15 * draw.standard_normal(10)
        rows = [
            {
                "flight_id": f"F{flight}",
                "site_id": f"S{flight}",
                "plot_id": f"P{i:02d}",
                "source": source,
                "variable": variable,
                "value": value,
                "area_m2": 0.25,
                "x": 2.0 * i,
                "y": 1.0,
                "reason": None,
            }
            for i in range(10)
            for source, variable, value in (
                ("drone", "height_mean", height[i]),
                ("drone", "fvc_green", cover[i]),
                ("ground", "agb_dry", agb[i]),
            )
        ]
        path = tmp_path / f"plot_predictors_{flight}.parquet"
        pd.DataFrame(rows).astype({"reason": "string"}).to_parquet(path)
        paths.append(path)
    return paths


@pytest.fixture
def model(tables: list[Path], tmp_path: Path) -> Path:
    fit_model(tables, tmp_path / "model")
    return tmp_path / "model"


def test_card_tells_honest_from_random_folds(model: Path) -> None:
    card = json.loads((model / "model.json").read_text())
    assert card["model"] == "height_cover"
    assert card["validated_by"] == "leave_site_out"
    assert card["validation_groups"] == SITES
    assert card["leave_site_out"]["n"] == card["random_folds"]["n"] == 60
    assert card["leave_site_out"]["rmse"] > card["in_sample"]["rmse"]
    assert 0.75 <= card["leave_site_out_interval"]["share"] <= 1
    assert sum(card["chosen_in_folds"].values()) == SITES
    page = (model / "model.html").read_text()
    assert "whole sites left out" in page
    assert "random folds" in page
    assert "http" not in page


def test_a_run_applies_the_model_and_knows_its_training_plots(
    model: Path, tmp_path: Path, write_raster: Callable[..., Path]
) -> None:
    draw = np.random.default_rng(9)
    height, cover = draw.uniform(0, 0.4, (2, 50, 50))
    rasters = {
        "canopy_height": write_raster("canopy_height.tif", {"canopy_height": height}, pixel_m=0.05),
        "cover": write_raster("cover.tif", {"fvc_green": cover, "shadow": 0 * cover}, pixel_m=0.05),
    }
    out = tmp_path / "out"
    out.mkdir()
    made = make_biomass(None, rasters, out, settings=BiomassSettings(model=model, allometry="forb"))
    assert [finding.code for finding in made.findings if finding.code.startswith("biomass-s")] == [
        "biomass-saved-model"
    ]
    line = json.loads((model / "model.json").read_text())["parameters"]["coefficients"]
    with Raster(out / "biomass.tif") as cells:
        assert cells.grid.pixel_m == pytest.approx(0.5)
        agb = cells.band("agb_dry")
    expected = (
        line["intercept"] + line["height_mean x fvc_green"] * height[10:20, :10].mean() * cover[10:20, :10].mean()
    )
    assert agb[1, 0] == pytest.approx(expected, rel=1e-4)
    assert made.facts["map"]["mean_sd_g_m2"] is not None  # type: ignore[index,call-overload]
    assert set(read_left_out(out / "training.csv", "F2")) == {f"P{i:02d}" for i in range(10)}
    assert read_left_out(out / "training.csv", "F9") == {}


def test_a_flight_without_the_models_maps_is_told(
    model: Path, tmp_path: Path, write_raster: Callable[..., Path]
) -> None:
    canopy = write_raster("canopy_height.tif", {"canopy_height": np.full((20, 20), 0.1)}, pixel_m=0.05)
    with pytest.raises(NotMade, match="fvc_green"):
        make_biomass(None, {"canopy_height": canopy}, tmp_path, settings=BiomassSettings(model=model))


def test_a_recipe_holds_the_models_digest(model: Path, tmp_path: Path) -> None:
    recipe = load_recipe(overrides=[f"biomass.model={model}"])
    assert recipe.biomass.model == model
    assert recipe.biomass.model_sha256 is not None
    again = Recipe.model_validate(recipe.model_dump(mode="json"))
    assert again.recipe_id == recipe.recipe_id
    card = model / "model.json"
    card.write_text(card.read_text().replace("30.", "31.", 1) + " ")
    with pytest.raises(RecipeError, match=r"nowhere/model\.json can't be read"):
        load_recipe(overrides=[f"biomass.model={tmp_path / 'nowhere'}"])
    with pytest.raises(ValueError, match="not the model this recipe was written with"):
        Recipe.model_validate(recipe.model_dump(mode="json"))


def test_what_can_not_be_fitted_is_said(tables: list[Path], tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no model linear; there are linear_height"):
        fit_model(tables, tmp_path / "model", models=("linear",))
    frame = pd.read_parquet(tables[0])
    few = tmp_path / "few.parquet"
    frame[frame["plot_id"] < "P05"].to_parquet(few)
    with pytest.raises(UsageError, match="5 harvested plots"):
        fit_model([few], tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_other_files_are_left_alone(tables: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "model"
    out.mkdir()
    (out / "field_notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"field_notes\.txt"):
        fit_model(tables, out)
    assert [path.name for path in out.iterdir()] == ["field_notes.txt"]


def workspace_of(tables: list[Path], root: Path) -> Path:
    """A workspace as runs leave it: records, and the current plot_predictors of every flight."""
    for index, table in enumerate(tables):
        record = FlightRecord(
            flight_id=f"F{index}",
            folder=str(root),
            site=f"S{index}",
            campaign=None,
            captured=None,
            sensor="rgb",
            sensor_kind="rgb",
            captures=1,
            plots=10,
            observations=10,
            harvests=10,
            allometry=None,
            gsd_m=None,
            inputs={},
            findings=[],
        )
        (root / "flights").mkdir(parents=True, exist_ok=True)
        (root / "flights" / f"F{index}.json").write_text(json.dumps(asdict(record)))
        address, store = Address(owner=f"F{index}", kind="plot_predictors", fingerprint="0" * 12), Store(root)
        with store.draft(address) as draft:
            shutil.copyfile(table, draft.path / "plot_predictors.parquet")
        store.point_latest(f"F{index}", [address])
    return root


def test_fit_and_show_on_the_command_line(tables: list[Path], tmp_path: Path) -> None:
    first, second = workspace_of(tables[:4], tmp_path / "a"), workspace_of(tables, tmp_path / "b")
    target = tmp_path / "model"
    made = CliRunner().invoke(biomass, ["fit", str(first), str(second), "-o", str(target), "--json"])
    assert made.exit_code == 0, made.output
    card = json.loads(made.stdout)["card"]
    assert card["n"] == 60  # a flight in two workspaces counts once
    assert card["flights"] == [f"F{i}" for i in range(SITES)]
    for path in (target, target / "model.json"):
        shown = CliRunner().invoke(biomass, ["show", str(path)])
        assert shown.exit_code == 0, shown.output
        assert "height_cover" in shown.stdout
        assert "leave site out" in shown.stdout
        assert "random folds" in shown.stdout
    as_json = json.loads(CliRunner().invoke(biomass, ["show", str(target), "--json"]).stdout)
    assert as_json["leave_site_out"]["rmse"] == card["leave_site_out"]["rmse"]


def test_commands_say_what_is_missing(tmp_path: Path) -> None:
    nowhere = CliRunner().invoke(biomass, ["fit", str(tmp_path / "nowhere"), "-o", str(tmp_path / "m")])
    assert isinstance(nowhere.exception, UsageError)
    (tmp_path / "empty").mkdir()
    empty = CliRunner().invoke(biomass, ["fit", str(tmp_path / "empty"), "-o", str(tmp_path / "m")])
    assert isinstance(empty.exception, UsageError)
    assert "run the flights first" in str(empty.exception)
    assert isinstance(CliRunner().invoke(biomass, ["show", str(tmp_path)]).exception, StoreError)


def test_many_groups_are_left_out_several_at_a_time() -> None:
    many = Folds(scheme="leave_site_out", groups=np.arange(400) % 80, note="80 sites")
    fewer = _affordable(many)
    assert fewer.n_groups == 25
    assert fewer.scheme == "leave_site_out"
    assert fewer.note == "80 sites, in 25 groups"
    assert _affordable(single_cases(40)).n_groups == 40
    assert _affordable(single_cases(200)).scheme == "random_folds"
