"""The page of measured figures keeps what was not measured anew."""

from __future__ import annotations

from pathlib import Path

from benchmarks.results_page import ResultsPage

PARTS = ("first", "second", "third")


def test_a_part_replaces_its_own_section_alone(tmp_path: Path) -> None:
    path = tmp_path / "results.md"
    ResultsPage(path, PARTS).put("third", "Note.\n\n| a |\n|---|\n| 1 |")
    ResultsPage(path, PARTS).put("first", "Old.")
    ResultsPage(path, PARTS).put("first", "New.")
    text = path.read_text()
    assert text.index("## First\n\nNew.\n\n## Third\n\nNote.\n\n| a |\n|---|\n| 1 |\n") > 0
    assert "Old." not in text
    assert "## Second" not in text


def test_sections_stand_in_the_order_of_the_parts(tmp_path: Path) -> None:
    page = ResultsPage(tmp_path / "results.md", PARTS)
    for part in reversed(PARTS):
        page.put(part, part)
    text = (tmp_path / "results.md").read_text()
    assert [text.index(f"## {part.capitalize()}") for part in PARTS] == sorted(
        text.index(f"## {part.capitalize()}") for part in PARTS
    )
