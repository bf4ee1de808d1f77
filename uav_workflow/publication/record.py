"""What is published, as facts: every page and every metadata format is written from this and from nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from uav_workflow.domain.campaign import Campaign
from uav_workflow.domain.product import Json
from uav_workflow.publication.themes import topics_of

DATA = "data"
"""Folder of a publication that holds the hand-overs, one folder a flight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFile:
    """A file of the published folder.

    Attributes
    ----------
    name : str
        Path below the folder, with slashes.
    sha256 : str
        Hexadecimal.
    """

    name: str
    title: str
    media_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One process step of the lineage: a product and how it was made.

    Attributes
    ----------
    inputs : mapping
        File name to sha256, as the manifest has them.
    upstream : mapping
        Kind of product to fingerprint.
    packages : mapping
        Name to version.
    """

    flight_id: str
    kind: str
    fingerprint: str
    created: datetime
    parameters: Mapping[str, Json]
    inputs: Mapping[str, str]
    upstream: Mapping[str, str]
    packages: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """How products of one kind were made.

    Attributes
    ----------
    text : (str, str)
        In English and Chinese.
    """

    flight_id: str
    kind: str
    text: tuple[str, str]


class Verdict(StrEnum):
    """How a check of the quality form ended."""

    PASSED = "passed"
    FAILED = "failed"
    WAIVED = "waived"
    NOT_MADE = "not made"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A line of the quality form.

    Attributes
    ----------
    name : str
        As a waiver calls it.
    value, bound : str
        As they are printed, with unit; empty where there is none.
    where : str
        Picture to blame, where there is one.
    count : int
        Bands or pictures whose passed checks this line stands for; it is the one nearest to its bound.
    waived_by, reason : str or None
        Who took the responsibility for a failed check, and why; both, or neither.
    """

    flight_id: str
    group: str
    name: str
    value: str
    bound: str
    verdict: Verdict
    waived_by: str | None = None
    reason: str | None = None
    where: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """A variable of one flight against ground measurements.

    Attributes
    ----------
    n : int
        Pairs of a drone's and a ground value.
    figures : mapping
        Name of a statistic (r2, rmse, bias ...) to its value in `unit`.
    """

    flight_id: str
    variable: str
    unit: str
    method: str
    n: int
    sites: int
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFlight:
    """One flight: where, when, with what.

    Attributes
    ----------
    bbox : (west, south, east, north)
        Degrees, WGS84.
    cells_m : tuple of float
        Sides of the cells of its maps, metres.
    pixel_m : float or None
        Ground sampling distance of the photos.
    zone_known : bool
        False where `start` and `end` are every moment that the flight's local date can mean.
    """

    flight_id: str
    site: str
    start: datetime
    end: datetime
    bbox: tuple[float, float, float, float]
    crs: str
    cells_m: tuple[float, ...]
    sensor: str | None = None
    photos: int | None = None
    pixel_m: float | None = None
    variables: tuple[str, ...] = ()
    zone_known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A field that a data centre reviews and that nobody has filled in.

    Attributes
    ----------
    field : str
        As the page calls it, such as ``licence``.
    where : str
        What to write, and in which file.
    """

    field: str
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A flight or a campaign as it is published.

    Attributes
    ----------
    identifier : str
        Flight id, or the campaign's name in lower case with hyphens.
    title, title_zh : str or None
        Place + theme + time; None where the place is not known.
    campaign : Campaign
        Empty where there is no campaign.yaml.
    root : Path
        The published folder, which holds `files`.
    """

    identifier: str
    title: str | None
    title_zh: str | None
    campaign: Campaign
    created: datetime
    root: Path
    flights: tuple[PublishedFlight, ...]
    files: tuple[PublishedFile, ...]
    steps: tuple[Step, ...]
    checks: tuple[Check, ...] = ()
    validations: tuple[Validation, ...] = ()
    methods: tuple[Method, ...] = ()
    missing: tuple[Missing, ...] = ()
    software: Mapping[str, str] = field(default_factory=dict)

    @property
    def bbox(self) -> tuple[float, float, float, float]:
        """West, south, east, north of all flights; degrees, WGS84."""
        west, south, east, north = zip(*(flight.bbox for flight in self.flights), strict=True)
        return min(west), min(south), max(east), max(north)

    @property
    def variables(self) -> tuple[str, ...]:
        """Variables that were mapped or compared with the ground."""
        mapped = [name for flight in self.flights for name in flight.variables]
        return tuple(dict.fromkeys([*mapped, *(row.variable for row in self.validations)]))

    @property
    def topics(self) -> tuple[str, ...]:
        """Topic categories of ISO 19115: the campaign's, else those that follow from the variables."""
        return self.campaign.topics or topics_of(self.variables)

    @property
    def start(self) -> datetime:
        """First moment of the first flight."""
        return min(flight.start for flight in self.flights)

    @property
    def end(self) -> datetime:
        """Last moment of the last flight."""
        return max(flight.end for flight in self.flights)
