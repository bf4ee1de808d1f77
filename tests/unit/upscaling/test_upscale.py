"""From hand-over and scene to maps, page, card and item."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pystac
import pytest
from typer.testing import CliRunner

from uav_workflow.cli import main as cli
from uav_workflow.errors import UsageError
from uav_workflow.rasters.reader import Raster
from uav_workflow.upscaling.predictors import PredictorStack
from uav_workflow.upscaling.samples import choose, read_table
from uav_workflow.upscaling.upscale import upscale


@pytest.fixture(scope="module")
def made(landscape: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """What the command writes, and what it prints."""
    import typer

    app = typer.Typer()
    app.command()(cli_upscale())
    out = tmp_path_factory.mktemp("made") / "out"
    order = [str(landscape["handover"]), "--predictors", str(landscape["scene"]), "-o", str(out), "--index", "NDVI"]
    told = CliRunner().invoke(app, [*order, "--terrain", str(landscape["dem"]), "--json", "--jobs", "2"])
    assert told.exit_code == 0, told.output
    return out, json.loads(told.stdout)


def cli_upscale() -> Any:
    from uav_workflow.cli.upscale import upscale as command

    return command


def test_files_and_answer(made: tuple[Path, dict[str, Any]]) -> None:
    out, told = made
    names = {path.name for path in out.iterdir()}
    assert names == {
        "fvc_green.tif",
        "fvc_green_aoa.tif",
        "left_out.csv",
        "model_card.json",
        "report.html",
        "item.json",
    }
    card = told["variables"][0]
    assert card["cells"] == 7 * 8 * 7  # first column of every flight is half covered
    assert card["judged_by"] == "leave_site_out"
    assert {finding["code"] for finding in told["findings"]} == {"cells-partial"}
    assert json.loads((out / "model_card.json").read_text())["variables"] == told["variables"]
    assert card["validation"]["leave_site_out"]["groups"] == 7
    assert card["validation"]["spatial_blocks"]["groups"] == 14
    assert "upscale" in {command.name or "" for command in registered()}


def registered() -> Any:
    cli._register()
    return cli.app.registered_commands


def test_maps_tell_truth_and_where(made: tuple[Path, dict[str, Any]], landscape: dict[str, Any]) -> None:
    out, told = made
    with Raster(out / "fvc_green.tif") as raster:
        assert raster.bands == ("mean", "q05", "q95", "dissimilarity_index", "local_point_density")
        mean, low, high, index, density = raster.read().astype(float)
    with Raster(out / "fvc_green_aoa.tif") as raster:
        area = raster.read()[0]
    truth, card = landscape["cover"], told["variables"][0]
    known = np.isfinite(mean)
    # NaN in the scene, and the outermost pixels, whose slope can't be known
    assert not known[:, -3:].any()
    assert not known[0].any()
    assert known[30:-30, 30:-30].all()
    assert np.isnan(area[~known]).all()
    inside = area == 1
    assert (inside == (index <= card["applicability"]["threshold"]))[known].all()
    assert inside.sum() / known.sum() == pytest.approx(card["map"]["share_inside"])
    assert not inside[1:20, 1:20].any()  # the lake
    error = np.abs(mean - truth)
    assert np.sqrt((error[inside] ** 2).mean()) < 0.06
    assert error[1:20, 1:20].mean() > 2 * error[inside].mean()
    within = (low <= truth) & (truth <= high)
    assert 0.85 < within[inside].mean() <= 1
    assert (low[known] >= 0).all()
    assert (high[known] <= 1).all()
    assert (low <= high)[known].all()
    assert (density[known & ~inside] == 0).all()
    assert (density[inside & (index < index[inside].max())] > 0).all()


def test_table_of_cells_left_out(made: tuple[Path, dict[str, Any]]) -> None:
    out, told = made
    table, card = pd.read_csv(out / "left_out.csv"), told["variables"][0]
    for name, row in card["validation"].items():
        error = table[f"{name}_predicted"] - table["value"]
        assert np.sqrt((error**2).mean()) == pytest.approx(row["rmse"])
        held = (table[f"{name}_pi90_lo"] <= table["value"]) & (table["value"] <= table[f"{name}_pi90_hi"])
        assert held.mean() == pytest.approx(row["interval"]["share"])
    assert card["validation"]["random_folds"]["rmse"] <= card["validation"]["leave_site_out"]["rmse"]
    inside = table["dissimilarity_index"] <= card["applicability"]["threshold"]
    assert card["inside_and_outside"]["inside"]["interval"]["n"] == inside.sum()


def test_page_fetches_nothing(made: tuple[Path, dict[str, Any]]) -> None:
    page = (made[0] / "report.html").read_text()
    assert page.count('src="data:image/') == page.count("<img ") == 10
    # letters of an encoded picture may spell anything
    assert "http" not in re.sub(r'src="data:image/[^"]*"', "", page)
    assert "whole sites left out" in page
    assert "scene.tif" in page


def test_item_holds_offline(made: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    from pystac.validation.stac_validator import JsonSchemaSTACValidator

    out, _ = made
    document = json.loads((out / "item.json").read_text())
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("opened a connection"))
    JsonSchemaSTACValidator().validate_core(document, pystac.STACObjectType.ITEM, "1.1.0")
    item = pystac.Item.from_file(str(out / "item.json"))
    assert document["properties"]["start_datetime"].startswith("2024-07-09")  # the 10th begins in UTC+14
    assert document["properties"]["proj:code"] == "EPSG:32647"
    for asset in item.assets.values():
        assert asset.href.startswith("./")
        assert (out / asset.href).stat().st_size == asset.extra_fields["file:size"]
    assert [band["name"] for band in document["assets"]["fvc_green"]["bands"]][:2] == ["mean", "q05"]


def test_extension_schemas(made: tuple[Path, dict[str, Any]], shared_reference: Path) -> None:
    from pystac.validation.stac_validator import JsonSchemaSTACValidator

    draft = {"$schema": "http://json-schema.org/draft-07/schema#"}
    checker = JsonSchemaSTACValidator()
    checker.schema_cache["https://proj.org/schemas/v0.7/projjson.schema.json"] = draft
    for path in (shared_reference / "stac_schemas").glob("*/schema.json"):
        schema = json.loads(path.read_text())
        checker.schema_cache[schema["$id"].rstrip("#")] = schema
    document = json.loads((made[0] / "item.json").read_text())
    assert len(document["stac_extensions"]) == 4
    for uri in document["stac_extensions"]:
        checker.validate_extension(document, pystac.STACObjectType.ITEM, "1.1.0", uri)
    document["properties"]["proj:shape"] = ["tall"]
    with pytest.raises(pystac.STACValidationError):
        for uri in document["stac_extensions"]:
            checker.validate_extension(document, pystac.STACObjectType.ITEM, "1.1.0", uri)


def test_rio_cogeo_strict(made: tuple[Path, dict[str, Any]]) -> None:
    from rio_cogeo.cogeo import cog_validate

    for name in ("fvc_green.tif", "fvc_green_aoa.tif"):
        valid, errors, _ = cog_validate(made[0] / name, strict=True)
        assert valid, errors


def test_second_run_is_the_same_and_strangers_are_left_alone(
    made: tuple[Path, dict[str, Any]], landscape: dict[str, Any], tmp_path: Path
) -> None:
    """One thread gives what two give."""
    with PredictorStack([landscape["scene"]], indices=("NDVI",), terrain=landscape["dem"]) as stack:
        upscale([landscape["handover"]], stack, tmp_path / "again", jobs=1)
        (tmp_path / "own").mkdir()
        (tmp_path / "own" / "thesis.txt").write_text("mine")
        with pytest.raises(UsageError, match=r"other files \(thesis\.txt\)"):
            upscale([landscape["handover"]], stack, tmp_path / "own", jobs=1)
    with Raster(made[0] / "fvc_green.tif") as one, Raster(tmp_path / "again" / "fvc_green.tif") as other:
        np.testing.assert_array_equal(one.read(), other.read())


def test_tables_that_do_not_do(landscape: dict[str, Any], tmp_path: Path) -> None:
    table = gpd.read_parquet(landscape["handover"] / "samples.parquet")
    table.drop(columns=["sd", "fold_id"]).to_parquet(tmp_path / "lacking.parquet")
    with pytest.raises(UsageError, match="lacks the column sd, fold_id"):
        read_table([tmp_path / "lacking.parquet"], "EPSG:32647")
    with pytest.raises(UsageError, match=r"there is no samples\.parquet"):
        read_table([tmp_path], "EPSG:32647")
    whole = read_table([landscape["handover"], landscape["handover"]], "EPSG:32647")
    assert len(whole) == len(table)
    with pytest.raises(UsageError, match="cells of 10 m, predictors of 20 m"):
        choose(whole, "fvc_green", 20.0)
    with PredictorStack([landscape["scene"]]) as stack:
        few = table[:20]
        few.to_parquet(tmp_path / "few.parquet")
        with pytest.raises(UsageError, match="cells to learn from, of at least 30"):
            upscale([tmp_path / "few.parquet"], stack, tmp_path / "out", jobs=1)
        with pytest.raises(UsageError, match="have fvc_green"):
            upscale([landscape["handover"]], stack, tmp_path / "out", variables=("agb_dry",))
    assert not (tmp_path / "out").exists()


def test_one_site_and_cells_off_the_grid_are_said(landscape: dict[str, Any], tmp_path: Path) -> None:
    table = gpd.read_parquet(landscape["handover"] / "samples.parquet")
    one = table[table.site_id == "S2"].copy()
    one.geometry = one.geometry.translate(5.0, 0.0)
    one.to_parquet(tmp_path / "one.parquet")
    with PredictorStack([landscape["scene"]]) as stack:
        made = upscale([tmp_path / "one.parquet"], stack, tmp_path / "out", jobs=1)
    told = {finding.code: finding.message for finding in made.findings}
    assert {"few-sites", "cells-off-grid"} <= set(told)
    assert "0.50 pixels" in told["cells-off-grid"]
    card: Any = made.facts["fvc_green"]
    assert card["judged_by"] == "random_folds"
    assert "leave_site_out" not in card["validation"]
