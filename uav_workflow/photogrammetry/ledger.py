"""What was sent to a node, on disk before the first byte leaves, so that a killed worker finds its task again."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from uav_workflow.errors import NodeError
from uav_workflow.photogrammetry.identity import attempt_uuid

FILE = "node_task.json"
MAX_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    task: str
    node: str
    name: str
    attempt: int = 1
    session: int = 1
    state: str = "new"
    """new -> committed -> completed -> unpacked, or failed."""
    reasons: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


class Ledger:
    """The record ``node_task.json`` and the list of files that arrived; every change is on disk when the call returns.

    Made by `Ledger.open`. Attempts rise when a task failed, was cancelled or got lost; sessions rise inside an
    attempt when an upload can't be finished under its uuid.
    """

    def __init__(self, work: Path, record: _Record) -> None:
        self._work = work
        self._record = record
        self._lock = threading.Lock()

    @classmethod
    def open(cls, work: Path, *, task: str, node: str, name: str) -> Ledger:
        """Continue the record of this task, or begin one; a record of another task or node is replaced."""
        work.mkdir(parents=True, exist_ok=True)
        record = _read(work / FILE)
        if record is None or record.task != task or record.node != node:
            record = _Record(task=task, node=node, name=name)
        ledger = cls(work, record)
        ledger._save()
        return ledger

    @property
    def uuid(self) -> str:
        """Uuid on the node."""
        return attempt_uuid(self._record.task, self._record.attempt, self._record.session)

    @property
    def state(self) -> str:
        """new, committed, completed, unpacked or failed."""
        return self._record.state

    @property
    def attempt(self) -> int:
        """1 to `MAX_ATTEMPTS`."""
        return self._record.attempt

    @property
    def session(self) -> int:
        """Upload session within the attempt, from 1."""
        return self._record.session

    @property
    def path(self) -> Path:
        """The record's file."""
        return self._work / FILE

    def enter(self, state: str, reason: str = "") -> None:
        """Record a new state, with the reason of a failure."""
        reasons = (*self._record.reasons, reason.splitlines()[0]) if reason else self._record.reasons
        self._record = replace(self._record, state=state, reasons=reasons)
        self._save()

    def next_attempt(self, reason: str) -> None:
        """Begin another attempt.

        Raises
        ------
        NodeError
            It would be the fourth.
        """
        if self._record.attempt >= MAX_ATTEMPTS:
            history = "; ".join((*self._record.reasons, reason.splitlines()[0])[-MAX_ATTEMPTS:])
            raise NodeError(
                f"{self._record.node}: given up after {MAX_ATTEMPTS} attempts ({history}); "
                f"mend the cause, then delete {self.path} to allow more"
            )
        reasons = (*self._record.reasons, reason.splitlines()[0])
        self._record = replace(self._record, attempt=self._record.attempt + 1, session=1, state="new", reasons=reasons)
        self._save()

    def next_session(self, reason: str) -> None:
        """Begin another upload session of this attempt, under a fresh uuid."""
        reasons = (*self._record.reasons, reason.splitlines()[0])
        self._record = replace(self._record, session=self._record.session + 1, state="new", reasons=reasons)
        self._save()

    def leave_out(self, options: Sequence[str]) -> None:
        """Record options that were not sent because the node does not have them."""
        self._record = replace(self._record, left_out=tuple(options))
        self._save()

    def sent(self) -> set[str]:
        """Names of the files whose arrival the node confirmed in this session."""
        path = self._sent_path()
        return set(path.read_text("utf-8").split("\n")[:-1]) if path.exists() else set()

    def begun(self) -> set[str]:
        """Names of the files that were begun in this session; begun and not sent means that the answer was lost."""
        path = self._begun_path()
        return set(path.read_text("utf-8").split("\n")[:-1]) if path.exists() else set()

    def mark_begun(self, name: str) -> None:
        """Record that a file is about to leave."""
        self._append(self._begun_path(), name)

    def mark_sent(self, name: str) -> None:
        """Record that the node confirmed a file."""
        self._append(self._sent_path(), name)

    def _append(self, path: Path, name: str) -> None:
        with self._lock, path.open("a", encoding="utf-8", newline="\n") as stream:
            stream.write(f"{name}\n")
            stream.flush()
            os.fsync(stream.fileno())

    def _sent_path(self) -> Path:
        return self._work / f"sent-{self.uuid}.txt"

    def _begun_path(self) -> Path:
        return self._work / f"begun-{self.uuid}.txt"

    def _save(self) -> None:
        scratch = self.path.with_suffix(".tmp")
        document = {**asdict(self._record), "uuid": self.uuid}
        with scratch.open("w", encoding="utf-8") as stream:
            json.dump(document, stream, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
        scratch.replace(self.path)


def _read(path: Path) -> _Record | None:
    """The record on disk; None when there is none or it was cut by a full disk."""
    try:
        document = json.loads(path.read_text("utf-8"))
        document.pop("uuid", None)
        return _Record(**{**document, "reasons": tuple(document["reasons"]), "left_out": tuple(document["left_out"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
