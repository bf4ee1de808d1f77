"""Upload sessions: from init to commit, on disk all the while."""

from __future__ import annotations

import json
import math
from pathlib import Path

from uav_workflow.node.filing import place, safe_name, sync_folder
from uav_workflow.node.multipart import Form
from uav_workflow.node.refusal import Refusal
from uav_workflow.node.session import Session, is_uuid
from uav_workflow.node.task_files import TaskFiles, write_json


class Uploads:
    """The sessions that are open. All state lies in the folders, so a restart of the node changes nothing."""

    def __init__(self, files: TaskFiles) -> None:
        self._files = files
        self._clear_unfinished()

    def open(self, session: Session) -> None:
        """Start a session, or overwrite what an earlier init of the same id said; its files stay."""
        self.open_draft(session.uuid)
        write_json(self._files.upload(session.uuid) / "session.json", session.to_json())

    def open_draft(self, uuid: str) -> None:
        """Make room for files of which nobody knows yet what is to be made of them; no session until it has one."""
        folder = self._files.upload(uuid)
        (folder / "project" / "images").mkdir(parents=True, exist_ok=True)
        (folder / "parts").mkdir(exist_ok=True)

    def session(self, uuid: str) -> Session:
        """Session of an id; `Refusal` when there is none."""
        if not is_uuid(uuid):
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
        try:
            named = [(file, safe_name(file.name)) for file in form.files]
            images = self._files.upload(uuid) / "project" / "images"
            for file, name in named:
                place(file.path, images, name)
            sync_folder(images)
        finally:
            form.discard()

    def count(self, uuid: str) -> int:
        """Files uploaded so far, special ones included."""
        return sum(1 for _ in (self._files.upload(uuid) / "project" / "images").iterdir())

    def close(self, uuid: str) -> None:
        """Drop a session with its files."""
        self._files.discard(self._files.upload(uuid))

    def adopt(self, draft: str, session: Session) -> None:
        """Give the files that were received under a draft's id to a session of another, which must not be there yet."""
        if self._files.upload(session.uuid).exists():
            raise Refusal(f"Invalid set-uuid: {session.uuid} is an upload that is open already", no_retry=True)
        write_json(self._files.upload(draft) / "session.json", session.to_json())
        self._files.upload(draft).rename(self._files.upload(session.uuid))

    def unchanged_since(self, time_s: float) -> list[str]:
        """Ids of sessions to which nothing came since that time (seconds since 1970)."""
        return [folder.name for folder in self._files.uploads.iterdir() if _last_change(folder) < time_s]

    def _clear_unfinished(self) -> None:
        """What was on its way when an earlier life of the node ended: bodies, and one-call uploads."""
        for folder in list(self._files.uploads.iterdir()):
            if not (folder / "session.json").exists():
                self._files.discard(folder)
        for part in self._files.uploads.glob("*/parts/*.part"):
            part.unlink(missing_ok=True)


def _last_change(folder: Path) -> float:
    try:
        return max(path.stat().st_mtime for path in [folder, *folder.rglob("*")])
    except OSError:  # files come and go: it is being changed now
        return math.inf
