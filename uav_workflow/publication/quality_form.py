"""The quality form: one page with every check, who waived what, and how far the variables are validated."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from uav_workflow.publication import ceos
from uav_workflow.publication.check_names import label
from uav_workflow.publication.chinese import said
from uav_workflow.publication.method_names import method_name
from uav_workflow.publication.record import Record, Validation, Verdict
from uav_workflow.publication.themes import named
from uav_workflow.publication.words import LANGUAGES

TEMPLATES = ("quality_form.html", "quality_form.md")


def write_quality_form(record: Record, out: Path) -> list[Path]:
    """Write the form for people to print (HTML) and to quote (Markdown), each in English and Chinese.

    Parameters
    ----------
    record : Record
    out : Path
        Folder, which exists.

    Returns
    -------
    list of Path
        ``out/quality_form.html``, ``quality_form_zh.html``, ``quality_form.md``, ``quality_form_zh.md``.
    """
    facts = {
        "record": record,
        "counts": {verdict.value: _count(record, verdict) for verdict in Verdict},
        "validations": _with_unvalidated(record),
        "ceos": ceos,
    }
    paths = []
    for name in TEMPLATES:
        template = _template(name)
        for number, (language, suffix, say) in enumerate(LANGUAGES):
            stem, dot, kind = name.partition(".")
            path = out / f"{stem}{suffix}{dot}{kind}"
            title = (record.title, record.title_zh)[number] or record.identifier
            own = {"language": language, "number": number, "say": say, "title": title}
            path.write_text(template.render(facts | own), encoding="utf-8")
            paths.append(path)
    return paths


def _template(name: str) -> Any:
    from jinja2 import Environment, StrictUndefined

    source = resources.files("uav_workflow.publication").joinpath(f"templates/{name}").read_text("utf-8")
    page = Environment(
        autoescape=name.endswith(".html"), undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    page.filters["cell"] = _cell
    page.filters["label"] = label
    page.filters["named"] = named
    page.filters["figure"] = figure
    page.filters["method"] = method_name
    return page.from_string(source)


FIGURES = {
    "r2": "R²",
    "rmse": "RMSE",
    "rrmse_percent": "RMSE/mean",
    "bias": "bias",
    "ccc": "CCC",
    "pi90_coverage": "PI90",
}
"""Symbols of the statistics of a comparison."""


def figure(name: str, value: float, unit: str, language: int = 0) -> str:
    """One statistic with its unit, such as ``RMSE 12.2 g/m2``, in a language (0 English, 1 Chinese)."""
    symbol = said(FIGURES.get(name, name), language)
    if name == "rrmse_percent":
        return f"{symbol} {value:.3g} %"
    if name == "pi90_coverage":
        return f"{symbol} {100 * value:.3g} %"
    own = unit if name in ("rmse", "bias") and unit != "1" else ""
    return f"{symbol} {value:.3g} {own}".strip()


def _count(record: Record, verdict: Verdict) -> int:
    return sum(check.verdict == verdict for check in record.checks)


def _with_unvalidated(record: Record) -> list[Validation]:
    """The validations, and one of no pairs for each variable of a flight that has none."""
    known = {(validation.flight_id, validation.variable) for validation in record.validations}
    pairs = [(flight.flight_id, variable) for flight in record.flights for variable in flight.variables]
    return [
        *record.validations,
        *(
            Validation(flight_id=flight_id, variable=variable, unit="", method="", n=0, sites=0, figures={})
            for flight_id, variable in pairs
            if (flight_id, variable) not in known
        ),
    ]


def _cell(text: str) -> str:
    """Text that stays in its cell of a Markdown table."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
