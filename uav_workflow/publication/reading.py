"""A record from what runs left in a workspace: manifests, hand-overs, matches, gates."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from uav_workflow.domain.campaign import Campaign
from uav_workflow.domain.product import Product
from uav_workflow.errors import UsageError
from uav_workflow.publication.checks import checks_of
from uav_workflow.publication.copies import Places
from uav_workflow.publication.files import published_files
from uav_workflow.publication.methods import methods_of
from uav_workflow.publication.missing import missing_fields
from uav_workflow.publication.record import PublishedFlight, Record, Step, Validation
from uav_workflow.publication.titles import titles
from uav_workflow.store import Address, Store
from uav_workflow.submission.registry import FlightRecord, Registry

STATISTICS = ("r2", "rmse", "rrmse_percent", "bias", "ccc", "pi90_coverage")
"""Columns of match.csv that the quality form prints."""


def chosen_flights(workspace: Path, name: str) -> list[FlightRecord]:
    """Flights of a workspace by flight id (or its beginning), else by the campaign that flight.yaml names.

    Raises
    ------
    UsageError
        Nothing, or more than one flight, answers to the name.
    """
    known = list(Registry(workspace))
    flights = [record for record in known if name and record.flight_id.startswith(name)]
    if len(flights) == 1:
        return flights
    if len(flights) > 1:
        raise UsageError(
            f"{name}: {len(flights)} flights begin so ({', '.join(r.flight_id for r in flights)}); say more"
        )
    if members := [record for record in known if name and record.campaign == name]:
        return members
    campaigns = sorted({record.campaign for record in known if record.campaign})
    raise UsageError(
        f"{name!r}: no flight and no campaign of {workspace}; "
        f"flights: {', '.join(record.flight_id for record in known) or 'none'}; "
        f"campaigns: {', '.join(campaigns) or 'none'}"
    )


def handed_over(workspace: Path, flights: Sequence[FlightRecord]) -> Mapping[str, Mapping[str, Product]]:
    """Current products of every flight, each with a hand-over, and what they were made of, in the order of making.

    Raises
    ------
    UsageError
        A flight has none.
    """
    store = Store(workspace)
    products = {record.flight_id: store.latest(record.flight_id) for record in flights}
    for flight_id, made in products.items():
        if "handover" not in made or made["handover"].not_made is not None:
            raise UsageError(
                f"flight {flight_id} has no hand-over in {workspace}; `uav run` its folder to the end first"
            )
    return {owner: _with_upstream(store, owner, made) for owner, made in products.items()}


def _with_upstream(store: Store, owner: str, made: Mapping[str, Product]) -> dict[str, Product]:
    """Products and everything upstream of them: ``latest.json`` names what people are given, not what it stands on."""
    found: dict[str, Product] = {}

    def take(product: Product) -> None:
        upstream: Any = product.manifest.get("upstream", {})
        for kind, fingerprint in upstream.items():
            below = made.get(kind) or store.find(Address(owner=owner, kind=kind, fingerprint=fingerprint))
            if kind not in found and below is not None:
                take(below)
        found[product.kind] = product

    for product in made.values():
        if product.kind not in found:
            take(product)
    return found


def read_record(
    name: str,
    flights: Sequence[FlightRecord],
    products: Mapping[str, Mapping[str, Product]],
    campaign: Campaign,
    *,
    root: Path,
    places: Places,
) -> Record:
    """Record of flights whose hand-overs already lie below ``root / "data" / flight id``, without `places`."""
    published = tuple(_flight(flight, products[flight.flight_id]) for flight in flights)
    title, title_zh = titles(campaign, published)
    return Record(
        identifier=flights[0].flight_id if len(flights) == 1 else "-".join(name.lower().split()),
        title=title,
        title_zh=title_zh,
        campaign=campaign,
        created=datetime.now(UTC).replace(microsecond=0),
        root=root,
        flights=published,
        files=tuple(published_files(root)),
        steps=tuple(
            step for flight in flights for step in _steps(flight.flight_id, products[flight.flight_id], places)
        ),
        checks=tuple(check for owner, made in products.items() for check in checks_of(owner, made, campaign)),
        validations=tuple(row for flight_id, made in products.items() for row in _validations(flight_id, made)),
        methods=tuple(method for owner, made in products.items() for method in methods_of(owner, made)),
        missing=tuple(missing_fields(campaign)),
        software={"uav-workflow": version("uav-workflow")},
    )


def _flight(flight: FlightRecord, made: Mapping[str, Product]) -> PublishedFlight:
    handover = made["handover"]
    collection = json.loads(handover.file("collection.json").read_text(encoding="utf-8"))
    west, south, east, north = collection["extent"]["spatial"]["bbox"][0]
    start, end = map(datetime.fromisoformat, collection["extent"]["temporal"]["interval"][0])
    grids: list[Any] = [fact for fact in handover.facts.values() if isinstance(fact, dict) and "grid" in fact]
    first: dict[str, Any] = grids[0]["grid"] if grids else {}
    return PublishedFlight(
        flight_id=flight.flight_id,
        site=flight.site,
        start=start,
        end=end if end > start else start + _duration(made.get("reconstruction")),
        bbox=(west, south, east, north),
        crs=str(first.get("crs", "EPSG:4326")),
        cells_m=tuple(sorted({float(fact["grid"]["pixel_m"]) for fact in grids})),
        sensor=flight.sensor,
        photos=flight.captures,
        pixel_m=flight.gsd_m,
        zone_known=all(finding.code != "handover-time-unknown" for finding in handover.findings),
        variables=tuple(dict.fromkeys(key for fact in grids for key, cells in fact.items() if "cells" in cells)),
    )


def _duration(reconstruction: Product | None) -> timedelta:
    """From the first to the last photo that was placed: a hand-over knows the moment a flight began alone."""
    shots = reconstruction.file("shots.geojson") if reconstruction else None
    if shots is None or not shots.is_file():
        return timedelta()
    features = json.loads(shots.read_text(encoding="utf-8"))["features"]
    times = [row["properties"].get("capture_time") for row in features]
    known = [float(time) for time in times if time]
    return timedelta(seconds=max(known) - min(known)) if known else timedelta()


def _steps(flight_id: str, made: Mapping[str, Product], places: Places) -> Iterator[Step]:
    for kind, product in made.items():
        manifest: Any = product.manifest
        parameters: Any = places.cut(manifest.get("parameters", {}))
        names: dict[str, str] = {}
        for row in manifest.get("inputs", ()):
            count = sum(name.partition(" ")[0] == row["role"] for name in names)
            names[row["role"] if count == 0 else f"{row['role']} {count + 1}"] = row["sha256"]
        yield Step(
            flight_id=flight_id,
            kind=kind,
            fingerprint=product.fingerprint,
            created=datetime.fromisoformat(manifest["created_utc"]),
            parameters=parameters,
            inputs=names,
            upstream=manifest.get("upstream", {}),
            packages=manifest.get("packages", {}),
        )


def _validations(flight_id: str, made: Mapping[str, Product]) -> Iterator[Validation]:
    """Rows of match.csv that compare a plot with its own ground value."""
    import pandas as pd

    if "match" not in made or not (path := made["match"].file("match.csv")).is_file():
        return
    for row in pd.read_csv(path).query("level == 'own'").to_dict("records"):
        figures = {name: float(row[name]) for name in STATISTICS if name in row and pd.notna(row[name])}
        yield Validation(
            flight_id=flight_id,
            variable=str(row["variable"]),
            unit=str(row["unit"]),
            method=str(row["method"]),
            n=int(row["n"]),
            sites=int(row["n_sites"]),
            figures=figures,
        )
