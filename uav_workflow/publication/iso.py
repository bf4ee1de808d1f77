"""ISO 19115-3 metadata, written element by element: no well-kept Python library writes this encoding."""

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
from uav_workflow.publication.iso_quality import quality_information
from uav_workflow.publication.record import Record, Step
from uav_workflow.publication.sentences import lineage_statement, name_and_mail, step_sentences
from uav_workflow.publication.titles import abstracts
from uav_workflow.publication.xml import Dialect

NAME = "iso19115-3.xml"
NAMESPACES = {
    "mdb": "http://standards.iso.org/iso/19115/-3/mdb/2.0",
    "mdq": "http://standards.iso.org/iso/19157/-2/mdq/1.0",
    "cit": "http://standards.iso.org/iso/19115/-3/cit/2.0",
    "gex": "http://standards.iso.org/iso/19115/-3/gex/1.0",
    "lan": "http://standards.iso.org/iso/19115/-3/lan/1.0",
    "mcc": "http://standards.iso.org/iso/19115/-3/mcc/1.0",
    "mco": "http://standards.iso.org/iso/19115/-3/mco/1.0",
    "mrd": "http://standards.iso.org/iso/19115/-3/mrd/1.0",
    "mri": "http://standards.iso.org/iso/19115/-3/mri/1.0",
    "mrl": "http://standards.iso.org/iso/19115/-3/mrl/2.0",
    "mrs": "http://standards.iso.org/iso/19115/-3/mrs/1.0",
    "gco": "http://standards.iso.org/iso/19115/-3/gco/1.0",
    "gml": "http://www.opengis.net/gml/3.2",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
}
_DIALECT = Dialect(
    namespaces=NAMESPACES,
    codes="http://standards.iso.org/iso/19115/resources/Codelists/cat/codelists.xml",
    free_text="lan",
    url="gco:CharacterString",
)
_node, _text, _code, _missing = _DIALECT.node, _DIALECT.text, _DIALECT.code, _DIALECT.missing


