"""The quality form: every check with its verdict, counts that add up, no stage beyond what the ground allows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import format_records as records
import pytest
from lxml import html

from uav_workflow.publication import ceos
from uav_workflow.publication.quality_form import write_quality_form
from uav_workflow.publication.record import Record
from uav_workflow.publication.titles import abstracts


def rows(record: Record, out: Path, table: int) -> list[list[str]]:
    page, _ = write_quality_form(record, out)
    tree = html.fromstring(page.read_bytes())
    return [[cell.text_content() for cell in row.xpath("td")] for row in tree.xpath(f"(//table)[{table}]//tr[td]")]


def test_every_check_with_its_verdict(tmp_path: Path) -> None:
    one = "20250705_one"
    assert rows(records.full(tmp_path), tmp_path, 1) == [
        [one, "geometry", "RMSE z", "4 cm", "<= 5 cm", "passed"],
        [one, "geometry", "check points", "–", ">= 30", "not made"],
        [one, "completeness", "valid share", "0.91", ">= 0.95", "waived by Ada Example: a lake lies in the area"],
        [one, "radiometry", "panel", "3 %", "<= 2 %", "failed"],
    ]


def test_counts(tmp_path: Path) -> None:
    record = records.full(tmp_path)
    _, text = write_quality_form(replace(record, checks=(*record.checks, record.checks[0])), tmp_path)

    assert "2 passed, 1 failed, 1 waived, 1 not made." in text.read_text("utf-8")


@pytest.mark.parametrize(("n", "stage"), [(0, 0), (1, 1), (29, 1), (30, 1), (5000, 1)])
def test_stage(n: int, stage: int) -> None:
    assert ceos.stage(n) == stage


def test_validation_with_n_and_stage(tmp_path: Path) -> None:
    record = records.full(tmp_path)
    many = replace(record.validations[0], variable="height", unit="m", n=40)
    flight = replace(record.flights[0], variables=("fvc", "agb"))
    found = rows(replace(record, validations=(*record.validations, many), flights=(flight,)), tmp_path, 2)

    assert [row[1:3] for row in found] == [["fvc", "n = 24"], ["height, m", "n = 40"], ["agb", "n = 0"]]
    assert [row[6].partition(":")[0] for row in found] == ["stage 1", "stage 1", "stage 0"]
    assert "peer review" in found[1][6]
    assert found[0][5] == "rmse 0.06, r2 0.9"


def test_the_abstract_says_of_which_flight_a_figure_is(tmp_path: Path) -> None:
    record = records.full(tmp_path)
    alone = replace(record, flights=record.flights[:1])
    assert [("20250705_one" in text) for text in abstracts(record)] == [True, True]
    assert [("20250705_one" in text) for text in abstracts(alone)] == [False, False]


def test_a_variable_validated_on_one_flight_is_not_so_on_another(tmp_path: Path) -> None:
    record = records.full(tmp_path)
    flights = tuple(replace(flight, variables=("fvc",)) for flight in record.flights)
    found = rows(replace(record, flights=flights), tmp_path, 2)

    assert [(row[0], row[2]) for row in found] == [("20250705_one", "n = 24"), ("20250706_two", "n = 0")]


def test_text_is_escaped(tmp_path: Path) -> None:
    record = records.full(tmp_path)
    check = replace(record.checks[2], reason="<b>a | b</b>")
    page, text = write_quality_form(replace(record, checks=(check,)), tmp_path)

    assert "<b>a" not in page.read_text("utf-8")
    assert "&lt;b>a \\| b&lt;/b>" in text.read_text("utf-8")


def test_without_checks_says_so(tmp_path: Path) -> None:
    for path in write_quality_form(records.bare(tmp_path), tmp_path):
        assert "No check is on record." in path.read_text("utf-8")
