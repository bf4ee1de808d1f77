"""The plot table as a Darwin Core Archive: sampling events, and what was measured at each.

Terms: Darwin Core (https://dwc.tdwg.org/terms), the text guide's meta.xml (https://dwc.tdwg.org/text), and the Extended
Measurement Or Fact extension (https://rs.gbif.org/extension/obis/extended_measurement_or_fact.xml).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from uav_workflow.domain.campaign import Campaign
from uav_workflow.findings import Finding
from uav_workflow.plots.eml import NAME as EML
from uav_workflow.plots.eml import eml, eml_findings
from uav_workflow.plots.schema import REASONS, raised

if TYPE_CHECKING:
    import geopandas as gpd

_DWC, _OBIS = "http://rs.tdwg.org/dwc/terms/", "http://rs.iobis.org/obis/terms/"
WGS84 = "EPSG:4326"

EVENT_TERMS: Mapping[str, str] = {
    "eventID": _DWC,
    "parentEventID": _DWC,
    "eventType": _DWC,
    "eventDate": _DWC,
    "samplingProtocol": _DWC,
    "sampleSizeValue": _DWC,
    "sampleSizeUnit": _DWC,
    "locationID": _DWC,
    "locality": _DWC,
    "decimalLatitude": _DWC,
    "decimalLongitude": _DWC,
    "geodeticDatum": _DWC,
    "coordinateUncertaintyInMeters": _DWC,
    "footprintWKT": _DWC,
    "footprintSRS": _DWC,
    "eventRemarks": _DWC,
}
MEASUREMENT_TERMS: Mapping[str, str] = {
    "eventID": _DWC,
    "measurementID": _DWC,
    "measurementType": _DWC,
    "measurementValue": _DWC,
    "measurementAccuracy": _DWC,
    "measurementUnit": _DWC,
    "measurementDeterminedDate": _DWC,
    "measurementDeterminedBy": _DWC,
    "measurementMethod": _DWC,
    "measurementRemarks": _DWC,
}
_FILES = {
    "event.csv": (EVENT_TERMS, f"{_DWC}Event"),
    "extendedmeasurementorfact.csv": (MEASUREMENT_TERMS, f"{_OBIS}ExtendedMeasurementOrFact"),
}

Cells = Mapping[str, str]


def write_darwin_core(table: gpd.GeoDataFrame, folder: Path, campaign: Campaign) -> list[Finding]:
    """Write ``event.csv``, ``extendedmeasurementorfact.csv``, ``eml.xml`` and ``meta.xml``.

    A flight is an event; what it saw of a plot is an event below it; a day's work on a plot is an event of its own,
    written once however many flights it was matched with. The event of a plot that lies in a larger one names that as
    its parent, where it is there.

    Parameters
    ----------
    table : GeoDataFrame
        Plot table, of any CRS and any number of flights.
    folder : Path
        Existing folder.
    campaign : Campaign
        Who publishes the table, and under which terms.

    Returns
    -------
    list of Finding
        What the archive lacks because nobody said it.
    """
    rows = table.to_crs(WGS84)
    rows = rows.assign(event=[_event_id(row) for row in rows.to_dict("records")])
    events = [*_flights(rows), *_plots(rows)]
    _write(folder / "event.csv", EVENT_TERMS, events)
    _write(folder / "extendedmeasurementorfact.csv", MEASUREMENT_TERMS, list(_measurements(rows)))
    said = eml(rows, campaign, datetime.now(UTC).date())
    for name, document in ((EML, said), ("meta.xml", _meta())):
        ElementTree.ElementTree(document).write(folder / name, encoding="UTF-8", xml_declaration=True)
    return list(eml_findings(rows, campaign))


def _event_id(row: Mapping[str, Any]) -> str:
    place = f"{row['site_id']}:{row['plot_id']}" if _has(row["site_id"]) else str(row["plot_id"])
    if row["source"] == "drone":
        return f"{row['flight_id']}:{row['plot_id']}"
    return f"{place}:ground:{row['obs_datetime_utc'] if _has(row['obs_datetime_utc']) else 'undated'}"


def _flights(rows: Any) -> Iterator[Cells]:
    for flight, group in rows[rows["source"] == "drone"].groupby("flight_id", sort=True):
        first = group.iloc[0]
        yield {
            "eventID": str(flight),
            "eventType": "Survey",
            "eventDate": _text(first["flight_datetime_utc"]),
            "samplingProtocol": f"drone photogrammetry, uav-workflow {first['method_version']}",
            "locality": _text(first["site_id"]),
            "eventRemarks": _text(first["campaign"]),
        }


def _plots(rows: Any) -> Iterator[Cells]:
    from shapely import to_wkt

    firsts = rows.drop_duplicates("event")
    known = set(firsts["event"])
    centres = firsts.geometry.representative_point()
    for row, centre in zip(firsts.to_dict("records"), centres, strict=True):
        drone = row["source"] == "drone"
        above = _event_id({**row, "plot_id": row["parent_plot_id"]}) if _has(row["parent_plot_id"]) else ""
        placed = not row["geometry"].is_empty
        yield {
            "eventID": row["event"],
            "parentEventID": above if above in known else str(row["flight_id"]) if drone else "",
            "eventType": "Sample",
            "eventDate": _text(row["flight_datetime_utc" if drone else "obs_datetime_utc"]),
            "samplingProtocol": "maps of a drone flight, pixels weighted by their covered share"
            if drone
            else "on foot",
            "sampleSizeValue": _number(row["area_m2"]),
            "sampleSizeUnit": "square metre" if _has(row["area_m2"]) else "",
            "locationID": ":".join(_text(row[name]) for name in ("site_id", "plot_id") if _has(row[name])),
            "locality": _text(row["site_id"]),
            "decimalLatitude": f"{centre.y:.8f}" if placed else "",
            "decimalLongitude": f"{centre.x:.8f}" if placed else "",
            "geodeticDatum": WGS84 if placed else "",
            "coordinateUncertaintyInMeters": _reach(row),
            "footprintWKT": to_wkt(row["geometry"], rounding_precision=9) if placed else "",
            "footprintSRS": WGS84 if placed else "",
            "eventRemarks": "; ".join(_about(row)),
        }


def _reach(row: Mapping[str, Any]) -> str:
    """Radius of the circle that holds the plot, its position's error included; empty where that is not known."""
    error = row["offset_m"] if _has(row["offset_m"]) else row["pos_sigma_h_m"]
    if not _has(error) or not _has(row["area_m2"]):
        return ""
    # half the diagonal of a square of that area
    return f"{math.sqrt(float(row['area_m2']) / 2) + float(error):.2f}"


