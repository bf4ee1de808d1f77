from __future__ import annotations

import json
from typing import Any

import pytest

from uav_workflow.engine.options import OptionSpec
from uav_workflow.node.option_input import parse_options
from uav_workflow.node.refusal import Refusal


def spec(kind: str, domain: str | tuple[str, ...], name: str = "x") -> OptionSpec:
    return OptionSpec(name=name, type=kind, value="", domain=domain, help="")


def parsed(value: Any, kind: str, domain: str | tuple[str, ...]) -> Any:
    """Value as accepted, or the error's text."""
    try:
        rows = parse_options(json.dumps([{"name": "x", "value": value}]), [spec(kind, domain)])
    except Refusal as exc:
        return json.loads(str(exc))[0]["error"]
    return rows[0]["value"]


@pytest.mark.parametrize(
    ("value", "kind", "domain", "result"),
    [
        (1.7, "int", "integer", 1),
        ("12abc", "int", "integer", 12),
        ("abc", "int", "integer", "Invalid value NaN (out of range)"),
        (True, "int", "integer", "Invalid value NaN (out of range)"),
        (-1, "int", "positive integer", "Invalid value -1 (out of range)"),
        (0, "int", "positive integer", 0),
        (1, "int", "negative integer", "Invalid value 1 (out of range)"),
        ("7.5", "float", "float > 0.0", 7.5),
        (0, "float", "float > 0.0", "Invalid value 0 (out of range)"),
        (14, "int", "integer: 1 <= x <= 14", 14),
        (15, "int", "integer: 1 <= x <= 14", "Invalid value 15 (out of range)"),
        (101, "float", "percent", "Invalid value 101 (out of range)"),
        ("1e400", "float", "float", "Invalid value inf (out of range)"),
        ("true", "bool", "", True),
        ("0", "bool", "", False),
        (1, "bool", "", "Cannot convert 1 to boolean"),
        ("yes", "bool", "", "Cannot convert yes to boolean"),
        ("High", "enum", ("high",), "Invalid value High (not in enum)"),
        ("high", "enum", ("high",), "high"),
        ("", "string", "json", "Invalid value  (not a JSON text)"),
        ("{}", "string", "json", "{}"),
        ({}, "string", "json", "Invalid value {} (not a JSON text)"),
        (3, "int", "integer of some kind", "Domain value cannot be handled: integer of some kind"),
    ],
)
def test_values_are_converted_and_checked(value: Any, kind: str, domain: Any, result: Any) -> None:
    got = parsed(value, kind, domain)
    assert got == result
    assert type(got) is type(result)


def test_order_is_the_tables_and_the_first_of_duplicates_wins() -> None:
    table = [spec("int", "integer", "a"), spec("int", "integer", "b")]
    given = [
        {"name": "b", "value": 1},
        {"name": "zzz", "value": 0},
        {"name": "a", "value": 2},
        {"name": "b", "value": 3},
    ]
    assert parse_options(json.dumps(given), table) == [{"name": "a", "value": 2}, {"name": "b", "value": 1}]


@pytest.mark.parametrize("text", [None, "", "{}", "3", '["x", {"name": "a"}, null]'])
def test_what_is_no_list_of_options_means_none(text: str | None) -> None:
    assert parse_options(text, [spec("int", "integer", "a")]) == []


def test_broken_json_is_refused() -> None:
    with pytest.raises(Refusal, match="options"):
        parse_options("[", [])
