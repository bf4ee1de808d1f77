"""One STAC catalog over the hand-overs of a publication: a campaign opens as a whole."""

from __future__ import annotations

import json
from pathlib import Path

from uav_workflow.publication import licences
from uav_workflow.publication.record import DATA, Record
from uav_workflow.publication.titles import abstracts

NAME = "catalog.json"
_JSON = "application/json"


def _licence(licence: str | None) -> list[dict[str, str]]:
    address = licences.address(licence)
    return [{"rel": "license", "href": address, "title": str(licence)}] if address else []


def write_catalog(record: Record, out: Path) -> Path:
    """Write ``catalog.json``, whose children are the collections of the flights as they were handed over.

    The links lead down only: a hand-over stays as it was made, and opens without the publication around it.

    Parameters
    ----------
    record : Record
    out : Path
        Folder, which exists.
    """
    title = record.title or record.identifier
    children = [
        {
            "rel": "child",
            "href": f"./{DATA}/{flight.flight_id}/collection.json",
            "type": _JSON,
            "title": f"{flight.site}, {flight.start.date().isoformat()}, flight {flight.flight_id}",
        }
        for flight in record.flights
    ]
    place = {"href": f"./{NAME}", "type": _JSON, "title": title}
    document = {
        "type": "Catalog",
        "stac_version": "1.1.0",
        "id": record.identifier,
        "title": title,
        "description": abstracts(record)[0],
        "links": [{"rel": "root", **place}, *_licence(record.campaign.licence), *children],
    }
    path = out / NAME
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
