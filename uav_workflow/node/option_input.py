"""Options as clients send them: converted and checked by the rules NodeODM's clients rely on."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence

from uav_workflow.domain.product import Json
from uav_workflow.engine.options import OptionSpec
from uav_workflow.node.json_input import read_json
from uav_workflow.node.refusal import Refusal

_INTEGER = re.compile(r"\s*([+-]?\d{1,300})", re.ASCII)
_FLOAT = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)", re.ASCII)
_LARGEST = 2.0**53
"""Beyond it JavaScript's numbers, and those of the libraries below the engine, are no whole numbers any more."""
_KIND = re.compile(r"(?:(positive|negative) )?(integer|float)")
_RANGE = re.compile(r"(?:integer|float): (-?[\d.]+) <= x <= (-?[\d.]+)")
_BOUND = re.compile(r"(?:integer|float) (>=|>|<=|<) (-?[\d.]+)")


class _BadValueError(ValueError):
    """A value that an option does not take; the text is the client's answer."""


def parse_options(text: str | None, table: Sequence[OptionSpec]) -> list[dict[str, Json]]:
    """Options of a request, filtered and typed.

    Parameters
    ----------
    text : str or None
        JSON array of ``{"name", "value"}``; anything that is no array means no options.
    table : sequence of OptionSpec
        Names that are not in it are dropped; the first of duplicates wins; the result has the table's order.

    Raises
    ------
    Refusal
        The text is no JSON, or values are out of their domain; then the message is a JSON array of
        ``{"name", "error"}``, one for each.
    """
    if not text:
        return []
    try:
        document = read_json(text)
    except ValueError as exc:
        raise Refusal(f"options: {exc}") from exc
    if not isinstance(document, list):
        return []
    given: dict[str, Json] = {}
    for row in document:
        if isinstance(row, dict) and isinstance(row.get("name"), str) and "value" in row:
            given.setdefault(str(row["name"]), row["value"])
    result: list[dict[str, Json]] = []
    errors: list[dict[str, str]] = []
    for spec in table:
        if spec.name in given:
            try:
                result.append({"name": spec.name, "value": _checked(given[spec.name], spec)})
            except _BadValueError as exc:
                errors.append({"name": spec.name, "error": str(exc)})
    if errors:
        raise Refusal(json.dumps(errors), no_retry=True)
    return result


def _checked(raw: Json, spec: OptionSpec) -> Json:
    value = _converted(raw, spec.type)
    if isinstance(spec.domain, str):
        _check_domain(value, spec.domain)
    elif value not in spec.domain:
        raise _BadValueError(f"Invalid value {_shown(value)} (not in enum)")
    return value


def _converted(raw: Json, kind: str) -> Json:
    """Conversion as JavaScript's parseInt and parseFloat do it: the longest number at the start counts."""
    if kind == "bool":
        if isinstance(raw, bool):
            return raw
        if isinstance(raw, str) and raw in ("true", "1", "false", "0"):
            return raw in ("true", "1")
        raise _BadValueError(f"Cannot convert {_shown(raw)} to boolean")
    if kind not in ("int", "float"):
        return raw
    match = (_INTEGER if kind == "int" else _FLOAT).match(_shown(raw))
    if match is None:
        return math.nan
    return int(match[1]) if kind == "int" else float(match[1])


def _check_domain(value: Json, domain: str) -> None:
    if domain == "" or domain in ("string", "path"):
        if domain and not isinstance(value, str):
            raise _BadValueError(f"Invalid value {_shown(value)} (not a string)")
        return
    if domain == "json":
        _check_json(value)
        return
    accepts = _numeric_domain(domain)
    if accepts is None:
        raise _BadValueError(f"Domain value cannot be handled: {domain}")
    number = value if isinstance(value, int | float) and abs(value) <= _LARGEST else math.nan
    if not (math.isfinite(number) and accepts[0] <= number <= accepts[1] and number not in accepts[2]):
        raise _BadValueError(f"Invalid value {_shown(value)} (out of range)")


def _check_json(value: Json) -> None:
    try:
        if not isinstance(value, str):
            raise ValueError
        read_json(value)
    except ValueError:
        raise _BadValueError(f"Invalid value {_shown(value)} (not a JSON text)") from None


def _numeric_domain(domain: str) -> tuple[float, float, tuple[float, ...]] | None:
    """Lowest, highest and excluded values of a domain text; None when the text is not understood."""
    if domain == "percent":
        return 0.0, 100.0, ()
    if kind := _KIND.fullmatch(domain):
        low = 0.0 if kind[1] == "positive" else -math.inf
        return low, 0.0 if kind[1] == "negative" else math.inf, ()
    if span := _RANGE.fullmatch(domain):
        return float(span[1]), float(span[2]), ()
    if bound := _BOUND.fullmatch(domain):
        edge = float(bound[2])
        low, high = (edge, math.inf) if bound[1].startswith(">") else (-math.inf, edge)
        return low, high, () if "=" in bound[1] else (edge,)
    return None


def _shown(value: Json) -> str:
    """A value as JavaScript prints it."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else f"{value:.15g}"
    return json.dumps(value)
