"""What ISO's records of both encodings say of a record: keywords, lineage, contact, as plain text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from email.utils import parseaddr
from itertools import zip_longest

from uav_workflow.publication.record import Record, Step
from uav_workflow.publication.themes import THEMES, named

Words = list[tuple[str | None, str | None]]
"""Pairs of an English and a Chinese word, either of which may lack."""


def keywords(record: Record) -> list[tuple[str, Words]]:
    """Keywords by kind (theme, place), each in English and Chinese."""
    campaign = record.campaign
    themes: Words = list(zip_longest(campaign.keywords, campaign.keywords_zh))
    known = [word for pair in themes for word in pair]
    mapped = dict.fromkeys(name for flight in record.flights for name in flight.variables)
    named_ = [(named(name, 0), named(name, 1) if name in THEMES else None) for name in mapped]
    themes += [pair for pair in named_ if pair[0] not in known]
    places: Words = [(flight.site, None) for flight in record.flights]
    if campaign.place or campaign.place_zh:
        places = [(campaign.place, campaign.place_zh), *places]
    return [("theme", themes), ("place", list(dict.fromkeys(places)))]


def lineage_statement(record: Record) -> tuple[str, str]:
    """How all flights' numbers came about, in English and Chinese."""
    several = len(record.flights) > 1
    said = [
        (
            f"Flight {method.flight_id}: {method.text[0]}" if several else method.text[0],
            f"{method.flight_id}架次：{method.text[1]}" if several else method.text[1],
        )
        for method in record.methods
    ]
    return " ".join(english for english, _ in said), "".join(chinese for _, chinese in said)


def step_sentences(step: Step) -> str:
    """A process step; input files are counted, their checksums stand in the RO-Crate."""
    parameters = json.dumps(dict(step.parameters), sort_keys=True, ensure_ascii=False)
    sentences = [
        f"Flight {step.flight_id}: {step.kind}, fingerprint {step.fingerprint}.",
        f"Made from {_pairs(step.upstream)}." if step.upstream else "",
        f"Input files: {len(step.inputs)}." if step.inputs else "",
        f"Parameters: {parameters}." if step.parameters else "",
        f"Software: {_pairs(step.packages)}." if step.packages else "",
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def name_and_mail(contact: str) -> tuple[str, str]:
    """Name and address of a contact, either of which may be empty."""
    name, address = parseaddr(contact)
    return (name, address) if "@" in address else (contact, "")


def _pairs(pairs: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(pairs.items()))
