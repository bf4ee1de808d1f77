"""ISO 19139: what ISO 19115-3 says, in the encoding of 2007, read back by a catalogue."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import format_records as records
import pytest
from iso_order import assert_in_order
from lxml import etree
from owslib.iso import MD_Metadata

from uav_workflow.publication.iso19139 import NAMESPACES, write_iso19139
from uav_workflow.publication.record import Method

ORDER = {
    "MD_Metadata": "fileIdentifier language characterSet parentIdentifier hierarchyLevel hierarchyLevelName contact "
    "dateStamp metadataStandardName metadataStandardVersion dataSetURI locale spatialRepresentationInfo "
    "referenceSystemInfo metadataExtensionInfo identificationInfo contentInfo distributionInfo dataQualityInfo",
    "MD_DataIdentification": "citation abstract purpose credit status pointOfContact resourceMaintenance "
    "graphicOverview resourceFormat descriptiveKeywords resourceSpecificUsage resourceConstraints aggregationInfo "
    "spatialRepresentationType spatialResolution language characterSet topicCategory environmentDescription extent "
    "supplementalInformation",
    "CI_Citation": "title alternateTitle date edition editionDate identifier citedResponsibleParty presentationForm "
    "series otherCitationDetails",
    "CI_ResponsibleParty": "individualName organisationName positionName contactInfo role",
    "CI_Contact": "phone address onlineResource",
    "CI_Date": "date dateType",
    "PT_Locale": "languageCode country characterEncoding",
    "RS_Identifier": "authority code codeSpace version",
    "EX_Extent": "description geographicElement temporalElement verticalElement",
    "EX_GeographicBoundingBox": "extentTypeCode westBoundLongitude eastBoundLongitude southBoundLatitude "
    "northBoundLatitude",
    "MD_Keywords": "keyword type thesaurusName",
    "MD_LegalConstraints": "useLimitation accessConstraints useConstraints otherConstraints",
    "CI_OnlineResource": "linkage protocol applicationProfile name description function",
    "DQ_DataQuality": "scope report lineage",
    "LI_Lineage": "statement processStep source",
    "DQ_QuantitativeAttributeAccuracy": "nameOfMeasure measureIdentification measureDescription evaluationMethodType "
    "evaluationMethodDescription evaluationProcedure dateTime result",
    "DQ_QuantitativeResult": "valueType valueUnit errorStatistic value",
    "LI_ProcessStep": "description rationale dateTime processor source",
}
"""Children in the order of the schema of 2007 (gmd.xsd), of the elements that are written."""


def strings(tree: Any, path: str) -> list[str]:
    return [str(text) for text in tree.xpath(path, namespaces=NAMESPACES)]


@pytest.fixture
def full(tmp_path: Path) -> Any:
    record = records.full(tmp_path)
    method = Method(flight_id="20250705_one", kind="cover", text=("By NDVI.", "用NDVI。"))
    campaign = replace(record.campaign, publisher="Data centre", topics=("biota", "environment"))
    return etree.parse(write_iso19139(replace(record, campaign=campaign, methods=(method,)), tmp_path))


def test_a_catalogue_reads_it(full: Any) -> None:
    read = MD_Metadata(full.getroot())
    about = read.identification[0]
    box = about.bbox

    assert (read.identifier, read.hierarchy, read.datestamp) == ("meadow-2025", "dataset", "2026-08-01T09:00:00+00:00")
    assert about.title == "Long meadow, fractional vegetation cover, July 2025"
    assert about.abstract.startswith("Cover of a meadow & its edges. ")
    assert [float(side) for side in (box.minx, box.miny, box.maxx, box.maxy)] == [1.0, 43.0, 1.75, 43.5]
    assert {words.type: [word.name for word in words.keywords] for words in about.keywords} == {
        "theme": ["vegetation", "drone", "fvc"],
        "place": ["Long meadow", "meadow"],
    }
    assert (about.temporalextent_start, about.temporalextent_end) == (
        "2025-07-05T10:00:00+00:00",
        "2025-07-06T11:00:00+00:00",
    )
    assert about.topiccategory == ["biota", "environment"]
    assert about.otherconstraints == ["CC-BY-4.0"]
    assert (read.contact[0].name, read.contact[0].email) == ("Ada Example", "ada@example.org")
    assert [link.url for link in read.distribution.online] == ["maps/cover one.tif", "samples.csv"]
    assert (read.referencesystem.code, read.referencesystem.codeSpace) == ("32631", "EPSG")
    assert read.dataquality.lineage == "Flight 20250705_one: By NDVI."


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("//gmd:locale/gmd:PT_Locale/@id", ["zh"]),
        (
            "//gmd:CI_Citation/gmd:title//gmd:LocalisedCharacterString[@locale='#zh']/text()",
            ["长草甸植被覆盖度2025年7月"],
        ),
        (
            "//gmd:CI_ResponsibleParty[gmd:role/*/@codeListValue='author']/gmd:individualName/*/text()",
            ["Ada Example", "Bo Example"],
        ),
        ("//gmd:onlineResource//gmd:URL/text()", ["https://orcid.org/0000-0002-1825-0097"]),
        ("//gmd:nameOfMeasure/*/text()", ["RMSE of fvc (fvc) of flight 20250705_one"]),
        ("//gmd:evaluationMethodDescription/*/text()", ["quadrats, against 24 ground values of 2 sites"]),
        ("//gmd:DQ_QuantitativeResult/gmd:value/gco:Record/text()", ["0.06"]),
        ("//gmd:valueUnit/gml:UnitDefinition/gml:identifier/text()", ["1"]),
        ("//gmd:useConstraints/*/@codeListValue", ["license", "otherRestrictions"]),
        ("//gmd:LI_ProcessStep/gmd:dateTime/*/text()", ["2025-07-06T08:00:00+00:00", "2025-07-06T09:00:00+00:00"]),
        ("//gmd:distance/gco:Distance[@uom='m']/text()", ["0.05", "10", "20"]),
        ("//gmd:EX_Extent/gmd:description/*/text()", ["20250705_one", "20250706_two"]),
    ],
)
def test_fact(full: Any, path: str, expected: list[str]) -> None:
    assert strings(full, path) == expected


def test_elements_stand_in_the_order_of_the_schema(full: Any, tmp_path: Path) -> None:
    assert_in_order(full, ORDER)
    assert_in_order(etree.parse(write_iso19139(records.bare(tmp_path), tmp_path)), ORDER)


def test_what_is_lacking_is_missing_by_name(tmp_path: Path) -> None:
    bare = etree.parse(write_iso19139(records.bare(tmp_path), tmp_path))
    missing = bare.xpath("//*[@gco:nilReason='missing']", namespaces=NAMESPACES)
    assert [etree.QName(node).localname for node in missing] == ["contact", "title"]
    for absent in ("gmd:CI_ResponsibleParty", "gmd:MD_LegalConstraints", "gmd:dataQualityInfo"):
        assert strings(bare, f"//{absent}") == []


def test_a_contact_of_whom_there_is_but_an_address_has_no_name(tmp_path: Path) -> None:
    record = records.full(tmp_path)
    own = replace(record, campaign=replace(record.campaign, contact="desk@example.org"))
    tree = etree.parse(write_iso19139(own, tmp_path))
    contact = "/gmd:MD_Metadata/gmd:contact/gmd:CI_ResponsibleParty"
    assert strings(tree, f"{contact}/gmd:individualName/@gco:nilReason") == ["missing"]
    assert strings(tree, f"{contact}//gmd:electronicMailAddress/*/text()") == ["desk@example.org"]
