"""A campaign: what is said of all its flights when they are published."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Creator:
    """A person or organisation to be cited."""

    name: str
    orcid: str | None = None
    affiliation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A failed check that somebody answers for.

    Attributes
    ----------
    check : str
        The check's name, as the quality form has it.
    flight : str or None
        Flight id; every flight when None.
    """

    check: str
    by: str
    reason: str
    flight: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """What campaign.yaml says; everything optional.

    Attributes
    ----------
    topics : tuple of str
        Topic categories of ISO 19115.
    published : datetime or None
        Aware; when the data were, or will be, open to others for the first time.
    """

    title: str | None = None
    title_zh: str | None = None
    place: str | None = None
    place_zh: str | None = None
    description: str | None = None
    description_zh: str | None = None
    creators: tuple[Creator, ...] = ()
    contact: str | None = None
    funding: tuple[str, ...] = ()
    licence: str | None = None
    keywords: tuple[str, ...] = ()
    keywords_zh: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    citation: str | None = None
    publisher: str | None = None
    published: datetime | None = None
    waivers: tuple[Waiver, ...] = ()
