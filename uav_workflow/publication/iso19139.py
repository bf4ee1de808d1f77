"""ISO 19139 metadata, the older encoding that many catalogues still take, from the same record as ISO 19115-3."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from lxml import etree

from uav_workflow.domain.campaign import Creator
from uav_workflow.publication.iso_parts import (
    distribution,
    extents,
    keyword_groups,
    legal_constraints,
    reference_systems,
    resolutions,
)
from uav_workflow.publication.iso_quality import reports
from uav_workflow.publication.record import Record, Step
from uav_workflow.publication.sentences import lineage_statement, name_and_mail, step_sentences
from uav_workflow.publication.titles import abstracts
from uav_workflow.publication.xml import Dialect

NAME = "iso19139.xml"
NAMESPACES = {
    "gmd": "http://www.isotc211.org/2005/gmd",
    "gco": "http://www.isotc211.org/2005/gco",
    "gml": "http://www.opengis.net/gml/3.2",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
}
_DIALECT = Dialect(
    namespaces=NAMESPACES,
    codes="http://standards.iso.org/iso/19139/resources/gmxCodelists.xml",
    free_text="gmd",
    url="gmd:URL",
    package="gmd",
)
_node, _text, _code, _missing = _DIALECT.node, _DIALECT.text, _DIALECT.code, _DIALECT.missing


def write_iso19139(record: Record, out: Path) -> Path:
    """Write the record as ISO 19139 (schema of 2007, GML 3.2).

    What the record lacks is left out; where the standard demands an element (contact, title), it stands empty with
    ``gco:nilReason="missing"``. ORCID has no element here and stands as the address of a person.

    Parameters
    ----------
    record : Record
    out : Path
        Folder, which exists.

    Returns
    -------
    Path
        ``out/iso19139.xml``.
    """
    path = out / NAME
    etree.ElementTree(_metadata(record)).write(path, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return path


def _metadata(record: Record) -> Any:
    # The order of the children is the standard's.
    return _node(
        "gmd:MD_Metadata",
        _text("gmd:fileIdentifier", record.identifier),
        _code("gmd:language", "gmd:LanguageCode", "eng"),
        _code("gmd:characterSet", "gmd:MD_CharacterSetCode", "utf8"),
        _code("gmd:hierarchyLevel", "gmd:MD_ScopeCode", "dataset"),
        _contact("gmd:contact", record.campaign.contact),
        _node("gmd:dateStamp", _node("gco:DateTime", text=record.created.isoformat())),
        _text("gmd:metadataStandardName", "ISO 19115:2003/19139"),
        _node("gmd:locale", _locale()),
        *reference_systems(_DIALECT, record, "gmd:RS_Identifier"),
        _node("gmd:identificationInfo", _identification(record)),
        distribution(_DIALECT, record),
        _quality(record),
    )


def _locale() -> Any:
    return _node(
        "gmd:PT_Locale",
        _code("gmd:languageCode", "gmd:LanguageCode", "zho"),
        _code("gmd:characterEncoding", "gmd:MD_CharacterSetCode", "utf8"),
        attributes={"id": "zh"},
    )


def _identification(record: Record) -> Any:
    campaign, (abstract, abstract_zh) = record.campaign, abstracts(record)
    return _node(
        "gmd:MD_DataIdentification",
        _node("gmd:citation", _citation(record)),
        _text("gmd:abstract", abstract, chinese=abstract_zh),
        *(_text("gmd:credit", fund) for fund in campaign.funding),
        _contact("gmd:pointOfContact", campaign.contact) if campaign.contact else None,
        *keyword_groups(_DIALECT, record),
        # "license" is how the code list of 2003 spells it
        legal_constraints(_DIALECT, record, "license"),
        *resolutions(_DIALECT, record),
        _code("gmd:language", "gmd:LanguageCode", "eng"),
        _code("gmd:characterSet", "gmd:MD_CharacterSetCode", "utf8"),
        *(_node("gmd:topicCategory", _node("gmd:MD_TopicCategoryCode", text=topic)) for topic in record.topics),
        *extents(_DIALECT, record),
    )


def _citation(record: Record) -> Any:
    campaign = record.campaign
    publisher = _party("publisher", organisation=campaign.publisher) if campaign.publisher else None
    return _node(
        "gmd:CI_Citation",
        _text("gmd:title", record.title, chinese=record.title_zh),
        _node("gmd:date", _date(record.created, "creation")),
        _node("gmd:date", _date(campaign.published, "publication")) if campaign.published else None,
        _node("gmd:identifier", _node("gmd:MD_Identifier", _text("gmd:code", record.identifier))),
        *(_node("gmd:citedResponsibleParty", _author(creator)) for creator in campaign.creators),
        _node("gmd:citedResponsibleParty", publisher) if publisher is not None else None,
        _text("gmd:otherCitationDetails", campaign.citation) if campaign.citation else None,
    )


def _date(moment: datetime, kind: str) -> Any:
    date = _node("gmd:date", _node("gco:DateTime", text=moment.isoformat()))
    return _node("gmd:CI_Date", date, _code("gmd:dateType", "gmd:CI_DateTypeCode", kind))


def _quality(record: Record) -> Any | None:
    found, lineage = reports(_DIALECT, record), _lineage(record) if record.steps else None
    if not found and lineage is None:
        return None
    scope = _node("gmd:DQ_Scope", _code("gmd:level", "gmd:MD_ScopeCode", "dataset"))
    return _node("gmd:dataQualityInfo", _node("gmd:DQ_DataQuality", _node("gmd:scope", scope), *found, lineage))


def _lineage(record: Record) -> Any:
    statement, statement_zh = lineage_statement(record)
    lineage = _node(
        "gmd:LI_Lineage",
        _text("gmd:statement", statement, chinese=statement_zh) if statement else None,
        *(_node("gmd:processStep", _process_step(step)) for step in record.steps),
    )
    return _node("gmd:lineage", lineage)


def _process_step(step: Step) -> Any:
    return _node(
        "gmd:LI_ProcessStep",
        _text("gmd:description", step_sentences(step)),
        _node("gmd:dateTime", _node("gco:DateTime", text=step.created.isoformat())),
    )


def _contact(tag: str, contact: str | None) -> Any:
    if not contact:
        return _missing(tag)
    name, mail = name_and_mail(contact)
    return _node(tag, _party("pointOfContact", name=name or None, mail=mail))


def _author(creator: Creator) -> Any:
    home = f"https://orcid.org/{creator.orcid.rpartition('/')[2]}" if creator.orcid else ""
    return _party("author", name=creator.name, organisation=creator.affiliation, home=home)


def _party(
    role: str, *, name: str | None = None, organisation: str | None = None, mail: str = "", home: str = ""
) -> Any:
    address = _node("gmd:address", _node("gmd:CI_Address", _text("gmd:electronicMailAddress", mail))) if mail else None
    online = _node("gmd:CI_OnlineResource", _DIALECT.address("gmd:linkage", home))
    ways = _node("gmd:CI_Contact", address, _node("gmd:onlineResource", online) if home else None)
    return _node(
        "gmd:CI_ResponsibleParty",
        # One of the names is demanded: a contact of whom there is but an address has none.
        _text("gmd:individualName", name) if name or not organisation else None,
        _text("gmd:organisationName", organisation) if organisation else None,
        _node("gmd:contactInfo", ways) if mail or home else None,
        _code("gmd:role", "gmd:CI_RoleCode", role),
    )
