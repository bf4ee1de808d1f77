"""Finished figures stay valid exactly as long as the code that made them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import reached


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "__init__.py").write_text("")
    (tmp_path / "room" / "used.py").write_text("def one():\n    from room import deep\n    return deep\n")
    (tmp_path / "room" / "deep.py").write_text("VALUE = 1\n")
    (tmp_path / "room" / "other.py").write_text("VALUE = 1\n")
    (tmp_path / "program.py").write_text("import room.used\n")
    (tmp_path / "panel.yaml").write_text("red: 0.5\n")
    monkeypatch.setattr(reached, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize("changed", ["program.py", "room/used.py", "room/deep.py", "panel.yaml"])
def test_a_change_in_what_is_used_is_seen(repository: Path, changed: str) -> None:
    before = reached.digest_of_code("program.py", data=".")
    (repository / changed).write_text((repository / changed).read_text() + "# changed\n")
    assert reached.digest_of_code("program.py", data=".") != before


def test_a_change_elsewhere_leaves_figures_valid(repository: Path) -> None:
    before = reached.digest_of_code("program.py")
    (repository / "room" / "other.py").write_text("VALUE = 2\n")
    (repository / "panel.yaml").write_text("red: 0.6\n")
    assert reached.digest_of_code("program.py") == before
