"""What was sent to a node, on disk before the first byte leaves, so that a killed worker finds its task again."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from uav_workflow.domain.product import Json
from uav_workflow.errors import NodeError
from uav_workflow.photogrammetry.failure import disk_failure
from uav_workflow.photogrammetry.fallback import Lowered
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
    lowered: tuple[Lowered, ...] = ()
    crashes: int = 0
    """Times the node went down right after it took the task with the options of now."""
    node_version: str = ""


class Ledger:
    """The record ``node_task.json`` and the list of files that arrived; every change is on disk when the call returns.

    Made by `Ledger.open`. Attempts rise when a task failed, was cancelled or got lost; sessions rise inside an
    attempt when an upload can't be finished under its uuid.
    """

    def __init__(self, work: Path, record: _Record, *, begins: bool) -> None:
        self.begins = begins
        """There was no record of this task."""
        self._work = work
        self._record = record
        self._lock = threading.Lock()

    @classmethod
    def open(cls, work: Path, *, task: str, node: str, name: str) -> Ledger:
        """Continue the record of this task, or begin one; a record of another task or node is replaced."""
        work.mkdir(parents=True, exist_ok=True)
        record = _read(work / FILE)
        begins = record is None or record.task != task or record.node != node
        if record is None or begins:
            record = _Record(task=task, node=node, name=name)
        ledger = cls(work, record, begins=begins)
        ledger._save()
        return ledger

    @property
    def uuid(self) -> str:
        """Uuid on the node."""
        changed = {step.option: step.now for step in self.lowered}
        return attempt_uuid(self._record.task, self._record.attempt, self._record.session, changed)

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
    def is_last_attempt(self) -> bool:
        """No attempt may follow."""
        return self._record.attempt >= MAX_ATTEMPTS

    @property
    def comes_last(self) -> bool:
        """The attempt after this one is the last."""
        return self._record.attempt + 1 >= MAX_ATTEMPTS

    @property
    def node_version(self) -> str:
        """What the node said it was; empty before it was asked."""
        return self._record.node_version

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why attempts and sessions were given up, one line each."""
        return self._record.reasons

    @property
    def left_out(self) -> tuple[str, ...]:
        """Options that were not sent because the node does not have them."""
        return self._record.left_out

    @property
    def lowered(self) -> tuple[Lowered, ...]:
        """Options that were lowered because the node ran out of memory, in order."""
        return self._record.lowered

    @property
    def crashes(self) -> int:
        """Times the node went down right after it took the task with the options of now."""
        return self._record.crashes

    @property
    def path(self) -> Path:
        """The record's file."""
        return self._work / FILE

    def enter(self, state: str, reason: str = "") -> None:
        """Record a new state, with the reason of a failure."""
        self._change(reason, state=state)

    def next_attempt(self, reason: str = "", lowered: Sequence[Lowered] = ()) -> None:
        """Begin another attempt, with milder options where some are given.

        Raises
        ------
        NodeError
            It would be the fourth.
        """
        if self.is_last_attempt:
            history = "; ".join((*self.reasons, *filter(None, [_first_line(reason)]))[-MAX_ATTEMPTS:])
            raise NodeError(
                f"{self._record.node}: given up after {MAX_ATTEMPTS} attempts ({history}); mend the cause, then remove "
                f"the tasks {', '.join(self._uuids())} on the node and delete {self.path} to allow more"
            )
        self._change(
            reason,
            attempt=self._record.attempt + 1,
            session=1,
            state="new",
            lowered=(*self.lowered, *lowered),
            crashes=0 if lowered else self.crashes,
        )

    def next_session(self, reason: str) -> None:
        """Begin another upload session of this attempt, under a fresh uuid."""
        self._change(reason, session=self._record.session + 1, state="new")

    def note_crash(self) -> None:
        """Record that the node went down right after it took the task."""
        self._change(crashes=self.crashes + 1)

    def adopt(self, attempt: int, session: int) -> None:
        """Continue a task that was found on the node, of a record that is lost."""
        self._change("found on the node, its record was lost", attempt=attempt, session=session)

    def note_node(self, version: str, left_out: Sequence[str]) -> None:
        """Record what the node is, and the options that are not sent because it does not have them."""
        self._change(node_version=version, left_out=tuple(left_out))

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
        with self._lock, self._disk(path), path.open("a", encoding="utf-8", newline="\n") as stream:
            stream.write(f"{name}\n")
            stream.flush()
            os.fsync(stream.fileno())

    def _sent_path(self) -> Path:
        return self._work / f"sent-{self.uuid}.txt"

    def _begun_path(self) -> Path:
        return self._work / f"begun-{self.uuid}.txt"

    def _uuids(self) -> list[str]:
        """Names of the attempts so far, of the options of now."""
        changed = {step.option: step.now for step in self.lowered}
        return [attempt_uuid(self._record.task, number + 1, 1, changed) for number in range(self.attempt)]

    def _change(self, reason: str = "", **fields: Json | tuple[object, ...]) -> None:
        reasons = (*self.reasons, *filter(None, [_first_line(reason)]))
        self._record = replace(self._record, reasons=reasons, **fields)  # type: ignore[arg-type]
        self._save()

    def _save(self) -> None:
        scratch = self.path.with_suffix(".tmp")
        document = {**asdict(self._record), "uuid": self.uuid}
        with self._disk(scratch), scratch.open("w", encoding="utf-8") as stream:
            json.dump(document, stream, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
        scratch.replace(self.path)

    @contextmanager
    def _disk(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            raise disk_failure(exc, path, "the record of the task") from exc


def _first_line(reason: str) -> str:
    return next(iter(reason.splitlines()), "")


def _read(path: Path) -> _Record | None:
    """The record on disk; None when there is none or it was cut by a full disk."""
    try:
        document = json.loads(path.read_text("utf-8"))
        document.pop("uuid", None)
        lowered = tuple(Lowered(**row) for row in document.pop("lowered", ()))
        lists = {name: tuple(document[name]) for name in ("reasons", "left_out")}
        return _Record(**{**document, **lists, "lowered": lowered})
    except (OSError, ValueError, TypeError, KeyError):
        return None
