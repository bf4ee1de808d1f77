"""`uav plots --campaign`: whose name stands in the Darwin Core archive."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from typer.testing import CliRunner

from uav_workflow.cli.main import _register, app
from uav_workflow.domain.flight import Flight
from uav_workflow.errors import UsageError
from uav_workflow.plots.predictors import Maps, make_plot_predictors
from uav_workflow.plots.table import make_plots

Make = Callable[..., Any]


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    path = tmp_path / "campaign.yaml"
    path.write_text("creators: [{name: Ada Example, affiliation: Institute of Meadows}]\n", encoding="utf-8")
    return path


@pytest.fixture
def workspace(
    write_raster: Make, square: Make, flown: Callable[..., Flight], campaign: Path, tmp_path: Path
) -> Path:  # fmt: skip
    """A workspace whose only flight has a plot table, and was run with a campaign file."""
    cover = write_raster("cover.tif", {"fvc_green": np.full((60, 60), 0.5), "shadow": np.zeros((60, 60))})
    flight = flown([square("A", 1, 1)])
    make_plot_predictors(flight, Maps(rasters={"cover": cover}), tmp_path)
    made = make_plots(flight, tmp_path / "plot_predictors.parquet", None, tmp_path)
    assert made is not None
    flight_id = str(gpd.read_parquet(tmp_path / "plots.parquet")["flight_id"].iloc[0])

    root = tmp_path / "ws"
    product = root / "products" / flight_id / "plots-aa"
    product.mkdir(parents=True)
    shutil.copy(tmp_path / "plots.parquet", product)
    manifest: dict[str, Any] = {"kind": "plots", "fingerprint": "aa", "facts": {}, "files": {}}
    (product / "manifest.json").write_text(json.dumps(manifest))
    (product.parent / "latest.json").write_text(json.dumps({"plots": "plots-aa"}))
    record: dict[str, Any] = dict.fromkeys(
        ("allometry", "gsd_m", "captured", "sensor", "sensor_kind", "campaign", "folder", "site"), None
    )
    record |= {"flight_id": flight_id, "folder": "meadow", "site": "meadow", "campaign_file": str(campaign)}
    record |= {"captures": 1, "plots": 1, "observations": 0, "harvests": 0, "inputs": {}, "findings": []}
    (root / "flights").mkdir()
    (root / "flights" / f"{flight_id}.json").write_text(json.dumps(record))
    return root


def ask(workspace: Path, *more: str) -> None:
    if not app.registered_commands:
        _register()
    done = CliRunner().invoke(app, ["plots", "--workspace", str(workspace), *more], catch_exceptions=False)
    assert done.exit_code == 0, (done.exit_code, done.output)


def eml_of(archive: Path) -> str:
    with zipfile.ZipFile(archive) as opened:
        return opened.read("eml.xml").decode("utf-8")


def test_the_campaign_of_the_runs_is_taken_unless_another_is_named(workspace: Path, tmp_path: Path) -> None:
    ask(workspace, "--format", "dwc", "-o", str(tmp_path / "own.zip"))
    assert "Ada Example" in eml_of(tmp_path / "own.zip")
    other = tmp_path / "other.yaml"
    other.write_text("creators: [{name: Bo Example, affiliation: Institute of Ridges}]\n", encoding="utf-8")
    ask(workspace, "--format", "dwc", "--campaign", str(other), "-o", str(tmp_path / "other.zip"))
    said = eml_of(tmp_path / "other.zip")
    assert "Bo Example" in said
    assert "Ada Example" not in said


def test_a_campaign_that_the_format_has_no_place_for_is_refused(
    workspace: Path, campaign: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="--format dwc"):
        ask(workspace, "--format", "gpkg", "--campaign", str(campaign), "-o", str(tmp_path / "answer.gpkg"))
    assert not (tmp_path / "answer.gpkg").exists()


def test_a_campaign_file_that_is_gone_is_said(workspace: Path, campaign: Path, tmp_path: Path) -> None:
    campaign.unlink()
    with pytest.raises(UsageError, match="--campaign"):
        ask(workspace, "--format", "dwc", "-o", str(tmp_path / "own.zip"))
    assert not (tmp_path / "own.zip").exists()
