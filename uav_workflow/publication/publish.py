"""A folder that a data centre can take: the hand-overs as they are, and everything that describes them."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from uav_workflow.errors import UsageError
from uav_workflow.findings import Finding, info, warning
from uav_workflow.publication.copies import Places, copy_handover
from uav_workflow.publication.crate import write_crate
from uav_workflow.publication.datacite import write_datacite
from uav_workflow.publication.folder import put_in_place, strange_file, write_checksums
from uav_workflow.publication.iso import write_iso
from uav_workflow.publication.iso19139 import write_iso19139
from uav_workflow.publication.page import write_pages
from uav_workflow.publication.quality_form import write_quality_form
from uav_workflow.publication.reading import chosen_flights, handed_over, read_record
from uav_workflow.publication.record import DATA, Record
from uav_workflow.publication.stac_catalog import write_catalog
from uav_workflow.submission.campaigns import campaign_of

WRITERS = (
    write_catalog,
    write_datacite,
    write_iso,
    write_iso19139,
    write_quality_form,
    write_pages,
    write_crate,
    write_checksums,
)
"""The crate may name what those before it wrote; the checksums are of everything."""


def publish(name: str, workspace: Path, out: Path, *, campaign: Path | None = None) -> tuple[Record, list[Finding]]:
    """Publish a flight or a campaign of a workspace into a folder.

    Parameters
    ----------
    name : str
        Flight id or its beginning, or the campaign that flight.yaml names.
    out : Path
        A new folder, or one that an earlier publication wrote and that this one replaces. A folder with any other
        file, or with one that was changed since, stays as it is.
    campaign : Path, optional
        campaign.yaml; the one the flights were run with when absent.

    Raises
    ------
    UsageError
        No such flight or campaign, no hand-over, or something else lies in ``out``.
    FlightDataError
        campaign.yaml can't be read.
    """
    flights = chosen_flights(workspace, name)
    products = handed_over(workspace, flights)
    if (strange := strange_file(out)) is not None:
        raise UsageError(f"{out} holds what no publication left there ({strange}); name a new folder")
    said, findings = campaign_of(flights, campaign)
    manifests = (product.manifest for made in products.values() for product in made.values())
    places = Places([str(workspace.resolve()), *(flight.folder for flight in flights)], manifests)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
        draft = Path(scratch) / "draft"
        for flight_id, made in products.items():
            copy_handover(made["handover"], draft / DATA / flight_id, places, said)
        record = read_record(name, flights, products, said, root=draft, places=places)
        for write in WRITERS:
            write(record, draft)
        findings += _paths_left(draft, places)
        put_in_place(draft, out, Path(scratch) / "old")
    findings += [*_unused_waivers(record), *_other_licences(record, out)]
    findings += [info("publication-field-missing", gap.field, "is not filled in", gap.where) for gap in record.missing]
    return record, findings


def _paths_left(draft: Path, places: Places) -> list[Finding]:
    """Files that still name a place on this machine: tables and rasters are published byte by byte."""
    return [
        warning(
            "publication-holds-a-path",
            path.relative_to(draft).as_posix(),
            "names a folder or file of this machine",
            "look into it before you give the publication away",
        )
        for path in sorted(draft.rglob("*"))
        if path.is_file() and places.left_in(path)
    ]


def _unused_waivers(record: Record) -> list[Finding]:
    """Waivers that meet no failed check: a typing error there would leave the check failed without a word."""
    waived = [check for check in record.checks if check.waived_by]
    return [
        warning(
            "waiver-unused",
            "campaign.yaml",
            f"the waiver of `{waiver.check}` by {waiver.by} meets no failed check",
            "copy the check's name from the quality form, or take the waiver out",
        )
        for waiver in record.campaign.waivers
        if not any(waiver.check == check.name and waiver.flight in (None, check.flight_id) for check in waived)
    ]


def _other_licences(record: Record, out: Path) -> list[Finding]:
    """Hand-overs whose catalog does not say the licence that is published: they were made before it was known."""
    licence = record.campaign.licence
    if not licence:
        return []
    return [
        warning(
            "handover-licence-differs",
            f"{DATA}/{flight.flight_id}/collection.json",
            f"the catalog does not state the licence {licence} of this publication",
            "`uav run` the flight again with this campaign.yaml (photogrammetry is not repeated), then publish",
        )
        for flight in record.flights
        if not _states(out / DATA / flight.flight_id / "collection.json", licence)
    ]


def _states(collection: Path, licence: str) -> bool:
    """Whether a catalog names the licence: as its own, or in words where it has no SPDX name."""
    document = json.loads(collection.read_text(encoding="utf-8"))
    return document.get("license") == licence or f"Licence: {licence}." in document.get("description", "")
