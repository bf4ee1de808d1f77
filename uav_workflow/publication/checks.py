"""Checks of the quality form: every gate that the products of a flight were held against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from calibration.gates import RULES, Rule
from uav_workflow.domain.campaign import Campaign
from uav_workflow.domain.product import Product
from uav_workflow.publication.record import Check, Verdict

_SIGNS = {"at_least": ">= ", "at_most": "<= "}
LONGEST_SYMBOL = 3
"""Letters of a unit's symbol; longer ones are words of English."""
_SENSES = {"at least": "at_least", "at most": "at_most"}


def checks_of(flight_id: str, made: Mapping[str, Product], campaign: Campaign) -> list[Check]:
    """Checks of a flight, in the order of the data flow.

    A gate without a value was not made, one that only warned has failed. Of gates that every band or panel picture
    has, those passed are one line, the one nearest to its bound; the others stand one by one, so that each can be
    waived by its name.
    """
    lines: dict[tuple[str, str], tuple[float, Check]] = {}
    for number, (kind, gate) in enumerate(_gates(made)):
        check = _waived(_check(flight_id, kind, gate), campaign)
        alone = check.verdict is not Verdict.PASSED
        key = (kind, str(number) if alone else check.name.partition("[")[0])
        room = _room(gate)
        if key in lines:
            nearest, other = lines[key]
            room, check = min((nearest, other), (room, check), key=lambda row: row[0])
            check = replace(check, count=other.count + 1)
        lines[key] = (room, check)
    return [check for _, check in lines.values()]


def _gates(made: Mapping[str, Product]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for kind, product in made.items():
        gates: Any = product.facts.get("gates")
        for gate in gates if isinstance(gates, list) else ():
            yield kind, gate


def _room(gate: Mapping[str, Any]) -> float:
    """How far a passed gate lies from its bound, in its bound's size."""
    value, bound = gate.get("value"), gate.get("threshold")
    if value is None or bound is None:
        return float("inf")
    return abs(float(value) - float(bound)) / (abs(float(bound)) or 1.0)


def _check(flight_id: str, kind: str, gate: Mapping[str, Any]) -> Check:
    value, bound = gate.get("value"), gate.get("threshold")
    rule = RULES.get(str(gate["name"]).partition("[")[0])
    unit = gate.get("unit") or (("%" if rule.share else rule.unit) if rule else "")
    passed = Verdict.PASSED if gate["verdict"] == "pass" else Verdict.FAILED
    return Check(
        flight_id=flight_id,
        group=kind,
        name=gate["name"],
        value="" if value is None else _figure(value, unit),
        # What was not measured met no bound; the gate's own is then its failure, not the one a good value must keep.
        bound="" if bound is None or value is None else _bound(gate, rule, unit),
        verdict=Verdict.NOT_MADE if value is None else passed,
        where=gate.get("where", ""),
    )


def _bound(gate: Mapping[str, Any], rule: Rule | None, unit: str) -> str:
    """The bound with its good side, such as ``<= 3 %``."""
    if gate.get("inside"):
        return " – ".join("" if end is None else _figure(end, unit) for end in gate["inside"])
    value, bound, side = gate["value"], gate["threshold"], gate.get("side")
    if side is None and rule and rule.sense != "within":
        side = _SENSES[rule.sense]
    if side is None and value != bound:
        # a gate from before its side was kept: the verdict says on which side of the bound the good one is
        side = "at_least" if (value > bound) == (gate["verdict"] == "pass") else "at_most"
    return f"{_SIGNS.get(side or '', '')}{_figure(bound, unit)}"


def _figure(value: float, unit: str) -> str:
    if unit == "%":
        return f"{100 * value:.3g} %"
    # Counts and ratios ("bands", "times the median") are in the check's name, in every language.
    symbol = unit if len(unit) <= LONGEST_SYMBOL else ""
    return f"{value:.4g} {symbol}".strip()


def _waived(check: Check, campaign: Campaign) -> Check:
    for waiver in campaign.waivers:
        if check.verdict is Verdict.FAILED and waiver.check == check.name and waiver.flight in (None, check.flight_id):
            return replace(check, verdict=Verdict.WAIVED, waived_by=waiver.by, reason=waiver.reason)
    return check
