"""Where the node keeps things, and how a state gets to disk so that a kill -9 can't lose it."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from uav_workflow.domain.product import Json
from uav_workflow.node.filing import sync_folder
from uav_workflow.node.task import Task

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])")


class TaskFiles:
    """The data directory: ``uploads/<uuid>`` becomes ``tasks/<uuid>`` by one rename when a task is committed.

    A folder holds ``project/images`` with the photos, ``session.json`` (what init said), ``state.json`` (the task's
    last transition), ``task_output.txt`` in the project and, when finished, ``all.zip``.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.uploads = data_dir / "uploads"
        self.tasks = data_dir / "tasks"
        self._trash = data_dir / "trash"
        for folder in (self.uploads, self.tasks, self._trash):
            folder.mkdir(parents=True, exist_ok=True)

    def upload(self, uuid: str) -> Path:
        """Folder of an upload session."""
        return self.uploads / uuid

    def project(self, uuid: str) -> Path:
        """Folder the engine works in."""
        return self.tasks / uuid / "project"

    def output(self, uuid: str) -> Path:
        """Console copy, written by the engine's process itself."""
        return self.project(uuid) / "task_output.txt"

    def archive(self, uuid: str) -> Path:
        """The result."""
        return self.tasks / uuid / "all.zip"

    def mark(self, uuid: str) -> str:
        """What the processes that work on a task carry in their environment; without an id, how all of them begin."""
        return f"{self.data_dir.resolve()}:{uuid}"

    def save(self, task: Task) -> None:
        """Write a transition; when this returns, it survives a kill and a power loss."""
        write_json(self.tasks / task.uuid / "state.json", task.to_json())

    def adopt_upload(self, task: Task) -> None:
        """Turn the upload session of that uuid into the task, in one step."""
        folder = self.upload(task.uuid)
        write_json(folder / "state.json", task.to_json())
        folder.rename(self.tasks / task.uuid)
        sync_folder(self.tasks)

    def load(self) -> Iterator[Task | Path]:
        """Every task on disk; the folder's path where its state can't be read (it is left as it is)."""
        for folder in sorted(self.tasks.iterdir()):
            try:
                yield Task.from_json(json.loads((folder / "state.json").read_text("utf-8")))
            except (OSError, ValueError, KeyError, TypeError):
                yield folder

    def discard(self, folder: Path) -> None:
        """Delete a folder; it is gone from its place at once, so that a kill in between leaves no half task."""
        if not folder.exists():
            return
        grave = self._trash / f"{folder.name}.{os.getpid()}.{os.urandom(4).hex()}"
        folder.rename(grave)
        shutil.rmtree(grave, ignore_errors=True)

    def empty_trash(self) -> None:
        """Delete what an earlier life of the node did not get to delete."""
        for leftover in self._trash.iterdir():
            shutil.rmtree(leftover, ignore_errors=True)

    def output_lines(self, uuid: str, *, growing: bool = False) -> list[str]:
        """Lines of the console copy, trimmed, without colours; empty when there is none yet.

        While it grows, a line that is still being written is held back: who asks for the lines from N on would miss
        its end.
        """
        try:
            # as bytes: reading as text would make lines of a progress bar's carriage returns
            text = self.output(uuid).read_bytes().decode("utf-8", "replace")
        except FileNotFoundError:
            return []
        lines = text.split("\n")
        if growing or not lines[-1]:
            lines.pop()
        return [_ANSI.sub("", line).rstrip("\r").rsplit("\r", 1)[-1].strip() for line in lines]

    def say(self, uuid: str, line: str) -> None:
        """Add a line of the node's own to the console copy."""
        path = self.output(uuid)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as stream:
            if stream.tell():
                stream.seek(-1, os.SEEK_END)
            # an engine that was killed may have left half a line
            begun = stream.read(1) not in (b"", b"\n")
            stream.write(("\n" * begun + " ".join(line.splitlines()) + "\n").encode("utf-8", "replace"))


def write_json(path: Path, document: Json | dict[str, Json]) -> None:
    """Replace a JSON file: written beside, flushed to the disk, renamed."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with scratch.open("w", encoding="utf-8") as stream:
            json.dump(document, stream, ensure_ascii=False)
            stream.flush()
            os.fsync(stream.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
    sync_folder(path.parent)
