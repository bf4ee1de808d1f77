"""A workspace with one finished flight, published."""

from __future__ import annotations

import json
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from uav_workflow.errors import FlightDataError, UsageError
from uav_workflow.publication.copies import NOT_STATED
from uav_workflow.publication.publish import publish

FLIGHT = "20260701-0123456789"
CAMPAIGN = """\
place: {en: Long meadow, zh: 长草甸}
description: Cover of a meadow.
creators: [{name: Ada Example, orcid: 0000-0002-1825-0097}]
licence: CC-BY-4.0
waivers:
  - {check: plots with every value, by: Ada Example, reason: the last two lay under snow}
"""


def write(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")


def product(workspace: Path, kind: str, facts: dict[str, Any]) -> Path:
    folder = workspace / "products" / FLIGHT / f"{kind}-aa"
    write(
        folder / "manifest.json",
        {
            "kind": kind,
            "fingerprint": "aa",
            "created_utc": "2026-07-02T08:00:00+00:00",
            "inputs": [{"role": "plots", "sha256": "1" * 64}, {"role": "plots", "sha256": "2" * 64}],
            "upstream": {},
            "parameters": {},
            "packages": {"numpy": "2"},
            "facts": facts,
            "files": {},
        },
    )
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    root = tmp_path / "ws"
    record: dict[str, Any] = dict.fromkeys(("allometry", "gsd_m", "campaign_file")) | {
        "flight_id": FLIGHT,
        "folder": "meadow",
        "site": "meadow",
        "campaign": "summer",
        "captured": None,
    }
    record |= {"sensor": "dji_rgb", "sensor_kind": "rgb", "captures": 24, "plots": 2, "observations": 2, "harvests": 0}
    write(root / "flights" / f"{FLIGHT}.json", record | {"inputs": {}, "findings": []})
    gates = [
        {"name": "photos placed", "value": 1.0, "threshold": 0.8, "verdict": "pass"},
        {"name": "plots with every value", "value": 0.5, "threshold": 0.9, "verdict": "fail"},
        {"name": "check points, vertical RMSE", "value": None, "threshold": 6.0, "verdict": "fail"},
    ]
    product(root, "report", {"gates": gates})
    grid = {"crs": "EPSG:32647", "pixel_m": 10.0}
    handover = product(root, "handover", {"10m": {"grid": grid, "fvc_green": {"cells": 9}}})
    times = ["2026-07-01T05:00:00Z", "2026-07-01T05:10:00Z"]
    extent = {"spatial": {"bbox": [[101.0, 37.0, 101.1, 37.1]]}, "temporal": {"interval": [times]}}
    write(handover / "collection.json", {"extent": extent, "license": "CC-BY-4.0"})
    (handover / "samples.csv").write_text("cell_id,value\n1,0.5\n")
    match = product(root, "match", {})
    (match / "match.csv").write_text(
        "variable,method,level,unit,n_sites,n,r2,rmse,bias\nfvc_green,otsu,own,1,1,12,0.9,0.05,0.01\n"
        "fvc_green,otsu,parent,1,1,3,0.9,0.05,0.01\n"
    )
    write(
        root / "products" / FLIGHT / "latest.json",
        {kind: f"{kind}-aa" for kind in ("report", "handover", "match")},
    )
    return root


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    path = tmp_path / "campaign.yaml"
    path.write_text(CAMPAIGN, encoding="utf-8")
    return path


def test_everything_a_data_centre_asks_for_is_written(workspace: Path, campaign: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    record, findings = publish("20260701", workspace, out, campaign=campaign)

    assert {path.name for path in out.iterdir()} == {
        "catalog.json", "data", "datacite.json", "index.html", "index_zh.html", "iso19115-3.xml", "iso19139.xml",
        "quality_form.html",
        "quality_form.md", "quality_form_zh.html", "quality_form_zh.md", "ro-crate-metadata.json", "sha256sums.txt",
    }  # fmt: skip
    assert (out / "data" / FLIGHT / "samples.csv").is_file()
    assert record.title == "Long meadow: green vegetation cover from drone imagery, 2026-07-01"
    assert record.title_zh == "长草甸绿色植被覆盖度无人机观测数据集（2026-07-01）"
    cited = json.loads((out / "datacite.json").read_text(encoding="utf-8"))
    assert cited["creators"][0]["nameIdentifiers"][0]["nameIdentifier"] == "https://orcid.org/0000-0002-1825-0097"
    assert cited["geoLocations"][0]["geoLocationBox"]["eastBoundLongitude"] == 101.1
    assert [(row.flight_id, row.n) for row in record.validations] == [(FLIGHT, 12)]
    assert list(record.steps[0].inputs) == ["plots", "plots 2"]
    assert "长草甸" in (out / "index_zh.html").read_text(encoding="utf-8")
    assert not [finding for finding in findings if finding.level != "info"]


def test_a_failed_check_is_waived_by_name_and_one_not_made_is_not(
    workspace: Path, campaign: Path, tmp_path: Path
) -> None:
    record, _ = publish(FLIGHT, workspace, tmp_path / "out", campaign=campaign)
    verdicts = {check.name: (check.verdict.value, check.waived_by) for check in record.checks}
    assert verdicts == {
        "photos placed": ("passed", None),
        "plots with every value": ("waived", "Ada Example"),
        "check points, vertical RMSE": ("not made", None),
    }


def test_what_nobody_said_is_listed_and_not_invented(workspace: Path, tmp_path: Path) -> None:
    record, findings = publish("summer", workspace, tmp_path / "out")
    missing = {gap.field for gap in record.missing}
    assert missing >= {"place", "place_zh", "creators", "contact", "licence", "publisher"}
    assert {finding.where for finding in findings if finding.code == "publication-field-missing"} == missing
    assert record.title is None
    cited = json.loads((tmp_path / "out" / "datacite.json").read_text(encoding="utf-8"))
    assert not {"creators", "titles", "publisher", "publicationYear", "rightsList"} & set(cited)


def test_a_waiver_of_nothing_and_a_licence_the_catalog_does_not_state_are_said(
    workspace: Path, campaign: Path, tmp_path: Path
) -> None:
    campaign.write_text(CAMPAIGN.replace("CC-BY-4.0", "CC0-1.0").replace("every value", "any value"), encoding="utf-8")
    _, findings = publish(FLIGHT, workspace, tmp_path / "out", campaign=campaign)
    assert {finding.code for finding in findings if finding.level == "warning"} == {
        "waiver-unused",
        "handover-licence-differs",
    }


def test_a_waiver_that_nobody_answers_for_is_refused(workspace: Path, campaign: Path, tmp_path: Path) -> None:
    campaign.write_text(CAMPAIGN.replace("by: Ada Example, ", ""), encoding="utf-8")
    with pytest.raises(FlightDataError, match="nothing was written"):
        publish(FLIGHT, workspace, tmp_path / "out", campaign=campaign)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_left_alone_and_an_older_publication_replaced(
    workspace: Path, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    with pytest.raises(UsageError, match=r"no publication left there \(a.jpg\)"):
        publish(FLIGHT, workspace, tmp_path / "photos")
    publish(FLIGHT, workspace, tmp_path / "out")
    (workspace / "products" / FLIGHT / "handover-aa" / "samples.csv").unlink()
    publish(FLIGHT, workspace, tmp_path / "out")
    assert not (tmp_path / "out" / "data" / FLIGHT / "samples.csv").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".out")] == []


@pytest.mark.parametrize("own", ["thesis.odt", "campaign.yaml", f"data/{FLIGHT}/notes.txt"])
def test_a_file_that_somebody_put_into_a_publication_is_not_deleted(workspace: Path, tmp_path: Path, own: str) -> None:
    out = tmp_path / "out"
    publish(FLIGHT, workspace, out)
    (out / own).write_text("mine")
    with pytest.raises(UsageError, match=own):
        publish(FLIGHT, workspace, out)
    assert (out / own).read_text() == "mine"


def test_a_record_that_somebody_edited_is_not_overwritten(workspace: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    publish(FLIGHT, workspace, out)
    (out / "datacite.json").write_text("{}")
    with pytest.raises(UsageError, match="datacite.json"):
        publish(FLIGHT, workspace, out)
    assert (out / "datacite.json").read_text() == "{}"


def test_a_record_of_one_s_own_is_no_publication(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "datacite.json").write_text("{}")
    with pytest.raises(UsageError, match="datacite.json"):
        publish(FLIGHT, workspace, tmp_path / "own")
    assert (tmp_path / "own" / "datacite.json").read_text() == "{}"


def test_an_earlier_publication_stays_when_it_can_t_be_replaced(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, rename = tmp_path / "out", Path.rename
    publish(FLIGHT, workspace, out)
    before = (out / "sha256sums.txt").read_text()

    def full(path: Path, target: Path) -> Path:
        if path.name == "draft":
            raise OSError("no space")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OSError, match="no space"):
        publish(FLIGHT, workspace, out)
    assert (out / "sha256sums.txt").read_text() == before
    assert (out / "data" / FLIGHT / "samples.csv").is_file()


def test_the_checksums_are_read_by_the_usual_tool(workspace: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    publish(FLIGHT, workspace, out)
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "sha256sums.txt"], cwd=out, check=True)
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    named = {line.partition("  ")[2] for line in (out / "sha256sums.txt").read_text().splitlines()}
    assert files == named | {"sha256sums.txt"}


def test_a_waiver_of_another_flight_is_said_though_its_twin_is_used(
    workspace: Path, campaign: Path, tmp_path: Path
) -> None:
    twin = "  - {flight: other, check: plots with every value, by: Ada Example, reason: the last two lay under snow}"
    campaign.write_text(CAMPAIGN + twin + "\n", encoding="utf-8")
    _, findings = publish(FLIGHT, workspace, tmp_path / "out", campaign=campaign)
    assert [finding.code for finding in findings if finding.level == "warning"] == ["waiver-unused"]


def test_a_licence_that_only_begins_like_the_catalog_s_is_said(workspace: Path, campaign: Path, tmp_path: Path) -> None:
    campaign.write_text(CAMPAIGN.replace("CC-BY-4.0", "CC-BY-4"), encoding="utf-8")
    _, findings = publish(FLIGHT, workspace, tmp_path / "out", campaign=campaign)
    assert [finding.code for finding in findings if finding.level == "warning"] == ["handover-licence-differs"]


@pytest.mark.parametrize("name", ["winter", "2025", ""])
def test_an_unknown_name_says_which_there_are(workspace: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=f"{FLIGHT}.*summer"):
        publish(name, workspace, tmp_path / "out")


def test_what_the_products_stand_on_is_published_with_its_checks(workspace: Path, tmp_path: Path) -> None:
    gate = {"name": "panel-cv[Red]", "value": 0.07, "threshold": 0.06, "verdict": "fail", "side": "at_most"}
    product(workspace, "calibrated_captures", {"gates": [gate]})
    folder = product(workspace, "match", {})
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    write(folder / "manifest.json", manifest | {"upstream": {"calibrated_captures": "aa"}})
    record, _ = publish(FLIGHT, workspace, tmp_path / "out")

    assert "calibrated_captures" not in json.loads((folder.parent / "latest.json").read_text(encoding="utf-8"))
    assert [step.kind for step in record.steps] == ["report", "handover", "calibrated_captures", "match"]
    (check,) = [check for check in record.checks if check.group == "calibrated_captures"]
    assert (check.name, check.value, check.bound, check.verdict.value) == ("panel-cv[Red]", "7 %", "<= 6 %", "failed")


def test_a_flight_ends_with_its_last_photo(workspace: Path, tmp_path: Path) -> None:
    products = workspace / "products" / FLIGHT
    collection = products / "handover-aa" / "collection.json"
    document = json.loads(collection.read_text(encoding="utf-8"))
    document["extent"]["temporal"]["interval"] = [["2026-07-01T05:00:00Z", "2026-07-01T05:00:00Z"]]
    write(collection, document)
    shots = [{"properties": {"capture_time": time}} for time in (1000.0, 1090.5, None)]
    write(product(workspace, "reconstruction", {}) / "shots.geojson", {"features": shots})
    latest = json.loads((products / "latest.json").read_text(encoding="utf-8"))
    write(products / "latest.json", latest | {"reconstruction": "reconstruction-aa"})

    record, _ = publish(FLIGHT, workspace, tmp_path / "out")
    assert (record.start.isoformat(), record.end.isoformat()) == (
        "2026-07-01T05:00:00+00:00",
        "2026-07-01T05:01:30.500000+00:00",
    )


def test_files_have_the_titles_of_their_catalog(workspace: Path, tmp_path: Path) -> None:
    handover = workspace / "products" / FLIGHT / "handover-aa"
    item = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "properties": {"title": "meadow: sample table"},
        "assets": {"samples": {"href": "./samples.csv", "title": "Samples: one row a cell"}},
    }
    write(handover / "one-samples.json", item)
    record, _ = publish(FLIGHT, workspace, tmp_path / "out")
    titles = {file.name.rpartition("/")[2]: file.title for file in record.files}
    assert titles["samples.csv"] == "Samples: one row a cell"
    assert titles["one-samples.json"] == "STAC Item: meadow: sample table"
    assert titles["manifest.json"].startswith("How the hand-over was made")


