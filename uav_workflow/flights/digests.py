"""SHA-256 of files, and the name a flight gets from them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from uav_workflow.flights.progress import Progress, silent
from uav_workflow.flights.remember import Memory
from uav_workflow.flights.spread import spread


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests_of(
    paths: Sequence[Path], memory: Memory, progress: Progress | None = None, workers: int | None = None
) -> dict[Path, str]:
    """SHA-256 of every file; only those not remembered are read.

    Raises
    ------
    OSError
        A file can't be read.
    """
    known = {path: memory.get("sha256", path) for path in paths}
    fresh = [path for path in paths if not isinstance(known[path], str)]
    found = spread(sha256_of, fresh, workers, progress or silent, "identifying photos")
    for path, digest in zip(fresh, found, strict=True):
        memory.put("sha256", digest, path)
        known[path] = digest
    return {path: str(digest) for path, digest in known.items()}


def flight_id(day: str, photos: Iterable[tuple[str, int, str]]) -> str:
    """``<yyyymmdd>-<10 hex>`` from (relative name, size, sha256) of the photos alone."""
    digest = hashlib.sha256()
    for name, size, sha256 in sorted(photos):
        digest.update(f"{name}\0{size}\0{sha256}\n".encode())
    return f"{day}-{digest.hexdigest()[:10]}"
