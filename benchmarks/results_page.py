"""benchmarks/results.md: one section a part, each with the command and revision that measured it."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

HEAD = """\
# Measured figures

Each section says which command measured it, and at which revision of the sources; a part that is measured anew
replaces its own section alone."""


class ResultsPage:
    """The sections of a page by part, in the order they are shown."""

    def __init__(self, path: Path, parts: Sequence[str]) -> None:
        self._path = path
        self._parts = tuple(parts)
        self._sections = _sections(path.read_text(encoding="utf-8")) if path.exists() else {}

    def put(self, part: str, text: str) -> None:
        """Replace the section of a part and write the page: what is measured stays, whatever ends the next part."""
        self._sections[part] = text
        known = [each for each in self._parts if each in self._sections]
        body = [f"## {each.capitalize()}\n\n{self._sections[each]}" for each in known]
        draft = self._path.with_suffix(".draft")
        draft.write_text("\n\n".join([HEAD, *body]) + "\n", encoding="utf-8")
        draft.rename(self._path)


def _sections(text: str) -> dict[str, str]:
    """Text below each second-level heading, by the part it is of."""
    found = {}
    for section in ("\n" + text).split("\n## ")[1:]:
        title, _, body = section.partition("\n")
        found[title.strip().lower()] = body.strip()
    return found


def provenance(command: str, page: Path) -> str:
    """Which command measured, at which revision, on what machine."""
    return f"Measured by `{command}` at revision {_revision(page)}, {os.cpu_count()} cores, {platform.machine()}."


def _revision(page: Path) -> str:
    """The commit, `-dirty` where files other than the page differ from it."""
    commit = _git(page.parent, "describe", "--always")
    changed = _git(page.parent, "status", "--porcelain", "--", ":/", f":(top,exclude)benchmarks/{page.name}")
    return f"{commit}-dirty" if commit and changed else commit or "unknown"


def _git(folder: Path, *arguments: str) -> str:
    answer = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False, cwd=folder)
    return answer.stdout.strip()
