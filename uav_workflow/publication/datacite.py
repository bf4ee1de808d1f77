"""DataCite metadata 4.5 as JSON, for the registration of a DOI."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from uav_workflow.domain.campaign import Creator
from uav_workflow.publication import licences
from uav_workflow.publication.record import Record
from uav_workflow.publication.sentences import name_and_mail
from uav_workflow.publication.titles import abstracts, period

NAME = "datacite.json"
_DOI = re.compile(r"10\.\d{4,9}/[^\s,;]+[^\s,;.]")


def write_datacite(record: Record, out: Path) -> Path:
    """Write datacite.json; what the record lacks stays out, required fields too (`Record.missing` lists them)."""
    campaign = record.campaign
    english, chinese = abstracts(record)
    doi = _DOI.search(campaign.citation or "")
    titles = [(record.title, "en"), (record.title_zh, "zh")]
    document: dict[str, Any] = {
        "doi": doi.group() if doi else None,
        "creators": [_person(creator) for creator in campaign.creators],
        "titles": [{"title": title, "lang": language} for title, language in titles if title],
        "publisher": {"name": campaign.publisher} if campaign.publisher else None,
        "publicationYear": (campaign.published or record.created).year if campaign.publisher else None,
        "types": {"resourceTypeGeneral": "Dataset", "resourceType": "Vegetation maps and plots from drone imagery"},
        "subjects": [{"subject": word} for word in campaign.keywords]
        + [{"subject": word, "lang": "zh"} for word in campaign.keywords_zh],
        "contributors": [_contact(campaign.contact)] if campaign.contact else [],
        "dates": [
            {"date": period(record.flights), "dateType": "Collected"},
            {"date": record.created.date().isoformat(), "dateType": "Created"},
            *([{"date": campaign.published.isoformat(), "dateType": "Issued"}] if campaign.published else []),
        ],
        "language": "en",
        "sizes": [f"{sum(file.size for file in record.files)} bytes", f"{len(record.files)} files"],
        "formats": sorted({file.media_type for file in record.files}),
        "rightsList": [_rights(campaign.licence)] if campaign.licence else [],
        "descriptions": [
            {"description": text, "descriptionType": "Abstract", "lang": language}
            for text, language in ((english, "en"), (chinese, "zh"))
        ],
        "geoLocations": [_place(record)],
        "fundingReferences": [{"funderName": text} for text in campaign.funding],
        "schemaVersion": "http://datacite.org/schema/kernel-4",
    }
    path = out / NAME
    said = {key: value for key, value in document.items() if value not in (None, [])}
    path.write_text(json.dumps(said, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _person(creator: Creator) -> dict[str, Any]:
    person: dict[str, Any] = {"name": creator.name}
    if creator.affiliation:
        person["affiliation"] = [{"name": creator.affiliation}]
    if creator.orcid:
        person["nameType"] = "Personal"
        person["nameIdentifiers"] = [
            {
                "nameIdentifier": f"https://orcid.org/{creator.orcid.rpartition('/')[2]}",
                "nameIdentifierScheme": "ORCID",
                "schemeUri": "https://orcid.org",
            }
        ]
    return person


def _contact(contact: str) -> dict[str, Any]:
    name, mail = name_and_mail(contact)
    return {"name": name or mail, "contributorType": "ContactPerson"}


def _rights(licence: str) -> dict[str, str]:
    """Licence with its address and, where it has one, its SPDX identifier."""
    rights = {"rights": licence}
    if address := licences.address(licence):
        rights["rightsUri"] = address
    if licence in licences.KNOWN:
        rights |= {"rightsIdentifier": licence, "rightsIdentifierScheme": "SPDX", "schemeUri": licences.SCHEME}
    return rights


def _place(record: Record) -> dict[str, Any]:
    west, south, east, north = record.bbox
    box = {
        "westBoundLongitude": west,
        "eastBoundLongitude": east,
        "southBoundLatitude": south,
        "northBoundLatitude": north,
    }
    named = {"geoLocationPlace": record.campaign.place} if record.campaign.place else {}
    return {**named, "geoLocationBox": box}
