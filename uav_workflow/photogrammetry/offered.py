"""The options a node offers (its /options), and whether those to be sent are among them, in type and domain."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from uav_workflow.domain.product import Json

_NUMBER = r"-?\d+(?:\.\d+)?"
_SIGN = re.compile(r"(?:(positive|negative) )?(integer|float)")
_RANGE = re.compile(rf"(integer|float): ({_NUMBER}) <= x <= ({_NUMBER})")
_EDGE = re.compile(rf"(integer|float) (>=|>|<=|<) ({_NUMBER})")
_BOOLEAN = ("true", "false", "1", "0")


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedOption:
    """One option of a node.

    Attributes
    ----------
    type : str
        ``int``, ``float``, ``bool``, ``enum``, ``string`` or ``path``.
    default : str
        As text.
    domain : str or tuple of str
        The choices of an enum; otherwise a text such as ``integer: 1 <= x <= 14``.
    """

    name: str
    type: str
    default: str
    domain: str | tuple[str, ...]

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> OfferedOption:
        """One row of /options; what it does not say is empty and is not checked."""
        domain = row.get("domain", "")
        return cls(
            name=str(row.get("name", "")),
            type=str(row.get("type", "")),
            default=str(row.get("value", "")),
            domain=tuple(str(item) for item in domain) if isinstance(domain, list) else str(domain),
        )

    def objection(self, value: Json) -> str | None:
        """What is wrong with a value, None when the node will take it as it is meant."""
        if isinstance(self.domain, tuple):
            return None if value in self.domain else f"is none of {', '.join(filter(None, self.domain))}"
        if self.type == "bool":
            fits = isinstance(value, bool) or (isinstance(value, str) and value in _BOOLEAN)
            return None if fits else "must be true or false"
        if self.type in ("int", "float"):
            return self._number_objection(_number(value))
        if isinstance(value, bool | int | float) and self.type in ("string", "path"):
            return "must be text"
        return None

    def _number_objection(self, number: float) -> str | None:
        if not math.isfinite(number):
            return "must be a number"
        if self.type == "int" and number != int(number):
            return "must be a whole number"
        low, high, open_edge = _limits(str(self.domain))
        if number < low or number > high or number == open_edge:
            return f"is outside of '{self.domain}'"
        return None


def read_offered(rows: Any) -> dict[str, OfferedOption]:
    """Options by name from a node's answer; empty when it is no list."""
    offered = [OfferedOption.read(row) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return {option.name: option for option in offered}


def not_offered(
    options: Mapping[str, Json], offered: Mapping[str, OfferedOption], dispensable: Collection[str]
) -> list[str]:
    """Those of the dispensable options that the node does not have."""
    return sorted(name for name in options if name not in offered and name in dispensable)


def objections(options: Mapping[str, Json], offered: Mapping[str, OfferedOption]) -> Sequence[str]:
    """What the node would drop without a word, or refuse: one text an option."""
    found = []
    for name, value in options.items():
        option = offered.get(name)
        if option is None:
            near = difflib.get_close_matches(name, offered, 1)
            found.append(f"{name} is unknown to it" + (f" (meant {near[0]}?)" if near else ""))
        elif reason := option.objection(value):
            found.append(f"{name} = {value!r} {reason}")
    return found


def _number(value: Json) -> float:
    """The value as a number, NaN when it is none; unlike the node, `12abc` and true are none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return math.nan
    try:
        return float(value)
    except ValueError:
        return math.nan


def _limits(domain: str) -> tuple[float, float, float | None]:
    """Lowest and highest value of a domain text, and the one of them that is excluded; unknown texts bound nothing."""
    if domain == "percent":
        return 0.0, 100.0, None
    if sign := _SIGN.fullmatch(domain):
        return 0.0 if sign[1] == "positive" else -math.inf, 0.0 if sign[1] == "negative" else math.inf, None
    if span := _RANGE.fullmatch(domain):
        return float(span[2]), float(span[3]), None
    if edge := _EDGE.fullmatch(domain):
        value = float(edge[3])
        excluded = None if edge[2].endswith("=") else value
        return (value, math.inf, excluded) if edge[2].startswith(">") else (-math.inf, value, excluded)
    return -math.inf, math.inf, None
