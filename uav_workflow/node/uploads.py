"""Upload sessions: from init to commit, on disk all the while."""

from __future__ import annotations

import filecmp
import json
import os
import re
import uuid as uuid_module
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from uav_workflow.domain.product import Json
from uav_workflow.engine.options import OPTIONS
from uav_workflow.node.multipart import Form, ReceivedFile
from uav_workflow.node.option_input import parse_options
from uav_workflow.node.refusal import Refusal
from uav_workflow.node.task import now_ms
from uav_workflow.node.task_files import TaskFiles, write_json

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-7][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_UNSUPPORTED = {
    "align.las": "aligning to a reference cloud",
    "align.laz": "aligning to a reference cloud",
    "align.tif": "aligning to a reference surface",
    "seed.zip": "going on from another run's files",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What init said of the task to come."""

    uuid: str
    name: str
    options: list[dict[str, Json]]
    outputs: tuple[str, ...]
    skip_post_processing: bool
    date_created: int

    @classmethod
    def from_fields(cls, uuid: str, fields: dict[str, str]) -> Session:
        """Check the text fields of init or new.

        Raises
        ------
        Refusal
            Bad options, or a wish this node does not grant.
        """
        for name in ("zipurl", "webhook"):
            if fields.get(name):
                raise Refusal(
                    f"{name} is not allowed here: this node opens no connections of its own; upload the photos and "
                    "ask for the status instead",
                    no_retry=True,
                )
        created = fields.get("dateCreated", "")
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return cls(
            uuid=uuid,
            name=fields.get("name") or f"Task of {stamp}",
            options=parse_options(fields.get("options"), OPTIONS),
            outputs=_parse_outputs(fields.get("outputs")),
            skip_post_processing=fields.get("skipPostProcessing") == "true",
            date_created=int(created) if re.fullmatch(r"\d{1,16}", created) else now_ms(),
        )

    def to_json(self) -> dict[str, Json]:
        """Plain dictionary for session.json."""
        return {
            "uuid": self.uuid,
            "name": self.name,
            "options": list(self.options),
            "outputs": list(self.outputs),
            "skip_post_processing": self.skip_post_processing,
            "date_created": self.date_created,
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Session:
        """Inverse of `to_json`."""
        return cls(**{**document, "outputs": tuple(document["outputs"])})


class Uploads:
    """The sessions that are open. All state lies in the folders, so a restart of the node changes nothing."""

    def __init__(self, files: TaskFiles) -> None:
        self._files = files
        self._clear_parts()

    def open(self, session: Session) -> None:
        """Start a session, or overwrite what an earlier init of the same id said; its files stay."""
        folder = self._files.upload(session.uuid)
        (folder / "project" / "images").mkdir(parents=True, exist_ok=True)
        (folder / "parts").mkdir(exist_ok=True)
        write_json(folder / "session.json", session.to_json())

    def session(self, uuid: str) -> Session:
        """Session of an id; `Refusal` when there is none."""
        if not _UUID.fullmatch(uuid):
            raise Refusal("Invalid uuid (not found)")
        try:
            return Session.from_json(json.loads((self._files.upload(uuid) / "session.json").read_text("utf-8")))
        except (OSError, ValueError, TypeError, KeyError):
            raise Refusal("Invalid uuid (not found)") from None

    def parts(self, uuid: str) -> Path:
        """Where the session's bodies are received."""
        return self._files.upload(uuid) / "parts"

    def keep(self, uuid: str, form: Form) -> None:
        """Give the received files their names; all of them, or none when a name is refused."""
        if not form.files:
            raise Refusal("Need at least 1 file.", no_retry=True)
        try:
            named = [(file, safe_name(file.name)) for file in form.files]
            images = self._files.upload(uuid) / "project" / "images"
            for file, name in named:
                _place(file, images, name)
        finally:
            form.discard()

    def count(self, uuid: str) -> int:
        """Files uploaded so far, special ones included."""
        return sum(1 for _ in (self._files.upload(uuid) / "project" / "images").iterdir())

    def close(self, uuid: str) -> None:
        """Drop a session with its files."""
        self._files.discard(self._files.upload(uuid))

    def _clear_parts(self) -> None:
        """Bodies that were open when an earlier life of the node ended."""
        for part in self._files.uploads.glob("*/parts/*.part"):
            part.unlink(missing_ok=True)


def task_uuid(wanted: str | None) -> str:
    """Id of a new task: the client's, in lower case, or a fresh one."""
    if wanted is None:
        return str(uuid_module.uuid4())
    uuid = wanted.strip().lower()
    if not _UUID.fullmatch(uuid):
        raise Refusal(f"Invalid set-uuid: {wanted} is not a UUID", no_retry=True)
    return uuid


def safe_name(name: str) -> str:
    """Base name under which an upload is stored.

    Raises
    ------
    Refusal
        The name tries to leave the folder, or asks for something the engine does not do.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    base = path.name
    if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", name) or not base or base.startswith("."):
        raise Refusal(f"File name {name!r} is refused: it must be a plain name inside the task's folder", no_retry=True)
    if any(ord(letter) < 32 for letter in base) or len(base.encode("utf-8", "surrogatepass")) > 240:
        raise Refusal(f"File name {name!r} is refused: control characters, or longer than 240 bytes", no_retry=True)
    if wish := _UNSUPPORTED.get(base.lower()):
        raise Refusal(f"{base} is refused: this node's engine does not support {wish}", no_retry=True)
    if base.lower().endswith(".zip"):
        raise Refusal(f"{base} is refused: upload the photos themselves, archives are not unpacked", no_retry=True)
    return base


def _place(file: ReceivedFile, images: Path, name: str) -> None:
    """Flush a received file and link it to a free name; a copy of what is there already is dropped."""
    with file.path.open("rb") as stream:
        os.fsync(stream.fileno())
    candidate = images / name
    while True:
        try:
            os.link(file.path, candidate)
        except FileExistsError:
            if filecmp.cmp(file.path, candidate, shallow=False):
                return
            candidate = candidate.with_name(f"{candidate.stem}_{candidate.suffix}")
        else:
            return


def _parse_outputs(text: str | None) -> tuple[str, ...]:
    """Paths asked for; an empty or unreadable list means the usual ones."""
    try:
        document = json.loads(text) if text else []
    except ValueError:
        return ()
    if not isinstance(document, list):
        return ()
    paths = [PurePosixPath(str(item)) for item in document if isinstance(item, str) and item.strip()]
    for path in paths:
        if path.is_absolute() or ".." in path.parts:
            raise Refusal(f"outputs: {path} leaves the task's folder", no_retry=True)
    return tuple(str(path) for path in paths)
