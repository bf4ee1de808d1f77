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


def rows(record: Record, out: Path, table: int, language: int = 0) -> list[list[str]]:
    page = write_quality_form(record, out)[language]
    tree = html.fromstring(page.read_bytes())
    return [[cell.text_content() for cell in row.xpath("td")] for row in tree.xpath(f"(//table)[{table}]//tr[td]")]


def test_every_check_with_its_verdict(tmp_path: Path) -> None:
    record = records.full(tmp_path)
    assert rows(record, tmp_path, 2) == [["RMSE z", "4 cm", "<= 5 cm"]]
    assert rows(record, tmp_path, 1) == [
        ["geometry", "number of check points check points", "–", ">= 30", "not made"],
        ["completeness", "valid share", "0.91", ">= 0.95", "waived by Ada Example: a lake lies in the area"],
        [
            "calibration",
            "calibration panel: spread of its brightness (NIR) panel-cv[NIR] panels/IMG_1.tif",
            "7 %",
            "<= 6 %",
            "failed",
        ],
    ]


def test_the_chinese_form_has_the_same_checks_in_chinese_words(tmp_path: Path) -> None:
    record = records.full(tmp_path)
    english, chinese = (rows(record, tmp_path, 1, language) for language in (0, 1))

    assert [row[2:4] for row in chinese] == [row[2:4] for row in english]
    assert [row[4][:3] for row in chinese] == ["未检查", "豁免 ", "未通过"]
    assert chinese[2][:2] == ["辐射定标", "定标板亮度离散度（近红外） panel-cv[NIR] panels/IMG_1.tif"]
    assert "Ada Example: a lake lies in the area" in chinese[1][4]
    said = (tmp_path / "quality_form_zh.html").read_text("utf-8")
    assert record.title_zh in said
    assert 'lang="zh"' in said


def test_a_line_that_stands_for_others_says_so(tmp_path: Path) -> None:
    record = records.full(tmp_path)
    found = rows(replace(record, checks=(replace(record.checks[0], count=5),)), tmp_path, 1)
    assert found[0][0] == "RMSE z (worst of 5)"


def test_counts(tmp_path: Path) -> None:
    record = records.full(tmp_path)
    english, chinese = write_quality_form(replace(record, checks=(*record.checks, record.checks[0])), tmp_path)[2:]

    assert "passed: 2, failed: 1, waived: 1, not made: 1." in english.read_text("utf-8")
    assert "通过: 2, 未通过: 1, 豁免: 1, 未检查: 1." in chinese.read_text("utf-8")


@pytest.mark.parametrize(("n", "stage"), [(0, 0), (1, 1), (29, 1), (30, 1), (5000, 1)])
def test_stage(n: int, stage: int) -> None:
    assert ceos.stage(n) == stage


def test_validation_with_n_and_stage(tmp_path: Path) -> None:
    record = records.full(tmp_path)
    many = replace(record.validations[0], variable="height", unit="m", n=40)
    flight = replace(record.flights[0], variables=("fvc", "agb"))
    found = rows(replace(record, validations=(*record.validations, many), flights=(flight,)), tmp_path, 3)

    assert [row[1:3] for row in found] == [
        ["fvc fvc", "n = 24"],
        ["height height, m", "n = 40"],
        ["agb agb", "n = 0"],
    ]
    assert [row[6].partition(":")[0] for row in found] == ["Stage 1", "Stage 1", "Stage 0"]
    assert "peer review" in found[1][6]
    assert found[0][5] == "RMSE 0.06, R² 0.9"


def test_the_abstract_says_of_which_flight_a_figure_is(tmp_path: Path) -> None:
    record = records.full(tmp_path)
    alone = replace(record, flights=record.flights[:1])
    assert [("20250705_one" in text) for text in abstracts(record)] == [True, True]
    assert [("20250705_one" in text) for text in abstracts(alone)] == [False, False]


def test_the_abstract_of_two_cameras_says_both_pixels(tmp_path: Path) -> None:
    record = records.full(tmp_path)
    flights = tuple(
        replace(flight, photos=20, sensor="rgb", pixel_m=pixel)
        for flight, pixel in zip(record.flights, (0.013, 0.019), strict=True)
    )
    english, chinese = abstracts(replace(record, flights=flights))
    assert "2025-07-05/2025-07-06: 40 captures, sensor rgb, 1.3 – 1.9 cm a pixel." in english
    assert "（共40次曝光，传感器：rgb，地面分辨率1.3 – 1.9厘米）" in chinese


def test_a_variable_validated_on_one_flight_is_not_so_on_another(tmp_path: Path) -> None:
    record = records.full(tmp_path)
    flights = tuple(replace(flight, variables=("fvc",)) for flight in record.flights)
    found = rows(replace(record, flights=flights), tmp_path, 3)

    assert [(row[0], row[2]) for row in found] == [("20250705_one", "n = 24"), ("20250706_two", "n = 0")]


def test_text_is_escaped(tmp_path: Path) -> None:
    record = records.full(tmp_path)
    check = replace(record.checks[2], reason="<b>a | b</b>")
    page, _, text, _ = write_quality_form(replace(record, checks=(check,)), tmp_path)

    assert "<b>a" not in page.read_text("utf-8")
    assert "&lt;b>a \\| b&lt;/b>" in text.read_text("utf-8")


def test_without_checks_says_so(tmp_path: Path) -> None:
    said = [path.read_text("utf-8") for path in write_quality_form(records.bare(tmp_path), tmp_path)]
    assert ["No check is on record." in text for text in said] == [True, False, True, False]
    assert ["无检查记录。" in text for text in said] == [False, True, False, True]
