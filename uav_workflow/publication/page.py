"""The data page in English and Chinese, of one template, with the fields a data centre reviews."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from uav_workflow.publication.record import Record, Verdict
from uav_workflow.publication.titles import abstracts
from uav_workflow.publication.words import LANGUAGES


def write_pages(record: Record, out: Path) -> list[Path]:
    """Write index.html (English) and index_zh.html (Chinese); what the record lacks is a dash, and listed on top."""
    from jinja2 import Environment, StrictUndefined

    source = resources.files("uav_workflow.publication").joinpath("templates/page.html").read_text("utf-8")
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(source)
    cells = sorted({cell for flight in record.flights for cell in flight.cells_m})
    shared = {
        "record": record,
        "crs": ", ".join(dict.fromkeys(flight.crs for flight in record.flights)),
        "resolution": ", ".join(f"{cell:g} m" for cell in cells),
        "verdicts": [(verdict.value, sum(check.verdict is verdict for check in record.checks)) for verdict in Verdict],
    }
    campaign, paths = record.campaign, []
    titles, places = (record.title, record.title_zh), (campaign.place, campaign.place_zh)
    for own in zip(LANGUAGES, titles, abstracts(record), places, strict=True):
        (language, suffix, say), title, abstract, place = own
        path = out / f"index{suffix}.html"
        said = {"language": language, "say": say, "title": title, "abstract": abstract, "place": place}
        path.write_text(template.render(shared | said), encoding="utf-8")
        paths.append(path)
    return paths
