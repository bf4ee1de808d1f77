"""A folder on a disk is not published: only whoever opens it to others can say when, and then every record does."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pystac
import pytest
from lxml import etree
from pystac.validation.stac_validator import JsonSchemaSTACValidator
from test_publish import CAMPAIGN, FLIGHT, workspace, write

from uav_workflow.flights.campaign import read_campaign
from uav_workflow.publication.copies import TIMESTAMPS_SCHEMA
from uav_workflow.publication.publish import publish

__all__ = ["workspace"]

ITEM = {
    "type": "Feature",
    "stac_version": "1.1.0",
    "stac_extensions": [],
    "id": "one",
    "geometry": None,
    "properties": {"datetime": "2026-07-01T05:00:00Z"},
    "links": [],
    "assets": {},
}


def published(root: Path, out: Path, line: str) -> dict[str, Any]:
    """Documents of a publication whose campaign.yaml has a further line."""
    collection = root / "products" / FLIGHT / "handover-aa" / "collection.json"
    stated = {"type": "Collection", "stac_version": "1.1.0", "id": "c", "description": "-", "links": []}
    write(collection, json.loads(collection.read_text()) | stated)
    write(collection.with_name("one.json"), ITEM)
    campaign = root / "campaign.yaml"
    campaign.write_text(f"{CAMPAIGN}publisher: Data centre\n{line}\n", encoding="utf-8")
    publish(FLIGHT, root, out, campaign=campaign)
    found = {path.name: json.loads(path.read_text()) for path in (out / "data" / FLIGHT).glob("*.json")}
    return found | {name: json.loads((out / name).read_text()) for name in ("datacite.json", "ro-crate-metadata.json")}


def test_nothing_says_when_unless_somebody_does(workspace: Path, tmp_path: Path) -> None:
    found = published(workspace, tmp_path / "out", "")
    assert "published" not in found["one.json"]["properties"]
    assert found["one.json"]["stac_extensions"] == []
    assert "published" not in found["collection.json"]
    assert [date["dateType"] for date in found["datacite.json"]["dates"]] == ["Collected", "Created"]


def test_every_record_says_it(workspace: Path, tmp_path: Path) -> None:
    found = published(workspace, tmp_path / "out", "published: 2027-01-02T06:00:00+08:00")
    assert found["one.json"]["properties"]["published"] == "2027-01-01T22:00:00Z"
    assert found["collection.json"]["published"] == "2027-01-01T22:00:00Z"
    assert found["datacite.json"]["publicationYear"] == 2027
    assert {"date": "2027-01-02T06:00:00+08:00", "dateType": "Issued"} in found["datacite.json"]["dates"]
    root = next(entity for entity in found["ro-crate-metadata.json"]["@graph"] if entity["@id"] == "./")
    assert root["datePublished"] == "2027-01-02T06:00:00+08:00"
    for name in ("iso19115-3.xml", "iso19139.xml"):
        kinds = etree.parse(tmp_path / "out" / name).xpath("//*[local-name()='CI_DateTypeCode']/@codeListValue")
        assert kinds.count("publication") == 1, name
    assert "2027-01-01 22:00:00" in (tmp_path / "out" / "index_zh.html").read_text("utf-8")


@pytest.mark.shared
def test_the_extension_allows_it(workspace: Path, tmp_path: Path, shared_reference: Path) -> None:
    found = published(workspace, tmp_path / "out", "published: 2027-01-02T06:00:00+08:00")
    checker = JsonSchemaSTACValidator()
    schema = json.loads((shared_reference / "stac_schemas/timestamps/schema.json").read_text())
    checker.schema_cache[TIMESTAMPS_SCHEMA] = schema
    assert schema["$id"].rstrip("#") == TIMESTAMPS_SCHEMA
    item = pystac.STACObjectType.ITEM
    checker.validate_extension(found["one.json"], item, "1.1.0", TIMESTAMPS_SCHEMA)
    collection = pystac.STACObjectType.COLLECTION
    checker.validate_extension(found["collection.json"], collection, "1.1.0", TIMESTAMPS_SCHEMA)
    local = found["one.json"] | {"properties": {"published": "2027-01-02T06:00:00+08:00"}}
    with pytest.raises(pystac.STACValidationError):
        checker.validate_extension(local, item, "1.1.0", TIMESTAMPS_SCHEMA)


@pytest.mark.parametrize("value", ["2026", "2026-09-01", "2026-09-01T08:00:00", "soon", "2026-13-01T08:00:00Z"])
def test_no_moment_is_guessed(tmp_path: Path, value: str) -> None:
    path = tmp_path / "campaign.yaml"
    path.write_text(f"published: {value}\n")
    campaign, (finding,) = read_campaign(path, path.name)
    assert campaign is None
    assert finding.code == "campaign-yaml-invalid"
    assert "published" in finding.message


def test_a_moment_with_its_zone_is_read(tmp_path: Path) -> None:
    path = tmp_path / "campaign.yaml"
    path.write_text("published: 2026-09-01 08:00+08:00\n")
    campaign, findings = read_campaign(path, path.name)
    assert campaign is not None
    assert campaign.published == datetime(2026, 9, 1, tzinfo=UTC)
    assert findings == []
