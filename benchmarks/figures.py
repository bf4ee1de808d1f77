"""A measured figure and its bound."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass


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


def as_markdown(figures: Sequence[Figure], seed: int, revision: str) -> str:
    """Return the table."""
    lines = [
        "# Measured figures",
        "",
        f"Made by `make bench` at revision {revision}, seed {seed}, {os.cpu_count()} cores, {platform.machine()}.",
        "",
        "| what | value | bound | verdict |",
        "|---|---|---|---|",
    ]
    for figure in figures:
        sign = ">=" if figure.at_least else "<="
        bound = "" if figure.bound is None else f"{sign} {figure.bound:g}"
        verdict = "" if figure.bound is None else "missed" if figure.missed else "reached"
        unit = "" if figure.unit == "1" else f" {figure.unit}"
        lines.append(f"| {figure.what} | {figure.value:.4g}{unit} | {bound} | {verdict} |")
    return "\n".join(lines) + "\n"
