"""The data page in English and Chinese, of one template, with the fields a data centre reviews."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from uav_workflow.publication import licences
from uav_workflow.publication.chinese import said
from uav_workflow.publication.companions import COMPANIONS
from uav_workflow.publication.crate import NAME as CRATE
from uav_workflow.publication.method_names import method_name
from uav_workflow.publication.record import Record, Verdict
from uav_workflow.publication.themes import BANDS_ZH, THEMES, named
from uav_workflow.publication.titles import abstracts
from uav_workflow.publication.words import LANGUAGES
from uav_workflow.store import ABSENT


def write_pages(record: Record, out: Path) -> list[Path]:
    """Write index.html (English) and index_zh.html (Chinese); what the record lacks is a dash, and listed on top."""
    template, shared = _template(), _facts(record)
    campaign, paths = record.campaign, []
    titles, places = (record.title, record.title_zh), (campaign.place, campaign.place_zh)
    keywords = (campaign.keywords, campaign.keywords_zh or campaign.keywords)
    own = zip(LANGUAGES, titles, abstracts(record), places, keywords, _bands(record), strict=True)
    for number, ((language, suffix, say), title, abstract, place, words, bands) in enumerate(own):
        path = out / f"index{suffix}.html"
        mine = {"language": language, "suffix": suffix, "number": number, "say": say, "title": title}
        mine |= {"abstract": abstract, "place": place, "keywords": words, "bands": bands}
        path.write_text(template.render(shared | mine), encoding="utf-8")
        paths.append(path)
    return paths


def _template() -> Any:
    from jinja2 import Environment, StrictUndefined

    source = resources.files("uav_workflow.publication").joinpath("templates/page.html").read_text("utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.filters["utc"] = _utc
    environment.filters["named"] = named
    environment.filters["said"] = said
    environment.filters["method"] = method_name
    environment.filters["made_of"] = _made_of
    return environment.from_string(source)


def _facts(record: Record) -> dict[str, Any]:
    """What stands on the pages of both languages."""
    cells = sorted({cell for flight in record.flights for cell in flight.cells_m})
    packages = {item for step in record.steps for item in step.packages.items() if item[1] != ABSENT}
    return {
        "record": record,
        "records": [(one.name, one.title) for one in COMPANIONS if one.standard] + [(CRATE, "RO-Crate")],
        "themes": THEMES,
        "licence_address": licences.address(record.campaign.licence),
        "crs": ", ".join(_crs_name(crs) for crs in dict.fromkeys(flight.crs for flight in record.flights)),
        "resolution": ", ".join(f"{cell:g} m" for cell in cells),
        "software": [f"{name} {version}" for name, version in sorted(packages)],
        "verdicts": [(verdict.value, sum(check.verdict is verdict for check in record.checks)) for verdict in Verdict],
    }


def _bands(record: Record) -> tuple[Mapping[str, str], Mapping[str, str]]:
    from uav_workflow.handover.cells import BANDS

    return (BANDS, BANDS_ZH) if any(flight.variables for flight in record.flights) else ({}, {})


def _crs_name(crs: str) -> str:
    import pyproj

    return f"{pyproj.CRS.from_user_input(crs).name} ({crs})"


def _made_of(names: Iterable[str], words: Mapping[str, str], comma: str) -> str:
    """Kinds of products, or roles of files (``plots 2`` is a second one), in words."""
    told = []
    for name in names:
        base, _, number = name.partition(" ")
        told.append(f"{words.get(base, base)} {number}".strip())
    return comma.join(told)


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
