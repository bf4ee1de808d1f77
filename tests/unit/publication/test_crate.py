"""RO-Crate: a whole graph, the files as they are, and no profile claimed that is not met."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import format_records as records
import pytest
from rocrate.rocrate import ROCrate

from uav_workflow.publication.companions import COMPANIONS
from uav_workflow.publication.crate import PROCESS_RUN, VERSION, write_crate
from uav_workflow.publication.datacite import write_datacite
from uav_workflow.publication.iso import write_iso
from uav_workflow.publication.iso19139 import write_iso19139
from uav_workflow.publication.page import write_pages
from uav_workflow.publication.quality_form import write_quality_form
from uav_workflow.publication.record import Record
from uav_workflow.publication.stac_catalog import write_catalog


def graph(record: Record, out: Path) -> dict[str, dict[str, Any]]:
    entities = json.loads(write_crate(record, out).read_text("utf-8"))["@graph"]
    ids = [entity["@id"] for entity in entities]
    assert len(ids) == len(set(ids))
    return dict(zip(ids, entities, strict=True))


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if set(value) == {"@id"}:
            yield value["@id"]
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from references(one)


@pytest.mark.parametrize("make", [records.full, records.bare])
def test_every_reference_is_there(make: Any, tmp_path: Path) -> None:
    entities = graph(make(tmp_path), tmp_path)
    said = {reference for entity in entities.values() for reference in references(entity)}

    outside = {reference for reference in said - set(entities) if reference.startswith("https://w3id.org/ro/crate/")}
    assert said - outside <= set(entities)
    assert [path.name for path in tmp_path.iterdir()] == ["ro-crate-metadata.json"]
    assert not outside - {f"https://w3id.org/ro/crate/{VERSION}"}


def test_files(tmp_path: Path) -> None:
    entities = graph(records.full(tmp_path), tmp_path)
    parts = [part["@id"] for part in entities["./"]["hasPart"]]

    assert parts == ["maps/cover%20one.tif", "samples.csv", "sha256sums.txt"]
    assert entities[parts[0]] == {
        "@id": parts[0],
        "@type": "File",
        "name": "Cover",
        "sha256": "a" * 64,
        "contentSize": "12",
        "encodingFormat": "image/tiff",
    }


def _actions(entities: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    mentioned = (entities[one["@id"]] for one in entities["./"]["mentions"])
    return [entity for entity in mentioned if entity["@type"] == "CreateAction"]


def test_software_that_published_is_mentioned(tmp_path: Path) -> None:
    entities = graph(records.full(tmp_path), tmp_path)
    software = entities["#software/uav-workflow/0.1.0"]

    assert {"@id": software["@id"]} in entities["./"]["mentions"]
    assert (software["@type"], software["version"]) == ("SoftwareApplication", "0.1.0")


def test_steps_hang_together(tmp_path: Path) -> None:
    entities = graph(records.full(tmp_path), tmp_path)
    first, second = _actions(entities)

    assert first["result"] in second["object"]
    assert set(references(first["instrument"])) < set(references(second["instrument"]))
    named = {entities[one["@id"]]["name"]: entities[one["@id"]] for one in first["object"]}
    assert named["IMG_1.JPG"]["sha256"] == "c" * 64
    assert named["pixel_m"]["value"] == 0.05
    assert named["engine"]["value"] == '{"name": "node", "tries": 2}'
    assert named["none"]["value"] == "null"


def test_people_licence_and_funding(tmp_path: Path) -> None:
    entities = graph(records.full(tmp_path), tmp_path)
    root = entities["./"]

    assert root["creator"][0] == {"@id": "https://orcid.org/0000-0002-1825-0097"}
    assert entities["https://orcid.org/0000-0002-1825-0097"]["name"] == "Ada Example"
    assert root["license"] == {"@id": "https://spdx.org/licenses/CC-BY-4.0.html"}
    assert entities[root["license"]["@id"]]["name"] == "CC-BY-4.0"
    assert root["datePublished"] == "2026-08-01T09:00:00+00:00"


def test_profile_only_where_it_is_met(tmp_path: Path) -> None:
    record = records.full(tmp_path)
    assert graph(record, tmp_path)["./"]["conformsTo"] == {"@id": PROCESS_RUN}
    assert "Profile" in graph(record, tmp_path)[PROCESS_RUN]["@type"]

    without_software = replace(record, steps=(replace(record.steps[0], packages={}),))
    without_licence = replace(record, campaign=replace(record.campaign, licence=None))
    for lacking in (without_software, without_licence, replace(record, steps=()), records.bare(tmp_path)):
        assert "conformsTo" not in graph(lacking, tmp_path)["./"]


def test_nothing_is_invented(tmp_path: Path) -> None:
    root = graph(records.bare(tmp_path), tmp_path)["./"]

    assert root["name"] == "20250705_plain"
    assert root["description"].startswith("Fvc from one drone flight on 2025-07-05")
    assert not {"license", "creator", "publisher", "subjectOf", "funding", "contactPoint", "keywords"} & set(root)


def test_the_files_of_a_flight_are_what_its_hand_over_gave(tmp_path: Path) -> None:
    record = records.full(tmp_path)
    first, second = (
        replace(record.files[0], name=f"data/{flight}/cover.tif") for flight in ("20250705_one", "20250706_two")
    )
    made = replace(record.steps[0], kind="handover", fingerprint="f3")
    entities = graph(replace(record, files=(first, second), steps=(*record.steps, made)), tmp_path)

    (given,) = [action["result"] for action in _actions(entities) if action["name"].startswith("handover")]
    assert list(references(entities[given["@id"]]["hasPart"])) == [first.name]


def test_records_pages_and_forms_are_listed_with_what_they_follow(tmp_path: Path) -> None:
    record = records.full(tmp_path)
    for write in (write_catalog, write_datacite, write_iso, write_iso19139, write_quality_form, write_pages):
        write(record, tmp_path)
    beside = {path.name for path in tmp_path.iterdir()}
    entities = graph(record, tmp_path)
    root = entities["./"]

    assert {one["@id"] for one in root["subjectOf"]} == beside == {one.name for one in COMPANIONS} - {"sha256sums.txt"}
    assert {one["@id"] for one in root["hasPart"]} >= beside | {"sha256sums.txt"}
    for name in beside:
        said = entities[name]
        assert (said["@type"], said["about"]) == ("File", {"@id": "./"})
        assert said["sha256"] == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        assert said["contentSize"] == str((tmp_path / name).stat().st_size)
    follows = {
        name: entities[entities[name]["conformsTo"]["@id"]]["name"] for name in beside if "conformsTo" in entities[name]
    }
    assert follows == {
        "catalog.json": "SpatioTemporal Asset Catalog: Catalog",
        "iso19115-3.xml": "ISO/TS 19115-3 metadata",
        "iso19139.xml": "ISO/TS 19139 metadata",
        "datacite.json": "DataCite Metadata Schema",
    }
    assert (entities["index.html"]["inLanguage"], entities["quality_form_zh.md"]["inLanguage"]) == ("en", "zh")
    assert not {"sha256", "contentSize"} & set(entities["sha256sums.txt"])


def test_the_crate_opens_with_the_library_that_others_read_it_with(tmp_path: Path) -> None:
    record = records.full(tmp_path)
    for file in record.files:
        (tmp_path / file.name).parent.mkdir(exist_ok=True)
        (tmp_path / file.name).touch()
    write_pages(record, tmp_path)
    write_crate(record, tmp_path)
    read = ROCrate(tmp_path)
    assert read.root_dataset["name"] == record.title
    assert read.dereference("index_zh.html")["inLanguage"] == "zh"
    assert {entity.id for entity in read.data_entities} >= {"samples.csv", "index.html"}


def test_every_action_meets_the_profile(tmp_path: Path) -> None:
    record = records.full(tmp_path)
    steps = tuple(replace(step, packages={**step.packages, "pycolmap": "absent"}) for step in record.steps)
    entities = graph(replace(record, steps=steps), tmp_path)
    actions = _actions(entities)
    assert len(actions) == len(steps)
    for action in actions:
        used = [entities[name] for name in references(action["instrument"])]
        kinds = {one["@type"] for one in used}
        assert all(one["version"] and one["url"].startswith("https://") for one in used)
        assert kinds == {"SoftwareApplication"}
        assert {"name", "description", "endTime", "result"} <= action.keys()
    assert not [identifier for identifier in entities if "pycolmap" in identifier]
