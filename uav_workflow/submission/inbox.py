"""The watched inbox: which folders are whole and not yet worked on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from uav_workflow.domain.digest import fingerprint
from uav_workflow.store import write_json
from uav_workflow.submission.handin import RECEIPT

QUIET_S = 30.0
"""A folder copied by hand counts as whole when nothing in it has changed for so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A folder that is whole, under the state in which it arrived."""

    folder: Path
    state: str


class Inbox:
    """Folders below an inbox, and what a workspace did with them.

    Parameters
    ----------
    folder : Path
        The inbox. Hidden folders are still being copied and are left alone.
    workspace : Path
        Remembers in ``inbox.json`` which state of which folder it has worked on, and how that ended.
    """

    def __init__(self, folder: Path, workspace: Path) -> None:
        self.folder = folder
        self._memory = workspace / "inbox.json"

    def arrivals(self) -> Iterator[Arrival]:
        """Whole folders whose present state has not been worked on, oldest first."""
        known = self.outcomes()
        folders = [path for path in self.folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
        for path in sorted(folders, key=lambda folder: folder.stat().st_mtime):
            state = _state(path)
            if state is not None and known.get(str(path.resolve()), {}).get("state") != state:
                yield Arrival(folder=path, state=state)

    def remember(self, arrival: Arrival, outcome: str, flight: str | None) -> None:
        """Note how the work on a folder ended, so that it is not tried again until it changes."""
        known = self.outcomes()
        known[str(arrival.folder.resolve())] = {"state": arrival.state, "outcome": outcome, "flight": flight or ""}
        self._memory.parent.mkdir(parents=True, exist_ok=True)
        write_json(self._memory, known)

    def outcomes(self) -> dict[str, dict[str, str]]:
        """Folder -> state, outcome and flight id."""
        try:
            known: dict[str, dict[str, str]] = json.loads(self._memory.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return known


def _state(folder: Path) -> str | None:
    """Digest of names, sizes and times; None while the folder is still being filled."""
    rows = []
    newest = folder.stat().st_mtime
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            facts = path.stat()
            newest = max(newest, facts.st_mtime, facts.st_ctime)
            rows.append([path.relative_to(folder).as_posix(), facts.st_size, facts.st_mtime_ns])
    if not rows:
        return None
    handed_in = (folder / RECEIPT).is_file()
    return fingerprint(rows) if handed_in or time.time() - newest > QUIET_S else None
