"""DataCite: licence by its identifier, contact, dates, words in two languages."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import format_records as records
import pytest

from uav_workflow.domain.campaign import Campaign
from uav_workflow.publication.datacite import write_datacite


def written(tmp_path: Path, **said: Any) -> dict[str, Any]:
    record = records.full(tmp_path)
    campaign: Campaign = replace(record.campaign, **said)
    document: dict[str, Any] = json.loads(
        write_datacite(replace(record, campaign=campaign), tmp_path).read_text("utf-8")
    )
    return document


@pytest.mark.parametrize(
    ("licence", "rights"),
    [
        (
            "CC-BY-4.0",
            {
                "rights": "CC-BY-4.0",
                "rightsUri": "https://spdx.org/licenses/CC-BY-4.0.html",
                "rightsIdentifier": "CC-BY-4.0",
                "rightsIdentifierScheme": "SPDX",
                "schemeUri": "https://spdx.org/licenses/",
            },
        ),
        (
            "https://example.org/terms",
            {"rights": "https://example.org/terms", "rightsUri": "https://example.org/terms"},
        ),
        ("ask us first", {"rights": "ask us first"}),
    ],
)
def test_rights(tmp_path: Path, licence: str, rights: dict[str, str]) -> None:
    assert written(tmp_path, licence=licence)["rightsList"] == [rights]


def test_contact_dates_and_words(tmp_path: Path) -> None:
    document = written(tmp_path, keywords_zh=("植被",))
    assert document["contributors"] == [{"name": "Ada Example", "contributorType": "ContactPerson"}]
    assert document["dates"] == [
        {"date": "2025-07-05/2025-07-06", "dateType": "Collected"},
        {"date": "2026-08-01", "dateType": "Created"},
    ]
    assert document["subjects"][-2:] == [{"subject": "drone"}, {"subject": "植被", "lang": "zh"}]