def write_iso(record: Record, out: Path) -> Path:
    """Write the record as ISO 19115-3.

    What the record lacks is left out; where the standard demands an element (contact, title, abstract), it stands
    empty with the standard's own ``gco:nilReason="missing"``.

    Parameters
    ----------
    record : Record
    out : Path
        Folder, which exists.

    Returns
    -------
    Path
        ``out/iso19115-3.xml``.
    """
    path = out / NAME
    etree.ElementTree(_metadata(record)).write(path, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return path


def _metadata(record: Record) -> Any:
    # The order of the children is the standard's.
    chinese = _node("mdb:otherLocale", _locale("zho", "zh"))
    return _node(
        "mdb:MD_Metadata",
        _node("mdb:metadataIdentifier", _identifier(record.identifier)),
        _node("mdb:defaultLocale", _locale("eng", "en")),
        _node(
            "mdb:metadataScope",
            _node("mdb:MD_MetadataScope", _code("mdb:resourceScope", "mcc:MD_ScopeCode", "dataset")),
        ),
        _contact("mdb:contact", record.campaign.contact),
        _node("mdb:dateInfo", _date(record.created, "creation")),
        _node("mdb:metadataStandard", _node("cit:CI_Citation", _text("cit:title", "ISO 19115-3"))),
        chinese,
        *reference_systems(_DIALECT, record, "mcc:MD_Identifier"),
        _node("mdb:identificationInfo", _identification(record)),
        distribution(_DIALECT, record),
        quality_information(_DIALECT, record),
        _lineage(record),
    )


def _identification(record: Record) -> Any:
    campaign, (abstract, abstract_zh) = record.campaign, abstracts(record)
    citation = _node(
        "cit:CI_Citation",
        _text("cit:title", record.title, chinese=record.title_zh),
        _node("cit:date", _date(record.created, "creation")),
        _node("cit:date", _date(campaign.published, "publication")) if campaign.published else None,
        _node("cit:identifier", _identifier(record.identifier)),
        *(_author(creator) for creator in campaign.creators),
        _publisher(campaign.publisher) if campaign.publisher else None,
        _text("cit:otherCitationDetails", campaign.citation) if campaign.citation else None,
    )
    return _node(
        "mri:MD_DataIdentification",
        _node("mri:citation", citation),
        _text("mri:abstract", abstract, chinese=abstract_zh),
        *(_text("mri:credit", fund) for fund in campaign.funding),
        _contact("mri:pointOfContact", campaign.contact) if campaign.contact else None,
        *resolutions(_DIALECT, record),
        *(_node("mri:topicCategory", _node("mri:MD_TopicCategoryCode", text=topic)) for topic in record.topics),
        *extents(_DIALECT, record),
        *keyword_groups(_DIALECT, record),
        legal_constraints(_DIALECT, record, "licence"),
        _node("mri:defaultLocale", _locale("eng", None)),
    )


def _lineage(record: Record) -> Any | None:
    if not record.steps:
        return None
    statement, statement_zh = lineage_statement(record)
    return _node(
        "mdb:resourceLineage",
        _node(
            "mrl:LI_Lineage",
            _text("mrl:statement", statement, chinese=statement_zh) if statement else None,
            _node("mrl:scope", _node("mcc:MD_Scope", _code("mcc:level", "mcc:MD_ScopeCode", "dataset"))),
            *(_process_step(step, number) for number, step in enumerate(record.steps, 1)),
        ),
    )


def _process_step(step: Step, number: int) -> Any:
    moment = _node(
        "gml:TimeInstant",
        _node("gml:timePosition", text=step.created.isoformat()),
        attributes={"gml:id": f"step-{number}"},
    )
    return _node(
        "mrl:processStep",
        _node(
            "mrl:LI_ProcessStep",
            _text("mrl:description", step_sentences(step)),
            _node("mrl:stepDateTime", moment),
        ),
    )


def _contact(tag: str, contact: str | None) -> Any:
    if not contact:
        return _missing(tag)
    name, address = name_and_mail(contact)
    return _node(tag, _responsibility("pointOfContact", _individual(name or None, mail=address)))


def _publisher(name: str) -> Any:
    party = _node("cit:CI_Organisation", _text("cit:name", name))
    return _node("cit:citedResponsibleParty", _responsibility("publisher", party))


def _author(creator: Creator) -> Any:
    party = _individual(creator.name, orcid=creator.orcid)
    if creator.affiliation:
        party = _node("cit:CI_Organisation", _text("cit:name", creator.affiliation), _node("cit:individual", party))
    return _node("cit:citedResponsibleParty", _responsibility("author", party))


def _responsibility(role: str, party: Any) -> Any:
    return _node("cit:CI_Responsibility", _code("cit:role", "cit:CI_RoleCode", role), _node("cit:party", party))


def _individual(name: str | None, *, mail: str = "", orcid: str | None = None) -> Any:
    address = _node("cit:address", _node("cit:CI_Address", _text("cit:electronicMailAddress", mail)))
    return _node(
        "cit:CI_Individual",
        _text("cit:name", name),
        _node("cit:contactInfo", _node("cit:CI_Contact", address)) if mail else None,
        _node("cit:partyIdentifier", _identifier(orcid, space="ORCID")) if orcid else None,
    )


def _identifier(code: str, *, space: str | None = None) -> Any:
    return _node("mcc:MD_Identifier", _text("mcc:code", code), _text("mcc:codeSpace", space) if space else None)


def _date(moment: datetime, kind: str) -> Any:
    date = _node("cit:date", _node("gco:DateTime", text=moment.isoformat()))
    return _node("cit:CI_Date", date, _code("cit:dateType", "cit:CI_DateTypeCode", kind))


def _locale(language: str, name: str | None) -> Any:
    return _node(
        "lan:PT_Locale",
        _code("lan:language", "lan:LanguageCode", language),
        _code("lan:characterEncoding", "lan:MD_CharacterSetCode", "utf8"),
        attributes={"id": name} if name else None,
    )
