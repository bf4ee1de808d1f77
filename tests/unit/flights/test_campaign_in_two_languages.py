"""campaign.yaml: what it says in English and Chinese, and the topic of the data."""

from __future__ import annotations

from pathlib import Path

from uav_workflow.flights.campaign import read_campaign

TEXT = """\
description: {en: Cover of a meadow., zh: 草甸的覆盖度。}
keywords: {en: [cover, drone], zh: 覆盖度、无人机}
topics: biota, environment
"""


def test_description_and_keywords_in_two_languages(tmp_path: Path) -> None:
    path = tmp_path / "campaign.yaml"
    path.write_text(TEXT, encoding="utf-8")
    campaign, findings = read_campaign(path, path.name)
    assert campaign is not None
    assert findings == []
    assert (campaign.description, campaign.description_zh) == ("Cover of a meadow.", "草甸的覆盖度。")
    assert (campaign.keywords, campaign.keywords_zh) == (("cover", "drone"), ("覆盖度", "无人机"))
    assert campaign.topics == ("biota", "environment")


def test_a_topic_that_iso_does_not_have_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "campaign.yaml"
    path.write_text("topics: [meadows]\n", encoding="utf-8")
    campaign, findings = read_campaign(path, path.name)
    assert campaign is None
    assert [finding.code for finding in findings] == ["campaign-yaml-invalid"]
    assert "no topic category of ISO 19115: meadows" in findings[0].message
