"""The published folder: which of its files this program wrote, and how a newer publication takes its place."""

from __future__ import annotations

import shutil
from pathlib import Path

from uav_workflow.publication.record import Record
from uav_workflow.store import sha256_of

NAME = "sha256sums.txt"
"""Checksums of every other file, in the form that ``sha256sum -c`` reads."""


def write_checksums(record: Record, out: Path) -> Path:
    """Write ``sha256sums.txt`` over all files of a folder; the last of the writers.

    Parameters
    ----------
    record : Record
        Its files, digested already, are not read again.
    out : Path
        Folder, which exists.
    """
    known = {file.name: file.sha256 for file in record.files}
    names = sorted(_files(out) - {NAME})
    lines = [f"{known.get(name) or sha256_of(out / name)}  {name}\n" for name in names]
    path = out / NAME
    path.write_text("".join(lines), encoding="utf-8")
    return path


def strange_file(out: Path) -> str | None:
    """What would be lost if the folder were replaced: a file that no publication wrote, or one changed since.

    Returns
    -------
    str or None
        Name below ``out``, the first of several; None where everything is as a publication left it, or nothing is
        there.
    """
    if not out.exists():
        return None
    if not out.is_dir():
        return out.name
    files, written = _files(out), _written(out / NAME)
    strange = files - written.keys() - ({NAME} if written else set())
    changed = (name for name in sorted(files & written.keys()) if sha256_of(out / name) != written[name])
    return min(strange, default=None) or next(changed, None)


def put_in_place(draft: Path, out: Path, old: Path) -> None:
    """Rename a finished draft to ``out``; an earlier publication goes to ``old``, and comes back when that fails.

    Raises
    ------
    OSError
        The draft can't be renamed. ``out`` is as before.
    """
    if not out.exists():
        draft.rename(out)
        return
    out.rename(old)
    try:
        draft.rename(out)
    except OSError:
        old.rename(out)
        raise
    shutil.rmtree(old)


def _files(folder: Path) -> set[str]:
    """Everything below a folder but folders: a link counts as a file, and is not followed."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()}


def _written(checksums: Path) -> dict[str, str]:
    if not checksums.is_file():
        return {}
    rows = (line.partition("  ") for line in checksums.read_text(encoding="utf-8", errors="replace").splitlines())
    return {name: sha256 for sha256, separator, name in rows if separator}