def _about(row: Mapping[str, Any]) -> Iterator[str]:
    if _has(row["fix_type"]):
        yield f"position by {row['fix_type']}"
    if _has(row["vegetation_class"]):
        yield f"class {row['vegetation_class']}"


def _measurements(rows: Any) -> Iterator[Cells]:
    """Every row of a flight, and every observation once, though it stands in the table of every flight near it."""
    same = ["event", "variable", "method", "value", "text", "operator"]
    # replicates of equal value are several measurements: the first of each flight is the same one, and so on
    rows = rows.assign(replicate=rows.groupby(["flight_id", *same], dropna=False).cumcount())
    ground = rows[rows["source"] == "ground"].drop_duplicates([*same, "replicate"])
    ground = ground.assign(number=ground.groupby(["event", "variable"]).cumcount())
    for row in rows[rows["source"] == "drone"].to_dict("records"):
        yield {**_measurement(row, f"{row['flight_id']}:{row['row_id']}"), "measurementRemarks": "; ".join(_notes(row))}
    for row in ground.to_dict("records"):
        yield _measurement(row, f"{row['event']}:{row['variable']}:{row['number']}")


def _measurement(row: Mapping[str, Any], name: str) -> dict[str, str]:
    return {
        "eventID": row["event"],
        "measurementID": name,
        "measurementType": row["variable"],
        "measurementValue": _text(row["text"]) or _number(row["value"]),
        "measurementAccuracy": _number(row["uncertainty"]),
        "measurementUnit": _text(row["unit"]),
        "measurementDeterminedDate": _text(
            row["flight_datetime_utc" if row["source"] == "drone" else "obs_datetime_utc"]
        ),
        "measurementDeterminedBy": _text(row["operator"]),
        "measurementMethod": _text(row["method"]),
    }


def _notes(row: Mapping[str, Any]) -> Iterator[str]:
    if _has(row["reason"]):
        yield f"no value: {REASONS.get(row['reason'], row['reason'])}"
    if _has(row["pi90_lo"]) and _has(row["pi90_hi"]):
        yield f"90 % prediction interval {_number(row['pi90_lo'])} to {_number(row['pi90_hi'])}"
    if _has(row["uncertainty"]):
        yield f"accuracy is {_text(row['uncertainty_type'])}"
    if _has(row["valid_fraction"]):
        yield f"measured share {float(row['valid_fraction']):.3f}"
    yield from raised(int(row["qc_flag"]))


def _write(path: Path, terms: Mapping[str, str], rows: Sequence[Cells]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(terms), restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _meta() -> ElementTree.Element:
    """Return the archive's description of its files (Darwin Core text guide)."""
    archive = ElementTree.Element("archive", xmlns="http://rs.tdwg.org/dwc/text/", metadata=EML)
    for name, (terms, kind) in _FILES.items():
        core = kind.endswith("Event")
        part = ElementTree.SubElement(
            archive,
            "core" if core else "extension",
            encoding="UTF-8",
            fieldsTerminatedBy=",",
            linesTerminatedBy="\\n",
            fieldsEnclosedBy='"',
            ignoreHeaderLines="1",
            rowType=kind,
        )
        ElementTree.SubElement(ElementTree.SubElement(part, "files"), "location").text = name
        ElementTree.SubElement(part, "id" if core else "coreid", index="0")
        for index, (term, namespace) in enumerate(terms.items()):
            ElementTree.SubElement(part, "field", index=str(index), term=namespace + term)
    return archive


def _has(value: object) -> bool:
    return str(value) not in ("", "None", "nan", "<NA>", "NaT")


def _text(value: object) -> str:
    return str(value) if _has(value) else ""


def _number(value: Any) -> str:
    return f"{float(value):.10g}" if _has(value) else ""
