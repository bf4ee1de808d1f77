"""The quality form: one page with every check, who waived what, and how far the variables are validated."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from uav_workflow.publication import ceos
from uav_workflow.publication.record import Record, Validation, Verdict

NAMES = ("quality_form.html", "quality_form.md")


def write_quality_form(record: Record, out: Path) -> list[Path]:
    """Write the form for people to print (HTML) and to quote (Markdown).

    Parameters
    ----------
    record : Record
    out : Path
        Folder, which exists.

    Returns
    -------
    list of Path
        ``out/quality_form.html``, ``out/quality_form.md``.
    """
    from jinja2 import Environment, StrictUndefined

    facts = {
        "record": record,
        "counts": {verdict.value: _count(record, verdict) for verdict in Verdict},
        "validations": _with_unvalidated(record),
        "ceos": ceos,
    }
    paths = []
    for name in NAMES:
        source = resources.files("uav_workflow.publication").joinpath(f"templates/{name}").read_text("utf-8")
        page = Environment(
            autoescape=name.endswith(".html"), undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
        )
        page.filters["cell"] = _cell
        path = out / name
        path.write_text(page.from_string(source).render(facts), encoding="utf-8")
        paths.append(path)
    return paths


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
