"""The node a run talks to: the configured one, or the one that ships with the project, started on loopback."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from uav_workflow.errors import NodeError
from uav_workflow.settings import Settings

if TYPE_CHECKING:
    from uav_workflow.node.lock import NodeLock
    from uav_workflow.photogrammetry.address import NodeAddress

IDLE_S = 60
START_S = 60
COMMAND = (sys.executable, "-P", "-m", "uav_workflow.cli.main", "node")
"""Starts the node; -P as a folder called `tasks` where the run was started must not be taken for the package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeInUse:
    """A node and how to find it again.

    Attributes
    ----------
    find : callable or None
        Gives the address of now, and starts the own node anew when it has died; None for a configured node, which
        stays where it is and is not ours to start.
    """

    address: NodeAddress
    find: Callable[[], NodeAddress] | None = None


@contextmanager
def node_for(workspace: Path) -> Iterator[NodeInUse]:
    """Node to use, kept alive while the block runs.

    A configured node (``UAV_NODE``) is used as it is. Otherwise the workspace's own node is adopted when it lives, or
    started on the same data; it ends itself a minute after its last owner has gone.

    Raises
    ------
    NodeError
        The own node does not start.
    """
    from uav_workflow.photogrammetry.address import NodeAddress

    machine = Settings()
    if machine.node:
        token = machine.node_token.get_secret_value() if machine.node_token else ""
        yield NodeInUse(address=NodeAddress.parse(machine.node, token))
        return
    from uav_workflow.node.lock import register_owner

    data = workspace / "node"
    data.mkdir(parents=True, exist_ok=True)
    owner = register_owner(data)

    def find() -> NodeAddress:
        lock = _living_node(data)
        return NodeAddress.parse(lock.url, lock.token)

    try:
        yield NodeInUse(address=find(), find=find)
    finally:
        owner.unlink(missing_ok=True)


def _living_node(data: Path) -> NodeLock:
    from uav_workflow.node.lock import read_lock

    log = data / "node.log"
    process: subprocess.Popen[bytes] | None = None
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        lock = read_lock(data)
        if lock is not None:
            return lock
        if process is None:
            process = _start(data, log)
        elif process.poll() is not None:
            # lost a race for the directory, or failed: the winner's lock shows, or the log says why
            with contextlib.suppress(TimeoutError):
                return _wait_for_lock(data, 5.0)
            break
        time.sleep(0.1)
    tail = log.read_text(encoding="utf-8", errors="replace")[-1500:] if log.is_file() else ""
    raise NodeError(f"the node of {data.parent} did not start; {log} says:\n{tail}")


def _wait_for_lock(data: Path, seconds: float) -> NodeLock:
    from uav_workflow.node.lock import read_lock

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        lock = read_lock(data)
        if lock is not None:
            return lock
        time.sleep(0.1)
    raise TimeoutError


def _start(data: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start the node in a session of its own, so that it outlives a killed run."""
    command = [*COMMAND, "--port", "0", "--data-dir", str(data), "--exit-when-idle", str(IDLE_S)]
    environment = {key: value for key, value in os.environ.items() if key != "UAV_NODE"}
    # the token travels by the environment: a command line is seen by every user of the machine
    environment["UAV_NODE_TOKEN"] = secrets.token_urlsafe(24)
    with log.open("ab") as stream:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env=environment,
            start_new_session=True,
        )
