"""all.zip: what the client takes home."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

CHUNK = 4 << 20

USUAL = (
    "odm_orthophoto",
    "odm_dem",
    "odm_georeferencing",
    "odm_report",
    "opensfm/reconstruction.json",
    "images.json",
    "cameras.json",
    "log.json",
    "task_output.txt",
)
"""What all.zip holds unless the task names its outputs; `reconstruction.json` is in it here, unlike in ODM's."""


class Interrupted(Exception):  # noqa: N818 - no fault: somebody wants it no more
    """The archive is wanted no more; nothing of it is left."""


def write_archive(
    project: Path, target: Path, outputs: Sequence[str] = (), wanted: Callable[[], bool] = lambda: True
) -> None:
    """Pack results without compressing (they are compressed already), zip64 where needed.

    The archive appears under its name when it is whole. Paths that do not exist are left out.

    Parameters
    ----------
    project, target : Path
    outputs : sequence of str
        Files and folders inside the project; the usual ones when empty.
    wanted : callable
        Asked all the while; False ends the work.

    Raises
    ------
    OSError
        The disk is full or can't be written.
    Interrupted
        It was wanted no more.
    """
    scratch = target.with_name(f".{target.name}.new")
    try:
        with scratch.open("wb") as stream:
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED, allowZip64=True) as bundle:
                for path in _files(project, outputs or USUAL):
                    _add(bundle, path, path.relative_to(project).as_posix(), wanted)
            stream.flush()
            os.fsync(stream.fileno())
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)


def _add(bundle: zipfile.ZipFile, path: Path, name: str, wanted: Callable[[], bool]) -> None:
    entry = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
    with path.open("rb") as source, bundle.open(entry, "w") as target:
        while piece := source.read(CHUNK):
            if not wanted():
                raise Interrupted
            target.write(piece)


def _files(project: Path, wanted: Sequence[str]) -> Iterator[Path]:
    root = project.resolve()
    seen: set[Path] = set()
    for name in wanted:
        start = project / name
        found = sorted(start.rglob("*")) if start.is_dir() else [start]
        for path in found:
            inside = path.resolve().is_relative_to(root)
            if path.is_file() and inside and path not in seen:
                seen.add(path)
                yield path
