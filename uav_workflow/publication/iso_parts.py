"""Parts of ISO metadata whose elements are the same in both encodings but for their packages."""

from __future__ import annotations

from typing import Any

from uav_workflow.publication.record import PublishedFlight, Record
from uav_workflow.publication.sentences import keywords
from uav_workflow.publication.xml import Dialect


def extents(iso: Dialect, record: Record) -> list[Any]:
    """Where and when: of the whole, then of every flight where there are several."""
    flights = record.flights if len(record.flights) > 1 else ()
    parts = [_extent(iso, flight.flight_id, flight, f"period-{number}") for number, flight in enumerate(flights, 1)]
    return [_extent(iso, None, record, "period"), *parts]


def _extent(iso: Dialect, name: str | None, of: Record | PublishedFlight, gml_id: str) -> Any:
    west, south, east, north = of.bbox
    sides = {"westBoundLongitude": west, "eastBoundLongitude": east}
    sides |= {"southBoundLatitude": south, "northBoundLatitude": north}
    box = iso.node(
        "gex:EX_GeographicBoundingBox",
        *(iso.node(f"gex:{side}", iso.node("gco:Decimal", text=f"{value:.8f}")) for side, value in sides.items()),
    )
    period = iso.node(
        "gml:TimePeriod",
        iso.node("gml:beginPosition", text=of.start.isoformat()),
        iso.node("gml:endPosition", text=of.end.isoformat()),
        attributes={"gml:id": gml_id},
    )
    return iso.node(
        "mri:extent",
        iso.node(
            "gex:EX_Extent",
            iso.text("gex:description", name) if name else None,
            iso.node("gex:geographicElement", box),
            iso.node("gex:temporalElement", iso.node("gex:EX_TemporalExtent", iso.node("gex:extent", period))),
        ),
    )


def keyword_groups(iso: Dialect, record: Record) -> list[Any]:
    """Keywords by kind, those without any left out."""
    return [
        iso.node(
            "mri:descriptiveKeywords",
            iso.node(
                "mri:MD_Keywords",
                *(iso.text("mri:keyword", word, chinese=chinese) for word, chinese in words),
                iso.code("mri:type", "mri:MD_KeywordTypeCode", kind),
            ),
        )
        for kind, words in keywords(record)
        if words
    ]


def resolutions(iso: Dialect, record: Record) -> list[Any]:
    """How space is represented, and every cell and photo pixel, metres; nothing where there are none."""
    sizes = {cell for flight in record.flights for cell in flight.cells_m}
    sizes |= {flight.pixel_m for flight in record.flights if flight.pixel_m is not None}
    if not sizes:
        return []
    kind = iso.code("mri:spatialRepresentationType", "mcc:MD_SpatialRepresentationTypeCode", "grid")
    return [kind, *(_resolution(iso, size) for size in sorted(sizes))]


def _resolution(iso: Dialect, metres: float) -> Any:
    distance = iso.node("gco:Distance", text=f"{metres:g}", attributes={"uom": "m"})
    return iso.node("mri:spatialResolution", iso.node("mri:MD_Resolution", iso.node("mri:distance", distance)))


def legal_constraints(iso: Dialect, record: Record, spelt: str) -> Any | None:
    """Licence, if one is stated; ``spelt`` is its entry in the list of restrictions.

    The standard allows constraints in words beside the entry ``otherRestrictions`` alone.
    """
    if not record.campaign.licence:
        return None
    codes = [iso.code("mco:useConstraints", "mco:MD_RestrictionCode", kind) for kind in (spelt, "otherRestrictions")]
    words = iso.text("mco:otherConstraints", record.campaign.licence)
    return iso.node("mri:resourceConstraints", iso.node("mco:MD_LegalConstraints", *codes, words))


def reference_systems(iso: Dialect, record: Record, identifier: str) -> list[Any]:
    """Every CRS of the flights once; ``identifier`` is the element that holds authority and code."""
    found = []
    for crs in dict.fromkeys(flight.crs for flight in record.flights):
        authority, _, code = crs.rpartition(":")
        space = iso.text("mcc:codeSpace", authority) if authority else None
        named = iso.node("mrs:referenceSystemIdentifier", iso.node(identifier, iso.text("mcc:code", code), space))
        found.append(iso.node("mdb:referenceSystemInfo", iso.node("mrs:MD_ReferenceSystem", named)))
    return found


def distribution(iso: Dialect, record: Record) -> Any | None:
    """Every file, relative to the record; None where there is none."""
    if not record.files:
        return None
    links = [
        iso.node(
            "mrd:onLine",
            iso.node(
                "cit:CI_OnlineResource",
                iso.address("cit:linkage", file.name),
                iso.text("cit:name", file.title),
                iso.text("cit:description", f"{file.media_type}, {file.size} bytes, sha256 {file.sha256}"),
                iso.code("cit:function", "cit:CI_OnLineFunctionCode", "download"),
            ),
        )
        for file in record.files
    ]
    options = iso.node("mrd:transferOptions", iso.node("mrd:MD_DigitalTransferOptions", *links))
    return iso.node("mdb:distributionInfo", iso.node("mrd:MD_Distribution", options))
