"""What a node says on its console alone."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from uav_workflow.findings import Finding, info, warning
from uav_workflow.flights.wording import listed
from uav_workflow.photogrammetry.layout import OUTPUT, asset


@dataclass(frozen=True, slots=True)
class _Phrase:
    """A line of ODM's console that stands for a silent fault; group 1 names what it is about."""

    pattern: re.Pattern[str]
    code: str
    meaning: str
    hint: str = ""
    harmless: bool = False


_PHRASES = (
    _Phrase(
        re.compile("Multiple reconstructions detected"),
        "reconstruction-in-parts",
        "the photos fell apart into several models",
        "more overlap between the parts of the flight",
    ),
    _Phrase(
        re.compile(r"(\S+) seems corrupted and will not be used"),
        "photo-dropped-corrupt",
        "photos were dropped as broken",
        "copy them again from the card",
    ),
    _Phrase(
        re.compile(r"(\S+) has only \d+ images \(instead of \d+\)"),
        "capture-incomplete",
        "captures miss bands, and were left out",
        "copy all bands of the capture from the card",
    ),
    _Phrase(
        re.compile(r"\bExcluding (?!.*\bpoints?\b)(\S+)"),
        "photo-excluded",
        "photos were excluded",
        "the lines around it in task_output.txt say why",
    ),
    _Phrase(
        re.compile(r"Cannot align (.+?), no alignment matrix"),
        "band-not-aligned",
        "a band could not be aligned with the others",
        "its values lie beside those of the others; try another primary-band",
    ),
    _Phrase(
        re.compile("GCP line ignored"),
        "control-line-ignored",
        "lines of the control point file were ignored",
        "the names of the photos, and at least six columns",
    ),
    _Phrase(re.compile("No sun sensor values"), "sun-sensor-missing", "photos carry no sun sensor values"),
    _Phrase(
        re.compile(r"Maximum resolution set to (.+?)\s*$"),
        "resolution-capped-by-node",
        "the node bounded the resolution of its products",
        harmless=True,
    ),
)


@dataclass(slots=True)
class _Said:
    """How often a phrase was met, and about what."""

    lines: int = 0
    about: dict[str, None] = field(default_factory=dict)


def check_console(assets: Path) -> list[Finding]:
    """Findings on the phrases of ODM that stand for silent faults, with what they are about."""
    path = asset(assets, OUTPUT)
    if path is None:
        return []
    said = {phrase.code: _Said() for phrase in _PHRASES}
    with path.open(encoding="utf-8", errors="replace") as stream:
        for line in stream:
            for phrase in _PHRASES:
                match = phrase.pattern.search(line)
                if match:
                    said[phrase.code].lines += 1
                    said[phrase.code].about |= dict.fromkeys(match.groups())
    return [_finding(phrase, said[phrase.code]) for phrase in _PHRASES if said[phrase.code].lines]


def _finding(phrase: _Phrase, said: _Said) -> Finding:
    lines = "1 line" if said.lines == 1 else f"{said.lines} lines"
    about = f": {listed(said.about, 20)}" if said.about else ""
    make = info if phrase.harmless else warning
    return make(phrase.code, OUTPUT, f"{phrase.meaning} ({lines}){about}", phrase.hint)
