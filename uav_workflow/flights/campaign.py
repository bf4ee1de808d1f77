"""campaign.yaml: who publishes the flights of a campaign, and under which terms."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from uav_workflow.domain.campaign import Campaign, Creator, Waiver
from uav_workflow.findings import Finding, error, info, warning
from uav_workflow.flights.text import read_text

TOPICS = (
    "farming",
    "biota",
    "boundaries",
    "climatologyMeteorologyAtmosphere",
    "economy",
    "elevation",
    "environment",
    "geoscientificInformation",
    "health",
    "imageryBaseMapsEarthCover",
    "intelligenceMilitary",
    "inlandWaters",
    "location",
    "oceans",
    "planningCadastre",
    "society",
    "structure",
    "transportation",
    "utilitiesCommunication",
)
"""MD_TopicCategoryCode of ISO 19115."""
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})")
_LISTS = ("funding", "keywords", "keywords_zh", "topics")


class _Person(BaseModel):
    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)
    name: str
    orcid: str | None = None
    affiliation: str | None = None


class _Waiver(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, str_min_length=1)
    check: str
    by: str
    reason: str
    flight: str | None = None


class _CampaignFile(BaseModel):
    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)
    title: str | None = None
    title_zh: str | None = None
    place: str | None = None
    place_zh: str | None = None
    description: str | None = None
    description_zh: str | None = None
    creators: list[_Person] = []
    contact: str | None = None
    funding: list[str] = []
    licence: str | None = None
    keywords: list[str] = []
    keywords_zh: list[str] = []
    topics: list[str] = []
    citation: str | None = None
    publisher: str | None = None
    published: datetime | None = None
    waivers: list[_Waiver] = []

    @field_validator("funding", "keywords", "keywords_zh", "topics", mode="before")
    @classmethod
    def _as_list(cls, value: object) -> object:
        return [part.strip() for part in re.split("[,，、]", value)] if isinstance(value, str) else value

    @field_validator("topics")
    @classmethod
    def _known_topics(cls, value: list[str]) -> list[str]:
        unknown = [topic for topic in value if topic not in TOPICS]
        if unknown:
            raise ValueError(f"no topic category of ISO 19115: {', '.join(unknown)}; there are {', '.join(TOPICS)}")
        return value

    @field_validator("published", mode="before")
    @classmethod
    def _a_moment(cls, value: object) -> object:
        # a bare number would be read as seconds since 1970, a bare day as its midnight
        if not isinstance(value, str) or not _MOMENT.fullmatch(value.strip()):
            raise ValueError("is no moment with its zone, such as 2026-09-01T08:00:00+08:00")
        return value

    @field_validator("creators", mode="before")
    @classmethod
    def _as_people(cls, value: object) -> object:
        people = value if isinstance(value, list) else [value]
        return [{"name": person} if isinstance(person, str) else person for person in people]


def read_campaign(path: Path, where: str) -> tuple[Campaign | None, list[Finding]]:
    """Campaign of a YAML file.

    ``place: {en: …, zh: …}`` is read too, and so are title, description and keywords. Findings:
    ``campaign-yaml-invalid`` (error), ``unknown-key``, ``orcid-invalid``.
    """
    text = read_text(path, where)
    findings = list(text.findings)
    try:
        document = yaml.load("\n".join(text.lines), Loader=yaml.BaseLoader) or {}
        if not isinstance(document, dict):
            raise ValueError("holds no `key: value` lines")
        document = _flat(document)
        entry = _CampaignFile.model_validate(document)
    except (yaml.YAMLError, ValidationError, ValueError) as exc:
        message = " ".join(str(exc).split())
        return None, [*findings, error("campaign-yaml-invalid", where, message, "correct the file")]
    unknown = [key for key in document if key not in _CampaignFile.model_fields]
    findings += [info("unknown-key", where, f"key `{key}` is not known and not used") for key in unknown]
    findings += [
        warning("orcid-invalid", where, f"ORCID {person.orcid} of {person.name} is wrong", "copy it from orcid.org")
        for person in entry.creators
        if person.orcid and not orcid_is_valid(person.orcid)
    ]
    return _campaign(entry), findings


def _campaign(entry: _CampaignFile) -> Campaign:
    lists: dict[str, Any] = {name: tuple(getattr(entry, name)) for name in _LISTS}
    return Campaign(
        **entry.model_dump(exclude={"creators", "waivers", *_LISTS}),
        **lists,
        creators=tuple(Creator(**person.model_dump()) for person in entry.creators),
        waivers=tuple(Waiver(**waiver.model_dump()) for waiver in entry.waivers),
    )


def orcid_is_valid(orcid: str) -> bool:
    """Whether the check digit fits (ISO 7064 MOD 11-2)."""
    digits = re.sub(r"^https?://orcid\.org/", "", orcid.strip()).replace("-", "").upper()
    if not re.fullmatch(r"\d{15}[\dX]", digits):
        return False
    total = 0
    for digit in digits[:15]:
        total = (total + int(digit)) * 2
    check = (12 - total % 11) % 11
    return digits[15] == ("X" if check == 10 else str(check))


def _flat(document: dict[str, object]) -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in document.items():
        if key in ("place", "title", "description", "keywords") and isinstance(value, dict):
            flat[key] = value.get("en")
            flat[f"{key}_zh"] = value.get("zh")
        elif value not in ("", "null", "~"):
            flat[key] = value
    return {key: value for key, value in flat.items() if value is not None}
