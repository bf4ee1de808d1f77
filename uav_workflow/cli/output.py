"""How commands speak: one JSON document or a table on standard output, everything else on standard error."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable
from enum import IntEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from uav_workflow.findings import Finding, Level, by_weight

out = Console(highlight=False)
log = Console(stderr=True, highlight=False)

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]

_COLOURS = {Level.ERROR: "red", Level.WARNING: "yellow", Level.INFO: "cyan"}


class Exit(IntEnum):
    """Exit status of every command."""

    DONE = 0
    DATA = 1
    """The user's data has errors; the findings are printed."""
    USAGE = 2
    SERVICE = 3
    """A node or service failed."""
    BOUND = 4
    """A bound was missed (demo, bench)."""
    INTERNAL = 5


def follow_tasks() -> None:
    """Show on standard error what the tasks say they are doing."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", "%H:%M:%S"))
    listener = logging.getLogger("tasks")
    listener.setLevel(logging.INFO)
    listener.addHandler(handler)
    listener.propagate = False


def emit(document: object) -> None:
    """Print one JSON document on standard output."""
    json.dump(document, sys.stdout, ensure_ascii=False, indent=2, default=str, allow_nan=False)
    sys.stdout.write("\n")


def findings_table(findings: Iterable[Finding]) -> Table:
    """Findings as a table, errors first."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("level", "code", "where", "what, and what to do"):
        # a code in two pieces is found by no search
        table.add_column(column, overflow="fold", no_wrap=column in {"level", "code"})
    for finding in by_weight(findings):
        text = finding.message + (f" → {finding.hint}" if finding.hint else "")
        # a file may be called IMG[1].JPG: brackets are text here, no markup
        level = Text(finding.level, style=_COLOURS[finding.level])
        table.add_row(level, Text(finding.code), Text(finding.where), Text(text))
    return table