@pytest.mark.parametrize(
    "case",
    [("CC-BY-4.0", "other", "CC-BY-4.0"), ("ask us first", "other", "other"), ("CC-BY-4.0", "CC0-1.0", "CC0-1.0")],
)
def test_a_catalog_that_states_no_licence_gets_that_of_the_publication(
    workspace: Path, campaign: Path, tmp_path: Path, case: tuple[str, str, str]
) -> None:
    stated, license_, published = case
    campaign.write_text(CAMPAIGN.replace("CC-BY-4.0", stated), encoding="utf-8")
    collection = workspace / "products" / FLIGHT / "handover-aa" / "collection.json"
    silent = license_ == "other"
    words = "Cells. No licence was stated." if silent else f"Cells. Licence: {license_}."
    document = json.loads(collection.read_text(encoding="utf-8")) | {"type": "Collection", "license": license_}
    write(collection, document | {"description": words})
    _, findings = publish(FLIGHT, workspace, tmp_path / "out", campaign=campaign)

    copied = json.loads((tmp_path / "out" / "data" / FLIGHT / "collection.json").read_text(encoding="utf-8"))
    assert copied["license"] == published
    assert copied["description"] == (f"Cells. Licence: {stated}." if silent else words)
    assert ("handover-licence-differs" in {finding.code for finding in findings}) is not silent
    assert json.loads(collection.read_text(encoding="utf-8"))["license"] == license_


def test_the_handover_says_that_no_licence_was_stated_as_a_copy_looks_for_it() -> None:
    source = resources.files("uav_workflow.handover").joinpath("stac.py").read_text("utf-8")
    assert NOT_STATED in source
