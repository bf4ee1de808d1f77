"""The catalog over a publication is read by pystac down to the collections of its flights."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pystac
from format_records import bare, full

from uav_workflow.domain.campaign import Campaign
from uav_workflow.publication.record import Record
from uav_workflow.publication.stac_catalog import write_catalog


def hand_over(record: Record, root: Path) -> list[str]:
    """Save a collection of every flight where a publication has it."""
    when = datetime(2026, 7, 1, tzinfo=UTC)
    extent = pystac.Extent(pystac.SpatialExtent([[1, 2, 3, 4]]), pystac.TemporalExtent([[when, when]]))
    for flight in record.flights:
        own = pystac.Catalog(flight.flight_id, "one flight")
        own.add_child(pystac.Collection(f"{flight.flight_id}-handover", "cells", extent), title="cells")
        folder = root / "data" / flight.flight_id
        own.normalize_hrefs(str(folder), strategy=pystac.layout.TemplateLayoutStrategy(collection_template=""))
        own.save(pystac.CatalogType.SELF_CONTAINED)
        assert (folder / "collection.json").is_file()
    return [f"{flight.flight_id}-handover" for flight in record.flights]


def test_a_campaign_opens_as_a_whole(tmp_path: Path) -> None:
    record = full(tmp_path)
    names = hand_over(record, tmp_path)
    catalog = pystac.Catalog.from_file(str(write_catalog(record, tmp_path)))
    assert len(names) == 2
    assert [child.id for child in catalog.get_children()] == names
    assert (catalog.id, catalog.title) == (record.identifier, record.title)
    assert catalog.description.startswith(str(record.campaign.description))
    (link,) = catalog.get_links("license")
    assert (link.href, link.title) == ("https://spdx.org/licenses/CC-BY-4.0.html", "CC-BY-4.0")


def test_what_nobody_said_is_described_by_what_there_is(tmp_path: Path) -> None:
    record = bare(tmp_path)
    assert record.campaign == Campaign()
    catalog = pystac.Catalog.from_file(str(write_catalog(record, tmp_path)))
    assert catalog.title == record.identifier
    assert catalog.description.startswith("Fvc from one drone flight on 2025-07-05")
    assert list(catalog.get_links("license")) == []
