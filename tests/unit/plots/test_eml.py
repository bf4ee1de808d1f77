"""eml.xml of the Darwin Core Archive: the profile's order, what was said, and what nobody said."""

from __future__ import annotations

import itertools
from datetime import date
from xml.etree.ElementTree import Element

import geopandas as gpd
import pytest
from shapely.geometry import box

from uav_workflow.domain.campaign import Campaign, Creator
from uav_workflow.plots.eml import eml, eml_findings
from uav_workflow.plots.schema import to_frame

ORDER = (
    *("title", "creator", "metadataProvider", "pubDate", "language", "abstract", "keywordSet", "additionalInfo"),
    *("intellectualRights", "coverage", "contact", "methods"),
)
"""Of the GBIF profile, as far as the project writes it."""
DEMANDED = set(ORDER) - {"keywordSet", "additionalInfo"}
SAID = Campaign(
    title="Plants & soil",
    place="Arou",
    description="Cover of plots.",
    creators=(Creator(name="Li Wei", orcid="0000-0002-1825-0097", affiliation="Institute"), Creator(name="Survey")),
    contact="li@institute.org",
    licence="CC-BY-4.0",
    funding=("Fund 7",),
    keywords=("cover",),
    citation="Li 2026",
)


@pytest.fixture
def table() -> gpd.GeoDataFrame:
    ways = (
        ("drone", "a_star_otsu", "2026-07-24T04:00:00+00:00", None),
        ("ground", "quadrat", "2026-07-24T04:00:00+00:00", "2026-07-20"),
    )
    rows = [
        {
            "row_id": number,
            "plot_id": "A",
            "site_id": "ridge",
            "flight_id": "f1",
            "flight_datetime_utc": flown,
            "obs_datetime_utc": seen,
            "variable": "fvc_green",
            "value": 0.5,
            "source": source,
            "method": method,
            "method_version": "1.2",
            "qc_flag": 0,
            "crs": "EPSG:4326",
            "geometry": box(100.1, 37.5, 100.2, 37.7),
        }
        for number, (source, method, flown, seen) in enumerate(ways)
    ]
    return to_frame(rows, "EPSG:4326")


def dataset(table: gpd.GeoDataFrame, campaign: Campaign) -> Element:
    found = eml(table, campaign, date(2026, 8, 1)).find("dataset")
    assert found is not None
    return found


@pytest.mark.parametrize("campaign", [SAID, Campaign()])
def test_elements_stand_in_the_order_of_the_profile(table: gpd.GeoDataFrame, campaign: Campaign) -> None:
    names = [name for name, _ in itertools.groupby(element.tag for element in dataset(table, campaign))]
    assert names == [name for name in ORDER if name in names]
    assert set(names) >= DEMANDED


def test_says_what_the_campaign_says(table: gpd.GeoDataFrame) -> None:
    found = dataset(table, SAID)
    assert found.findtext("title") == "Plants & soil"
    person, organisation = found.findall("creator")
    assert [part.tag for part in person] == ["individualName", "organizationName", "userId"]
    assert person.findtext("individualName/surName") == "Li Wei"
    assert organisation.findtext("organizationName") == "Survey"
    assert found.findtext("contact/electronicMailAddress") == "li@institute.org"
    link = found.find("intellectualRights/para/ulink")
    assert link is not None
    assert link.get("url") == "https://creativecommons.org/licenses/by/4.0/legalcode"
    assert found.findtext("pubDate") == "2026-08-01"
    assert [finding.code for finding in eml_findings(table, SAID)] == ["creator-kind-unknown"]


def test_coverage_and_methods_come_from_the_table(table: gpd.GeoDataFrame) -> None:
    found = dataset(table, SAID)
    sides = [float(str(side.text)) for side in found.findall("coverage/geographicCoverage/boundingCoordinates/*")]
    assert sides == pytest.approx([100.1, 100.2, 37.7, 37.5])
    days = [day.text for day in found.findall("coverage/temporalCoverage/rangeOfDates/*/calendarDate")]
    assert days == ["2026-07-20", "2026-07-24"]
    drone, ground = (str(step.text) for step in found.findall("methods/methodStep/description/para"))
    assert "a_star_otsu (uav-workflow 1.2)" in drone
    assert "on foot, by the method quadrat." in ground


def test_what_nobody_said_is_not_invented(table: gpd.GeoDataFrame) -> None:
    found = dataset(table, Campaign())
    for path in ("title", "creator/*", "metadataProvider/*", "abstract/para", "intellectualRights/para", "contact/*"):
        assert found.findtext(path) == "not stated"
    findings = list(eml_findings(table, Campaign()))
    assert {finding.code for finding in findings} == {"eml-field-missing"}
    keys = ("title", "creators", "contact", "description", "licence", "place")
    assert [f"`{key}: " in finding.hint for key, finding in zip(keys, findings, strict=True)] == [True] * 6


@pytest.mark.parametrize("contact", ["Li Wei, li@institute.org", "li@institute", "the herbarium"])
def test_a_contact_in_words_is_taken_for_no_address(table: gpd.GeoDataFrame, contact: str) -> None:
    campaign = Campaign(contact=contact, licence="ask us")
    party = dataset(table, campaign).find("contact")
    assert party is not None
    assert [(part.tag, part.text) for part in party] == [("positionName", contact)]
    assert {"contact-in-words", "licence-not-gbif"} <= {finding.code for finding in eml_findings(table, campaign)}


def test_a_table_without_places_and_dates_has_no_coverage(table: gpd.GeoDataFrame) -> None:
    bare = table.assign(flight_datetime_utc=None, obs_datetime_utc=None).set_geometry([box(0, 0, 0, 0).buffer(0)] * 2)
    assert dataset(bare, SAID).find("coverage") is None
    assert [finding.code for finding in eml_findings(bare, SAID)].count("eml-field-missing") == 2
