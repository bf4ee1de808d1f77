"""What was found out about files, remembered by path, size and time of change."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Memory:
    """A JSON file of answers about files; nothing is remembered without one.

    An answer holds for a path as long as size and mtime (nanoseconds) stay. An unreadable file is begun anew.
    `save` replaces the file by rename, keeping what another process added meanwhile.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known = _load(path)
        self._new: dict[str, Any] = {}

    def get(self, question: str, *files: Path) -> Any | None:
        """Answer, or None."""
        key = _key(question, files)
        return self._new.get(key, self._known.get(key))

    def put(self, question: str, answer: Any, *files: Path) -> None:
        """Remember an answer that JSON can hold."""
        self._new[_key(question, files)] = answer

    def save(self) -> None:
        """Write what is new."""
        if self._path is None or not self._new:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        scratch.write_text(json.dumps(dict(_load(self._path)) | self._new, indent=0), encoding="utf-8")
        scratch.replace(self._path)
        self._known, self._new = {**self._known, **self._new}, {}


def _key(question: str, files: tuple[Path, ...]) -> str:
    parts = [question]
    for file in files:
        status = file.stat()
        parts.append(f"{file.resolve()}|{status.st_size}|{status.st_mtime_ns}")
    return "|".join(parts)


def _load(path: Path | None) -> Mapping[str, Any]:
    if path is None or not path.is_file():
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
