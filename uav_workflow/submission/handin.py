"""Handing a flight folder in: copied, verified, resumable, there by rename."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from uav_workflow.errors import StoreError, UsageError
from uav_workflow.store import sha256_of, write_json

RECEIPT = "handin.json"
"""File that says a folder was handed in whole: relative name -> sha256."""

Progress = Callable[[float, str], None]
_CHUNK = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What lies in the inbox now.

    Attributes
    ----------
    files : mapping
        Relative POSIX name -> sha256.
    copied_bytes : int
        Copied by this call; less than the folder when an earlier call was cut off.
    """

    folder: Path
    files: dict[str, str]
    copied_bytes: int


def hand_in(folder: Path, inbox: Path, *, name: str | None = None, progress: Progress | None = None) -> Receipt:
    """Copy a flight folder into an inbox; what is there under its name is whole and verified.

    Files go into a hidden folder first; a call that was cut off goes on where it was. Every copy is read back from
    the other side and compared by SHA-256 before the folder gets its name. The source is only read.

    Parameters
    ----------
    folder : Path
    inbox : Path
        Created when absent; may be a network share.
    name : str, optional
        Name in the inbox; the folder's own when absent.

    Raises
    ------
    UsageError
        The folder is not there, is empty, or the inbox lies inside it.
    StoreError
        The inbox holds another flight of that name, is full, or a copy does not read back as it was written.
    """
    say = progress or (lambda _share, _text: None)
    files = _files_of(folder, inbox)
    final = inbox / (name or folder.resolve().name)
    digests = dict.fromkeys(files, "")
    already = _receipt(final)
    incoming = inbox / f".incoming-{final.name}"
    total = sum((folder / file).stat().st_size for file in files) or 1
    done = copied = 0
    if already is None:
        _claim(final, incoming)
    for file in files:
        size = (folder / file).stat().st_size
        digests[file] = sha256_of(folder / file)
        if already is None:
            copied += _copy(folder / file, incoming / file, digests[file])
        done += size
        say(done / total, f"{file} ({done >> 20} of {total >> 20} MiB)")
    if already is not None:
        if already != digests:
            raise StoreError(f"{final}: another flight of that name was handed in; choose a --name for this one")
        return Receipt(folder=final, files=digests, copied_bytes=0)
    write_json(incoming / RECEIPT, digests)
    incoming.rename(final)
    return Receipt(folder=final, files=digests, copied_bytes=copied)


def _files_of(folder: Path, inbox: Path) -> list[str]:
    if not folder.is_dir():
        raise UsageError(f"{folder}: not a folder")
    if inbox.resolve().is_relative_to(folder.resolve()):
        raise UsageError(f"{inbox}: lies inside the flight folder {folder}; choose another place")
    files = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    if not files:
        raise UsageError(f"{folder}: holds no file to hand in")
    return [file for file in files if file != RECEIPT]


def _receipt(final: Path) -> dict[str, str] | None:
    try:
        digests: dict[str, str] = json.loads((final / RECEIPT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return digests


def _claim(final: Path, incoming: Path) -> None:
    if final.exists():
        raise StoreError(f"{final}: is there already, but was not handed in by this command; choose a --name")
    try:
        incoming.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StoreError(f"{incoming.parent}: can't be written ({exc.strerror})") from exc


def _copy(source: Path, target: Path, digest: str) -> int:
    """Copy one file unless it is there already; return the bytes copied."""
    if target.is_file() and target.stat().st_size == source.stat().st_size and sha256_of(target) == digest:
        return 0
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as reading, part.open("wb") as writing:
            shutil.copyfileobj(reading, writing, _CHUNK)
            writing.flush()
            os.fsync(writing.fileno())
        shutil.copystat(source, part)
        if sha256_of(part) != digest:
            raise StoreError(f"{target}: does not read back as it was written; the medium or the network is faulty")
        part.replace(target)
    except OSError as exc:
        if isinstance(exc, StoreError):
            raise
        raise StoreError(
            f"{target}: can't be written ({exc.strerror}); what was copied stays for the next try"
        ) from exc
    return source.stat().st_size


def digest_of_receipt(files: dict[str, str]) -> str:
    """One digest for all files of a hand-in."""
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:16]
