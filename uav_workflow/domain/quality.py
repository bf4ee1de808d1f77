"""A gate: one measured quality figure, the bound it was held against, and the verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from uav_workflow.domain.product import Json

Verdict = Literal["pass", "warn", "fail"]
Side = Literal["at_least", "at_most", "inside"]


@dataclass(frozen=True, slots=True)
class Gate:
    """One row of a quality table.

    Attributes
    ----------
    name : str
        Stable, with the band or file in brackets where it is about one (``panel-cv[red]``).
    value : float
        What was measured; a NaN (could not be measured) is never a pass.
    threshold : float
        The bound that decided the verdict; for a pass the first one that could have been missed.
    verdict : {"pass", "warn", "fail"}
    where : str
        File or place to blame, where there is one.
    side : {"at_least", "at_most", "inside"} or None
        Which side of the bound is good; None of a gate from before it was kept.
    inside : (low, high) or None
        Both ends of the interval that decided, where the good side is inside one.
    """

    name: str
    value: float
    threshold: float
    verdict: Verdict
    where: str = ""
    side: Side | None = None
    inside: tuple[float, float] | None = None

    @classmethod
    def at_most(cls, name: str, value: float, warn: float, fail: float, *, where: str = "") -> Gate:
        """Good when ``value <= warn``, failed beyond ``fail``."""
        if value > fail or math.isnan(value):
            return cls(name, value, fail, "fail", where, "at_most")
        return cls(name, value, warn, "pass" if value <= warn else "warn", where, "at_most")

    @classmethod
    def at_least(cls, name: str, value: float, warn: float, fail: float, *, where: str = "") -> Gate:
        """Good when ``value >= warn``, failed below ``fail``."""
        if value < fail or math.isnan(value):
            return cls(name, value, fail, "fail", where, "at_least")
        return cls(name, value, warn, "pass" if value >= warn else "warn", where, "at_least")

    @classmethod
    def within(
        cls, name: str, value: float, warn: tuple[float, float], fail: tuple[float, float], *, where: str = ""
    ) -> Gate:
        """Good inside ``warn``, failed outside ``fail`` (both low, high)."""
        high = value > warn[1]
        worse, limit = (fail[1], warn[1]) if high else (fail[0], warn[0])
        if math.isnan(value) or not fail[0] <= value <= fail[1]:
            return cls(name, value, worse, "fail", where, "inside", fail)
        return cls(name, value, limit, "pass" if warn[0] <= value <= warn[1] else "warn", where, "inside", warn)

    def to_json(self) -> dict[str, Json]:
        """Plain dictionary for JSON; a NaN becomes null."""
        return {
            "name": self.name,
            "value": self.value if math.isfinite(self.value) else None,
            "threshold": self.threshold if math.isfinite(self.threshold) else None,
            "verdict": self.verdict,
            **({"where": self.where} if self.where else {}),
            **({"side": self.side} if self.side else {}),
            **({"inside": [end if math.isfinite(end) else None for end in self.inside]} if self.inside else {}),
        }
