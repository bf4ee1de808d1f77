"""Findings on a narrow screen: what people search for stays in one piece."""

from __future__ import annotations

import io

from rich.console import Console

from uav_workflow.cli.output import findings_table
from uav_workflow.findings import info, warning


def test_codes_stay_whole_and_nothing_is_cut_away() -> None:
    stream = io.StringIO()
    where = "data/20260724-903fbf5be6/collection.json"
    findings = [
        info("publication-field-missing", "funding", "is not filled in", "write it"),
        warning("handover-licence-differs", where, "the catalog states another licence", "run the flight again"),
    ]
    Console(file=stream, width=80).print(findings_table(findings))
    text = stream.getvalue()
    assert "publication-field-missing" in text
    assert text.index("handover-licence-differs") < text.index("publication-field-missing")
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    folded = "".join("".join(line[36:58].split()) for line in text.splitlines())
    assert where in folded
