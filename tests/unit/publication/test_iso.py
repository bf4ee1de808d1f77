"""ISO 19115-3: every fact of the record read back, nothing invented where it lacks one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import format_records as records
import pytest
from iso_order import assert_in_order
from lxml import etree
from owslib.iso3 import MD_Metadata

from uav_workflow.publication.iso import NAMESPACES, write_iso
from uav_workflow.publication.record import Method

ORDER = {
    "MD_Metadata": "metadataIdentifier defaultLocale parentMetadata metadataScope contact dateInfo metadataStandard "
    "metadataProfile alternativeMetadataReference otherLocale metadataLinkage spatialRepresentationInfo "
    "referenceSystemInfo metadataExtensionInfo identificationInfo contentInfo distributionInfo dataQualityInfo "
    "resourceLineage",
    "MD_DataIdentification": "citation abstract purpose credit status pointOfContact spatialRepresentationType "
    "spatialResolution temporalResolution topicCategory extent additionalDocumentation processingLevel "
    "resourceMaintenance graphicOverview resourceFormat descriptiveKeywords resourceSpecificUsage resourceConstraints "
    "associatedResource defaultLocale otherLocale",
    "CI_Citation": "title alternateTitle date edition editionDate identifier citedResponsibleParty presentationForm "
    "series otherCitationDetails",
    "CI_Responsibility": "role extent party",
    "CI_Individual": "name contactInfo partyIdentifier positionName",
    "CI_Organisation": "name contactInfo partyIdentifier logo individual",
    "MD_Identifier": "authority code codeSpace version description",
    "CI_Date": "date dateType",
    "PT_Locale": "language country characterEncoding",
    "EX_Extent": "description geographicElement temporalElement verticalElement",
    "EX_GeographicBoundingBox": "extentTypeCode westBoundLongitude eastBoundLongitude southBoundLatitude "
    "northBoundLatitude",
    "MD_Keywords": "keyword type thesaurusName",
    "MD_LegalConstraints": "accessConstraints useConstraints otherConstraints",
    "CI_OnlineResource": "linkage protocol applicationProfile name description function",
    "LI_Lineage": "statement scope additionalDocumentation source processStep",
    "LI_ProcessStep": "description rationale stepDateTime",
    "DQ_DataQuality": "scope standaloneQualityReport report",
    "DQ_QuantitativeAttributeAccuracy": "standaloneQualityReportDetails measure evaluationMethod result derivedElement",
    "DQ_QuantitativeResult": "dateTime resultScope value valueUnit valueRecordType",
}
"""Children in the order of the schemas of ISO 19115-3, of the elements that are written."""
TITLE = "//mri:citation/cit:CI_Citation/cit:title"


@pytest.fixture
def full(tmp_path: Path) -> Any:
    return etree.parse(write_iso(records.full(tmp_path), tmp_path))


@pytest.fixture
def bare(tmp_path: Path) -> Any:
    return etree.parse(write_iso(records.bare(tmp_path), tmp_path))


def strings(tree: Any, path: str) -> list[str]:
    return [str(text) for text in tree.xpath(path, namespaces=NAMESPACES)]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/mdb:MD_Metadata/mdb:metadataIdentifier//gco:CharacterString/text()", ["meadow-2025"]),
        ("/mdb:MD_Metadata/mdb:defaultLocale//lan:LanguageCode/@codeListValue", ["eng"]),
        ("/mdb:MD_Metadata/mdb:otherLocale/lan:PT_Locale/@id", ["zh"]),
        (f"{TITLE}//lan:LocalisedCharacterString[@locale='#zh']/text()", ["长草甸植被覆盖度2025年7月"]),
        ("//mri:topicCategory/mri:MD_TopicCategoryCode/text()", ["imageryBaseMapsEarthCover"]),
        ("//mdq:nameOfMeasure/*/text()", ["RMSE of fvc (fvc) of flight 20250705_one"]),
        ("//mdq:evaluationMethodDescription/*/text()", ["quadrats, against 24 ground values of 2 sites"]),
        ("//mdq:DQ_QuantitativeResult/mdq:value/gco:Record/text()", ["0.06"]),
        ("//mdq:valueUnit/gml:UnitDefinition/gml:identifier[@codeSpace='http://unitsofmeasure.org']/text()", ["1"]),
        ("//mco:useConstraints/mco:MD_RestrictionCode/@codeListValue", ["licence", "otherRestrictions"]),
        ("//mri:credit/gco:CharacterString/text()", ["Grant 42"]),
        ("//mri:distance/gco:Distance[@uom='m']/text()", ["0.05", "10", "20"]),
        ("//mrs:MD_ReferenceSystem//mcc:code/gco:CharacterString/text()", ["32631"]),
        ("//mrs:MD_ReferenceSystem//mcc:codeSpace/gco:CharacterString/text()", ["EPSG"]),
        ("//mco:otherConstraints/gco:CharacterString/text()", ["CC-BY-4.0"]),
        ("//cit:citedResponsibleParty//cit:CI_Individual/cit:name/*/text()", ["Ada Example", "Bo Example"]),
        ("//cit:partyIdentifier//mcc:code/*/text()", ["0000-0002-1825-0097"]),
        ("/mdb:MD_Metadata/mdb:contact//cit:electronicMailAddress/*/text()", ["ada@example.org"]),
        ("//cit:CI_Organisation/cit:name/*/text()", ["Institute of Meadows"]),
        ("//mri:extent[1]//gml:beginPosition/text()", ["2025-07-05T10:00:00+00:00"]),
        ("//mri:extent[1]//gml:endPosition/text()", ["2025-07-06T11:00:00+00:00"]),
        ("//gex:EX_Extent/gex:description/*/text()", ["20250705_one", "20250706_two"]),
        ("//mrl:LI_ProcessStep//gml:timePosition/text()", ["2025-07-06T08:00:00+00:00", "2025-07-06T09:00:00+00:00"]),
    ],
)
def test_fact(full: Any, path: str, expected: list[str]) -> None:
    assert strings(full, path) == expected


def test_lineage_has_parameters_inputs_and_versions(full: Any) -> None:
    first, second = strings(full, "//mrl:processStep//mrl:description/gco:CharacterString/text()")

    for fact in ('"pixel_m": 0.05', "Input files: 2.", "numpy 2.4.6", "fingerprint f1"):
        assert fact in first
    assert "Made from ortho f1, reflectance f0." in second
    assert "Parameters" not in second


def test_a_catalogue_reads_it(full: Any) -> None:
    read = MD_Metadata(full.getroot())
    about = read.identification[0]
    box = about.bbox

    assert read.identifier == "meadow-2025"
    assert about.title == "Long meadow, fractional vegetation cover, July 2025"
    assert [float(side) for side in (box.minx, box.miny, box.maxx, box.maxy)] == [1.0, 43.0, 1.75, 43.5]
    assert {words.type: [word.name for word in words.keywords] for words in about.keywords} == {
        "theme": ["vegetation", "drone", "fvc"],
        "place": ["Long meadow", "meadow"],
    }
    assert (read.contact[0].name, read.contact[0].role) == ("Ada Example", "pointOfContact")
    assert [link.url for link in read.distribution.online] == ["maps/cover one.tif", "samples.csv"]


def test_what_is_lacking_is_missing_by_name(bare: Any) -> None:
    missing = bare.xpath("//*[@gco:nilReason='missing']", namespaces=NAMESPACES)

    assert [etree.QName(node).localname for node in missing] == ["contact", "title"]
    assert all(len(node) == 0 and not node.text for node in missing)
    parts = ("mdb:distributionInfo", "mdb:dataQualityInfo", "mdb:resourceLineage")
    for absent in ("cit:CI_Responsibility", "mco:MD_LegalConstraints", *parts):
        assert strings(bare, f"//{absent}") == []


def test_the_abstract_says_what_when_how_and_how_well(full: Any) -> None:
    (english,) = strings(full, "//mri:abstract/gco:CharacterString/text()")
    (chinese,) = strings(full, "//mri:abstract//lan:LocalisedCharacterString/text()")
    assert english.startswith("Cover of a meadow & its edges. Fvc from 2 drone flights on 2025-07-05/2025-07-06: ")
    assert "against 24 ground values of 2 sites: RMSE 0.06." in english
    assert "24组地面实测值" in chinese


def test_the_topic_follows_from_the_variables_or_the_campaign(tmp_path: Path) -> None:
    record = records.full(tmp_path)
    mapped = replace(record, flights=tuple(replace(flight, variables=("fvc_green",)) for flight in record.flights))
    own = replace(mapped, campaign=replace(record.campaign, topics=("farming",)))
    topics = "//mri:MD_TopicCategoryCode/text()"
    assert strings(etree.parse(write_iso(mapped, tmp_path)), topics) == ["biota", "imageryBaseMapsEarthCover"]
    assert strings(etree.parse(write_iso(own, tmp_path)), topics) == ["farming"]


def test_methods_and_publisher_are_said(tmp_path: Path) -> None:
    record = records.full(tmp_path)
    method = Method(flight_id="20250705_one", kind="cover", text=("By NDVI.", "用NDVI。"))
    own = replace(record, methods=(method,), campaign=replace(record.campaign, publisher="Data centre"))
    tree = etree.parse(write_iso(own, tmp_path))
    assert strings(tree, "//mrl:statement/gco:CharacterString/text()") == ["Flight 20250705_one: By NDVI."]
    assert strings(tree, "//mrl:statement//lan:LocalisedCharacterString/text()") == ["20250705_one架次：用NDVI。"]
    publisher = "//cit:CI_Responsibility[cit:role/*/@codeListValue='publisher']//cit:CI_Organisation/cit:name/*/text()"
    assert strings(tree, publisher) == ["Data centre"]


@pytest.mark.parametrize("make", [records.full, records.bare])
def test_elements_stand_in_the_order_of_the_schema(make: Any, tmp_path: Path) -> None:
    assert_in_order(etree.parse(write_iso(make(tmp_path), tmp_path)), ORDER)


def test_ids_are_unique(full: Any) -> None:
    ids = strings(full, "//@gml:id | //@id")

    assert len(ids) == len(set(ids)) > 4
