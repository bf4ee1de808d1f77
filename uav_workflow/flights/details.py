"""flight.yaml: what the field team says about a flight."""

from __future__ import annotations

import datetime
import difflib
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from uav_workflow.domain.flight import FlightDetails
from uav_workflow.findings import Finding, error, warning
from uav_workflow.flights.crs import parse_crs
from uav_workflow.flights.text import read_text


class _FlightFile(BaseModel):
    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)
    site: str | None = None
    campaign: str | None = None
    date: datetime.date | None = None
    utc_offset: float | None = None
    sensor: str | None = None
    crs: str | None = None
    vertical_reference: str | None = None
    allometry: str | None = None
    notes: str | None = None
    paths: dict[str, str] = {}

    @field_validator("utc_offset", mode="before")
    @classmethod
    def _hours(cls, value: object) -> object:
        found = re.fullmatch(r"(?:UTC|GMT)?\s*([+-]?)(\d{1,2})(?::?(\d\d))?", str(value), re.IGNORECASE)
        if found:
            hours = int(found[2]) + int(found[3] or 0) / 60
            return -hours if found[1] == "-" else hours
        try:
            return float(str(value))
        except ValueError:
            raise ValueError(f"'{value}' is no number of hours; write it as +8") from None

    @field_validator("date", mode="before")
    @classmethod
    def _day(cls, value: object) -> object:
        # a bare number would be read as seconds since 1970
        found = re.fullmatch(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?", str(value).strip())
        if found:
            with suppress(ValueError):
                return datetime.date(*map(int, found.groups()))
        raise ValueError(f"'{value}' is no date with its year first; write it as 2026-07-24")

    @field_validator("utc_offset")
    @classmethod
    def _possible(cls, value: float | None) -> float | None:
        if value is not None and not (-12 <= value <= 14 and (value * 4).is_integer()):
            raise ValueError("must be hours between -12 and +14 in steps of a quarter, such as +8 or +05:45")
        return value

    @field_validator("crs")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is None:
            return None
        crs = parse_crs(value)
        if crs is None:
            raise ValueError("is no coordinate reference system; write it as EPSG:32648")
        return crs


ROLES = ("images", "panels", "campaign", "control_points", "positions", "targets", "plots", "observations")
"""Keys of ``paths`` in flight.yaml."""


def read_details(path: Path | None, where: str) -> tuple[FlightDetails, dict[str, str], list[Finding]]:
    """What flight.yaml says, the paths it gives, and what is wrong with it.

    Values are read as text and then as what the key wants, so ``utc_offset: +8:00`` is 8 hours and no YAML 1.1 number.
    Findings: ``flight-yaml-invalid`` (error), ``unknown-key``.
    """
    if path is None:
        return FlightDetails(), {}, []
    text = read_text(path, where)
    findings = list(text.findings)
    try:
        document = yaml.load("\n".join(text.lines), Loader=yaml.BaseLoader) or {}
    except yaml.YAMLError as exc:
        return FlightDetails(), {}, [*findings, _invalid(where, no_yaml(exc, text.lines))]
    if not isinstance(document, dict):
        colon = "; a colon is full-width (：)" if "：" in "".join(text.lines) else ""
        return FlightDetails(), {}, [*findings, _invalid(where, f"holds no `key: value` lines{colon}")]
    document = {key: value for key, value in document.items() if value not in ("", "null", "~")}
    findings += _unknown_keys(document, where)
    try:
        entry = _FlightFile.model_validate(document)
    except ValidationError as exc:
        said = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg'].removeprefix('Value error, ')}" for e in exc.errors()
        )
        return FlightDetails(), {}, [*findings, _invalid(where, said)]
    values = entry.model_dump(exclude={"utc_offset", "paths"})
    return FlightDetails(**values, utc_offset_h=entry.utc_offset), entry.paths, findings


def _unknown_keys(document: dict[str, object], where: str) -> list[Finding]:
    findings = []
    paths = document.get("paths")
    given = [(key, list(_FlightFile.model_fields)) for key in document]
    given += [(key, list(ROLES)) for key in paths] if isinstance(paths, dict) else []
    for key, known in given:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(known)}"
            findings.append(warning("unknown-key", where, f"key `{key}` is not known and not used", hint))
    return findings


def _invalid(where: str, message: str) -> Finding:
    return error("flight-yaml-invalid", where, message, "correct the file")


def no_yaml(exc: yaml.YAMLError, lines: Sequence[str]) -> str:
    """Where a text stops being YAML, and the usual reasons: a tab, a full-width colon."""
    mark = getattr(exc, "problem_mark", None)
    if mark is None or mark.line >= len(lines) or not lines[mark.line].strip():
        return f"is no YAML: {' '.join(str(exc).split())}"
    line = lines[mark.line]
    where = f"line {mark.line + 1} (`{line.strip()}`) can't be read"
    if "\t" in line:
        return f"{where}: it holds a tab; put blanks in its place"
    if "：" in "".join(lines):
        return f"{where}: a colon is full-width (：); write `key: value` with a plain colon and a blank"
    return f"{where}: {getattr(exc, 'problem', '') or 'it is no `key: value`'}"
