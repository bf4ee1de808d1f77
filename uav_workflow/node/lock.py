"""The lock of a data directory: who serves it, where, and with which token."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from uav_workflow.errors import NodeError

LOCK_FILE = "node.json"
OWNERS = "owners"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLock:
    """A node that serves a data directory.

    Attributes
    ----------
    pid, started : int, float
        Process and its start (seconds since 1970): a pid alone may be somebody else's by now.
    token : str
        What calls must bring; the file is readable by its owner alone.
    """

    pid: int
    started: float
    host: str
    port: int
    token: str = ""

    @property
    def url(self) -> str:
        """Address without the token."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def read_lock(data_dir: Path) -> NodeLock | None:
    """Node that serves ``data_dir`` now; None when there is none or it has died."""
    try:
        lock = NodeLock(**json.loads((data_dir / LOCK_FILE).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return lock if process_lives(lock.pid, lock.started) else None


def write_lock(data_dir: Path, lock: NodeLock) -> None:
    """Say where the node listens; call it once the port is bound."""
    scratch = data_dir / f".{LOCK_FILE}.{os.getpid()}"
    scratch.unlink(missing_ok=True)
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        json.dump(asdict(lock), stream)
    scratch.replace(data_dir / LOCK_FILE)


def remove_lock(data_dir: Path) -> None:
    """Take the sign down."""
    (data_dir / LOCK_FILE).unlink(missing_ok=True)


@contextmanager
def exclusive(data_dir: Path) -> Iterator[None]:
    """Hold the directory against a second node; the system lets go of it however this process ends.

    Raises
    ------
    NodeError
        Another node serves it, or it can't be written.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        handle = (data_dir / "node.lock").open("a")
    except OSError as exc:
        raise NodeError(f"{data_dir} can't hold the node's data ({exc.strerror}); choose another --data-dir") from exc
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            other = read_lock(data_dir)
            who = f"the node with pid {other.pid} at {other.url}" if other else "another node"
            raise NodeError(f"{data_dir} is served by {who}; use that one, or another --data-dir") from None
        yield


def register_owner(data_dir: Path, pid: int | None = None) -> Path:
    """Say that a process (this one) needs the node; remove the returned file when it does no more."""
    process = psutil.Process(pid)
    folder = data_dir / OWNERS
    folder.mkdir(parents=True, exist_ok=True)
    scratch = folder / f".{process.pid}"
    scratch.write_text(json.dumps({"pid": process.pid, "started": process.create_time()}), encoding="utf-8")
    return scratch.replace(folder / str(process.pid))


def living_owners(data_dir: Path) -> list[int]:
    """Registered processes that still live; the files of the others are removed."""
    alive = []
    for path in (data_dir / OWNERS).glob("[0-9]*"):
        try:
            document = json.loads(path.read_text("utf-8"))
            lives = process_lives(int(document["pid"]), float(document["started"]))
        except (OSError, ValueError, KeyError, TypeError):
            lives = False
        if lives:
            alive.append(int(path.name))
        else:
            with contextlib.suppress(OSError):
                path.unlink()
    return alive


def process_lives(pid: int, started: float) -> bool:
    """Whether the very process that began at that time still runs."""
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - started) < 1.0 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
