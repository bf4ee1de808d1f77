import json

import pytest
import typer
import yaml
from typer.testing import CliRunner

from calibration.sensors.explanation import explain
from uav_workflow.cli.sensors import sensors
from uav_workflow.errors import UsageError
from uav_workflow.flights.sensors import load_profiles

app = typer.Typer()
app.command()(sensors)


def _run(*arguments):
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return result.stdout


def test_every_family_is_listed_and_can_be_explained():
    listed = json.loads(_run("--json"))["sensors"]
    assert [row["name"] for row in listed] == [profile.name for profile in load_profiles()]
    assert {row["name"]: row["quantity"] for row in listed} | {"dji_rgb": "linearised", "dji_m3m": "relative"} == {
        row["name"]: row["quantity"] for row in listed
    }
    shown = _run()
    for profile in load_profiles():
        assert profile.name in shown
        assert profile.title.split()[-1] in _run(profile.name)


def test_an_explanation_names_the_traps_of_a_camera():
    words = {row["about"]: row["meaning"] for row in json.loads(_run("dji_p4m", "--json"))["explained"]}
    assert "drone-dji:ExposureTime x 1e-06" in words["exposure"]
    assert words["vignetting"].startswith("multiplied with")
    assert "pi" not in words["sun sensor"]
    rig = dict(explain(next(p for p in load_profiles() if p.name == "micasense_rededge")))
    assert "0.000158 s is a firmware's mistake for 0.000274 s" in rig["exposure"]
    assert "RedEdge-M 5.1.7" in rig["sun sensor"]
    assert "in x and y" in rig["vignetting"]
    sentera = dict(explain(next(p for p in load_profiles() if p.name == "sentera_6x")))
    assert "highest power first" in sentera["vignetting"]


def test_a_sites_own_camera_is_listed_first(tmp_path, monkeypatch):
    own = {"name": "ours", "extends": "pix4d_convention", "title": "Ours", "match": [{"make": "us"}], "kind": "rgb"}
    (tmp_path / "ours.yaml").write_text(yaml.safe_dump(own | {"bands": [{"name": "Violet"}]}))
    monkeypatch.setenv("UAV_SENSORS", str(tmp_path))
    first = json.loads(_run("--json"))["sensors"][0]
    assert (first["name"], first["quantity"]) == ("ours", "relative")
    assert first["source"] == str(tmp_path / "ours.yaml")


def test_an_unknown_name_says_which_there_are():
    result = CliRunner().invoke(app, ["rededge"])
    assert isinstance(result.exception, UsageError)
    with pytest.raises(UsageError, match="micasense_rededge"):
        raise result.exception
