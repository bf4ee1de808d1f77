"""Who stands behind a plot table, and under which terms: the EML document of its Darwin Core Archive.

Ecological Metadata Language 2.2.0 (https://eml.ecoinformatics.org) in the order of the GBIF metadata profile 1.3
(https://rs.gbif.org/schema/eml-gbif-profile/1.3/).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, register_namespace

from uav_workflow.domain.campaign import Campaign, Creator
from uav_workflow.findings import Finding, info, warning

if TYPE_CHECKING:
    import geopandas as gpd

NAME = "eml.xml"
NOT_STATED = "not stated"
"""Where the schema demands words and nobody gave any."""

_EML = "https://eml.ecoinformatics.org/eml-2.2.0"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_SCHEMA = "https://rs.gbif.org/schema/eml-gbif-profile/1.3/eml.xsd"
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}")
_LICENCES = {
    "CC0-1.0": ("Creative Commons Zero v1.0 Universal", "https://creativecommons.org/publicdomain/zero/1.0/legalcode"),
    "CC-BY-4.0": (
        "Creative Commons Attribution 4.0 International",
        "https://creativecommons.org/licenses/by/4.0/legalcode",
    ),
    "CC-BY-NC-4.0": (
        "Creative Commons Attribution Non Commercial 4.0 International",
        "https://creativecommons.org/licenses/by-nc/4.0/legalcode",
    ),
}
"""SPDX identifier -> name and address of the licences that GBIF takes."""


def eml(table: gpd.GeoDataFrame, campaign: Campaign, published: date) -> Element:
    """Return the EML document of a plot table.

    Parameters
    ----------
    table : GeoDataFrame
        Plot table in WGS84 degrees.
    campaign : Campaign
        What somebody said of the data; nothing else is taken for said.
    published : date
        Day the archive is written.
    """
    register_namespace("eml", _EML)
    register_namespace("xsi", _XSI)
    rows = "\n".join(sorted(f"{flight}:{row}" for flight, row in zip(table["flight_id"], table["row_id"], strict=True)))
    root = Element(f"{{{_EML}}}eml", {"packageId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{published}\n{rows}"))})
    root.set("system", "uav-workflow")
    root.set("scope", "system")
    root.set(f"{{{_XSI}}}schemaLocation", f"{_EML} {_SCHEMA}")
    dataset = SubElement(root, "dataset")
    _say(dataset, "title", campaign.title)
    for creator in campaign.creators or (Creator(name=NOT_STATED),):
        _creator(SubElement(dataset, "creator"), creator)
    # campaign.yaml names nobody for the description alone: who answers for the data answers for it
    _contact(SubElement(dataset, "metadataProvider"), campaign)
    _say(dataset, "pubDate", published.isoformat())
    _say(dataset, "language", "en")
    _paragraphs(dataset, "abstract", campaign.description or NOT_STATED)
    _keywords(dataset, campaign)
    if campaign.funding:
        _paragraphs(dataset, "additionalInfo", f"Funding: {'; '.join(campaign.funding)}")
    _rights(dataset, campaign.licence)
    _coverage(dataset, table, campaign.place)
    _contact(SubElement(dataset, "contact"), campaign)
    _methods(dataset, table)
    _gbif(root, campaign, published)
    return root


def eml_findings(table: gpd.GeoDataFrame, campaign: Campaign) -> Iterator[Finding]:
    """What EML demands and nobody said, and what had to be read one way though it could be read another.

    Codes: ``eml-field-missing``, ``licence-not-gbif`` (warnings), ``creator-kind-unknown``, ``contact-in-words``.
    """
    demanded = {
        "title": (campaign.title, "title: Plants of the ridge, 2026"),
        "creators": (campaign.creators, "creators: [{name: ..., orcid: ..., affiliation: ...}]"),
        "contact": (campaign.contact, "contact: name@institute.org"),
        "description": (campaign.description, "description: what was measured, where, when and why"),
        "licence": (campaign.licence, "licence: CC-BY-4.0"),
        "place": (campaign.place, "place: valley, county, country"),
    }
    for key, (said, example) in demanded.items():
        if not said:
            message = f"`{key}` was said by nobody; {NAME} needs it before a data centre takes the archive"
            yield warning("eml-field-missing", "campaign.yaml", message, f"write `{example}` into campaign.yaml")
    if not _placed(table):
        yield warning("eml-field-missing", NAME, "no plot of the table has a position: no geographic coverage")
    if not _days(table):
        yield warning("eml-field-missing", NAME, "no row of the table has a date: no temporal coverage")
    if campaign.licence and _spdx(campaign.licence) is None:
        message = f"licence `{campaign.licence}` is none of those GBIF takes"
        yield warning("licence-not-gbif", "campaign.yaml", message, f"GBIF takes {', '.join(_LICENCES)}")
    for creator in campaign.creators:
        if not _is_person(creator):
            message = f"{creator.name} is written as an organisation: no orcid and no affiliation says it is a person"
            yield info("creator-kind-unknown", "campaign.yaml", message, "add orcid or affiliation of a person")
    if campaign.contact and not _EMAIL.fullmatch(campaign.contact) and _named(campaign) is None:
        message = f"contact `{campaign.contact}` is written as it stands: it is no plain e-mail address and no creator"
        yield info("contact-in-words", "campaign.yaml", message, "write a creator's name or an e-mail address alone")


def _say(parent: Element, name: str, text: str | None) -> Element:
    element = SubElement(parent, name)
    element.text = text or NOT_STATED
    return element


def _paragraphs(parent: Element, name: str, *texts: str) -> None:
    element = SubElement(parent, name)
    for text in texts:
        _say(element, "para", text)


def _is_person(creator: Creator) -> bool:
    return bool(creator.orcid or creator.affiliation)


def _creator(party: Element, creator: Creator) -> None:
    if not _is_person(creator):
        _say(party, "organizationName", creator.name)
        return
    # which part of the name is the family's can't be known: EML asks for no more than a surname
    _say(SubElement(party, "individualName"), "surName", creator.name)
    if creator.affiliation:
        _say(party, "organizationName", creator.affiliation)
    if creator.orcid:
        identifier = _say(party, "userId", creator.orcid.rstrip("/").rpartition("/")[2])
        identifier.set("directory", "https://orcid.org/")


def _named(campaign: Campaign) -> Creator | None:
    return next((creator for creator in campaign.creators if creator.name == campaign.contact), None)


def _contact(party: Element, campaign: Campaign) -> None:
    creator = _named(campaign)
    if creator is not None:
        _creator(party, creator)
    elif campaign.contact and _EMAIL.fullmatch(campaign.contact):
        # a party needs a name of some kind beside its address
        _say(party, "positionName", NOT_STATED)
        _say(party, "electronicMailAddress", campaign.contact)
    else:
        # free words claim least as a position
        _say(party, "positionName", campaign.contact)


def _keywords(dataset: Element, campaign: Campaign) -> None:
    if campaign.keywords:
        words = SubElement(dataset, "keywordSet")
        for keyword in campaign.keywords:
            _say(words, "keyword", keyword)
        _say(words, "keywordThesaurus", NOT_STATED)


def _spdx(licence: str) -> str | None:
    """SPDX identifier of a licence that GBIF takes, by its identifier or address."""
    plain = re.sub(r"[\s-]+", "-", licence.strip()).upper()
    for name, (_, address) in _LICENCES.items():
        stem = address.removeprefix("https://").removesuffix("/legalcode")
        if plain == name or re.sub(r"^https?://|/(legalcode|deed\.en)?$", "", licence.strip()) == stem:
            return name
    return None


def _rights(dataset: Element, licence: str | None) -> None:
    rights = SubElement(dataset, "intellectualRights")
    known = _spdx(licence) if licence else None
    if known is None:
        _say(rights, "para", licence)
        return
    name, address = _LICENCES[known]
    line = _say(rights, "para", "This work is licensed under ")
    link = SubElement(line, "ulink", url=address)
    _say(link, "citetitle", f"{name} ({known})")
    link.tail = "."


def _placed(table: gpd.GeoDataFrame) -> bool:
    return bool((~(table.geometry.is_empty | table.geometry.isna())).any())


def _days(table: gpd.GeoDataFrame) -> list[str]:
    days = {str(text)[:10] for name in ("flight_datetime_utc", "obs_datetime_utc") for text in table[name].dropna()}
    return sorted(day for day in days if re.fullmatch(r"\d{4}-\d{2}-\d{2}", day))


def _coverage(dataset: Element, table: gpd.GeoDataFrame, place: str | None) -> None:
    days = _days(table)
    if not _placed(table) and not days:
        return
    coverage = SubElement(dataset, "coverage")
    if _placed(table):
        where = SubElement(coverage, "geographicCoverage")
        _say(where, "geographicDescription", place or ", ".join(sorted(table["site_id"].dropna().unique())))
        west, south, east, north = table.total_bounds
        box = SubElement(where, "boundingCoordinates")
        for side, degrees in (("west", west), ("east", east), ("north", north), ("south", south)):
            _say(box, f"{side}BoundingCoordinate", f"{degrees:.7f}")
    if days:
        span = SubElement(SubElement(coverage, "temporalCoverage"), "rangeOfDates")
        for name, day in (("beginDate", days[0]), ("endDate", days[-1])):
            _say(SubElement(span, name), "calendarDate", day)


def _methods(dataset: Element, table: gpd.GeoDataFrame) -> None:
    """A step a source, method and version, with the variables it gave."""
    if table.empty:
        return
    methods = SubElement(dataset, "methods")
    told = table.assign(**{name: table[name].fillna("") for name in ("method", "method_version")})
    for (source, method, version), rows in told.groupby(["source", "method", "method_version"], sort=True):
        variables = ", ".join(sorted(rows["variable"].unique()))
        by = f"by the method {method}" if method else f"by a method that is {NOT_STATED}"
        how = "from a drone flight" if source == "drone" else "on foot"
        made = f" (uav-workflow {version})" if source == "drone" and version else ""
        _paragraphs(SubElement(methods, "methodStep"), "description", f"{variables}: {how}, {by}{made}.")


def _gbif(root: Element, campaign: Campaign, published: date) -> None:
    gbif = SubElement(SubElement(SubElement(root, "additionalMetadata"), "metadata"), "gbif")
    _say(gbif, "dateStamp", f"{published.isoformat()}T00:00:00Z")
    _say(gbif, "hierarchyLevel", "dataset")
    if campaign.citation:
        _say(gbif, "citation", campaign.citation)
