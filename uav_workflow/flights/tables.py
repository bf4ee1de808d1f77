"""Delimited tables, read without guessing what a number means."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from uav_workflow.findings import Finding, error, info, warning
from uav_workflow.flights.text import read_text

_MISSING = {"", "na", "n/a", "nan", "null", "none", "-", "-9999", "-9999.0", "-999", "."}
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: line number in the file and the cells by column key."""

    line: int
    cells: dict[str, str]

    def text(self, column: str) -> str | None:
        """Stripped cell, None when empty or a code for missing (NA, -9999 …)."""
        value = self.cells.get(column, "").strip()
        return None if value.lower() in _MISSING else value


@dataclass(slots=True)
class Table:
    """Rows of a delimited file.

    Attributes
    ----------
    columns : tuple of str
        Headers as house keys (``plot_id``); a header fits a key when letters and digits agree (``Plot ID``).
    findings : list of Finding
        Grows while numbers are read.
    """

    where: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    findings: list[Finding] = field(default_factory=list)
    _comma_columns: set[str] = field(default_factory=set)

    def at(self, row: Row) -> str:
        """Where a row is, for findings: ``observations.csv:12``."""
        return f"{self.where}:{row.line}"

    def number(self, row: Row, column: str) -> float | None:
        """Cell as float; None when missing or not a number, which is then said (``not-a-number``).

        ``12,5`` is a decimal comma and is said once a column; ``1,234`` may be either and is refused
        (``ambiguous-number``) unless another value of the column shows that commas are decimal.
        """
        text = row.text(column)
        if text is None:
            return None
        if "," in text and _DECIMAL_COMMA.fullmatch(text):
            if _GROUPED.fullmatch(text) and not self._commas_are_decimal(column):
                message = f"{column} '{text}' may be a decimal comma or a thousands comma; the row is not used"
                self.findings.append(warning("ambiguous-number", self.at(row), message, "write it with a point"))
                return None
            if column not in self._comma_columns:
                self._comma_columns.add(column)
                self.findings.append(info("decimal-comma", self.where, f"{column} is written with decimal commas"))
            text = text.replace(",", ".")
        try:
            value = float(text)
        except ValueError:
            self.findings.append(warning("not-a-number", self.at(row), f"{column} '{text}' is no number", "correct it"))
            return None
        return value if math.isfinite(value) else None

    def _commas_are_decimal(self, column: str) -> bool:
        values = [row.cells.get(column, "").strip() for row in self.rows]
        return any(_DECIMAL_COMMA.fullmatch(v) and not _GROUPED.fullmatch(v) for v in values)


def read_table(path: Path, where: str, known: Sequence[str], required: Sequence[str]) -> Table:
    """Read a CSV file with any of ``, ; tab |`` between its cells; lines starting with ``#`` are passed over.

    Parameters
    ----------
    path : Path
    where : str
        Name for findings.
    known : sequence of str
        House keys of the columns that are understood; others stay under their own header.
    required : sequence of str
        Keys that must be there, else ``missing-column`` (an error) and no rows.
    """
    text = read_text(path, where)
    findings = list(text.findings)
    numbered = [(n, line) for n, line in enumerate(text.lines, start=1) if line.strip() and not line.startswith("#")]
    if not numbered:
        return Table(where, (), (), [*findings, error("empty-table", where, "the table is empty", "remove or fill it")])
    delimiter = max(",;\t|", key=numbered[0][1].count)
    parsed = list(csv.reader((line for _, line in numbered), delimiter=delimiter))
    columns = tuple(_key(header, known) for header in parsed[0])
    missing = [name for name in required if name not in columns]
    if missing:
        message = f"column {', '.join(missing)} is missing; there are {', '.join(parsed[0])}"
        findings.append(error("missing-column", where, message, "rename or add the column"))
        return Table(where, columns, (), findings)
    rows = []
    for (line, _), cells in zip(numbered[1:], parsed[1:], strict=False):
        if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
            message = f"{len(cells)} cells under {len(columns)} headers; the row is not used"
            hint = "put text with the delimiter into quotes, or write decimals with a point"
            findings.append(warning("wrong-cell-count", f"{where}:{line}", message, hint))
        elif any(cell.strip() for cell in cells):
            rows.append(Row(line, dict(zip(columns, cells, strict=False))))
    return Table(where, columns, tuple(rows), findings)


def _key(header: str, known: Sequence[str]) -> str:
    plain = _plain(header)
    return next((name for name in known if _plain(name) == plain), header.strip())


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def property_key(header: str, known: Sequence[str]) -> str:
    """House key of an attribute's name (``PlotID`` -> ``plot_id``), the name itself when it is none."""
    return _key(header, known)


def parse_date(text: str | None) -> tuple[date | None, str]:
    """Date and, where it can't be read for sure, why.

    ISO order with any separator, ``YYYYMMDD`` and ``DD.MM.YYYY`` are certain; with slashes the order of day and month
    must follow from the numbers.
    """
    if text is None:
        return None, ""
    head = text.strip().split("T")[0].split(" ")[0]
    found = re.fullmatch(r"(\d{4})[-/.]?(\d{1,2})[-/.]?(\d{1,2})", head)
    if found:
        return _date(int(found[1]), int(found[2]), int(found[3]), head)
    found = re.fullmatch(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})", head)
    if not found:
        return None, f"'{text}' is no date"
    first, second, year = int(found[1]), int(found[3]), int(found[4])
    if found[2] == "." or first > 12 or first == second:
        return _date(year, second, first, head)
    if second > 12:
        return _date(year, first, second, head)
    return None, f"'{text}' may be day/month or month/day"


def _date(year: int, month: int, day: int, text: str) -> tuple[date | None, str]:
    try:
        return date(year, month, day), ""
    except ValueError:
        return None, f"'{text}' is no date"
