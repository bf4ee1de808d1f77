"""Under which name an uploaded file is kept, and how it gets there whole."""

from __future__ import annotations

import errno
import filecmp
import os
import re
import threading
from pathlib import Path, PurePosixPath

from uav_workflow.node.refusal import Refusal

_UNSUPPORTED = {
    "align.las": "aligning to a reference cloud",
    "align.laz": "aligning to a reference cloud",
    "align.tif": "aligning to a reference surface",
}

_NAMING = threading.Lock()
"""Held where looking for a free name and taking it are two steps."""


def safe_name(name: str) -> str:
    """Base name under which an upload is stored.

    Raises
    ------
    Refusal
        The name tries to leave the folder, or asks for something without which the result would be another one; a
        cluster then looks for a node that does it.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    base = path.name
    if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", name) or not base or base.startswith("."):
        raise Refusal(f"File name {name!r} is refused: it must be a plain name inside the task's folder", no_retry=True)
    if any(ord(letter) < 32 for letter in base) or len(base.encode("utf-8", "surrogatepass")) > 240:
        raise Refusal(f"File name {name!r} is refused: control characters, or longer than 240 bytes", no_retry=True)
    if wish := _UNSUPPORTED.get(base.lower()):
        raise Refusal(f"{base} is refused: this node's engine does not support {wish}", no_retry=True)
    return base


def place(received: Path, folder: Path, name: str) -> None:
    """Flush a received file and link it to a free name; a copy of what is there already is dropped.

    NodeODM appends an underscore to a name that is taken by other content. The received file may stay where it is.
    """
    with received.open("rb") as stream:
        os.fsync(stream.fileno())
    candidate = folder / name
    while not _linked(received, candidate):
        if filecmp.cmp(received, candidate, shallow=False):
            return
        candidate = candidate.with_name(f"{candidate.stem}_{candidate.suffix}")


def _linked(received: Path, candidate: Path) -> bool:
    """Give a file its name in one step; False when the name is taken."""
    try:
        os.link(received, candidate)
    except FileExistsError:
        return False
    except OSError as exc:
        if exc.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
            raise
        # exFAT and some network shares know no links
        with _NAMING:
            if candidate.exists():
                return False
            received.rename(candidate)
    return True


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder: a file that was acknowledged survives a power loss."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
