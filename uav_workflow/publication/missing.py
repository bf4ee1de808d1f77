"""Fields that a data centre reviews and nobody has filled in: listed, never invented."""

from __future__ import annotations

from collections.abc import Iterator

from uav_workflow.domain.campaign import Campaign
from uav_workflow.publication.record import Missing

WRITE = {
    "place": "place: {en: ..., zh: ...}: the place by its English name",
    "place_zh": "place: {en: ..., zh: ...}: the place by its Chinese name",
    "description": "description: {en: ..., zh: ...}: what was measured and why, in two or three sentences",
    "description_zh": "description: {en: ..., zh: ...}: the same in Chinese",
    "creators": "creators: [{name: ..., orcid: ..., affiliation: ...}]",
    "contact": "contact: name and e-mail of who answers questions",
    "licence": "licence: CC-BY-4.0, or what the data may be used for",
    "publisher": "publisher: the data centre or institute that publishes",
    "citation": "citation: how the data are to be cited, with the DOI once there is one",
    "funding": "funding: [programme and grant number]",
    "keywords": "keywords: {en: [...], zh: [...]}: theme, place, discipline",
    "keywords_zh": "keywords: {en: [...], zh: [...]}: the same in Chinese",
}
"""Field of the campaign -> what to write into campaign.yaml."""


def missing_fields(campaign: Campaign) -> Iterator[Missing]:
    """Empty fields of the campaign, and creators without an ORCID."""
    for name, what in WRITE.items():
        if not getattr(campaign, name):
            yield Missing(field=name, where=f"campaign.yaml, {what}")
    for person in campaign.creators:
        if not person.orcid:
            yield Missing(field=f"ORCID of {person.name}", where="campaign.yaml, creators: orcid of each person")
