"""A measured figure and its bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HEAD = "| what | value | bound | verdict |\n|---|---|---|---|"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row of results.md; a figure without a bound is printed and never missed."""

    what: str
    value: float
    unit: str
    bound: float | None = None
    at_least: bool = False

    @property
    def missed(self) -> bool:
        """NaN reaches nothing."""
        if self.bound is None:
            return False
        return not (self.value >= self.bound if self.at_least else self.value <= self.bound)

    def to_markdown(self) -> str:
        """Row of a table."""
        sign = ">=" if self.at_least else "<="
        bound = "" if self.bound is None else f"{sign} {self.bound:g}"
        verdict = "" if self.bound is None else "missed" if self.missed else "reached"
        unit = "" if self.unit == "1" else f" {self.unit}"
        return f"| {self.what} | {self.value:.4g}{unit} | {bound} | {verdict} |"


def as_table(figures: Sequence[Figure]) -> str:
    """Head and rows."""
    return "\n".join([HEAD, *(figure.to_markdown() for figure in figures)])
