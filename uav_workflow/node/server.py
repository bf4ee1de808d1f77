"""The node as a process: port, lock, application, engine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import uvicorn

from uav_workflow.errors import NodeError
from uav_workflow.node.app import NodeApi
from uav_workflow.node.book import TaskBook
from uav_workflow.node.gate import Gate
from uav_workflow.node.lifetime import Lifetime
from uav_workflow.node.lock import NodeLock, exclusive, remove_lock, write_lock
from uav_workflow.node.policy import Policy
from uav_workflow.node.queue import TaskQueue
from uav_workflow.node.task_files import TaskFiles
from uav_workflow.node.uploads import Uploads

ENGINE_COMMAND = (sys.executable, "-P", "-m", "uav_workflow.engine")
"""-P: a folder called `calibration` or `tasks` where the node was started must not be taken for the package."""


GRACE_S = 5
"""How long open transfers may go on when the node is told to stop; downloads can be resumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeServer:
    """A node over one data directory.

    Attributes
    ----------
    data_dir : Path
        Everything the node knows; a later node takes it up.
    host, port : str, int
        Loopback unless told otherwise; port 0 lets the system choose (see node.json).
    token : str
        Empty lets everybody in.
    policy : Policy
        What the operator grants.
    exit_when_idle_s : float or None
    engine_command : sequence of str
        Program that processes a project; gets ``PROJECT --progress-fd N``.
    """

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 3000
    token: str = ""
    policy: Policy = field(default_factory=Policy)
    exit_when_idle_s: float | None = None
    engine_command: Sequence[str] = ENGINE_COMMAND

    def run(self, on_start: Callable[[NodeLock, uvicorn.Server], None] | None = None) -> None:
        """Serve until told to stop (SIGTERM, SIGINT, or idle for long enough).

        Raises
        ------
        NodeError
            The port is taken, or another node serves the directory.
        """
        with exclusive(self.data_dir), _bound(self.host, self.port) as listener:
            asyncio.run(self._serve(listener, on_start))

    async def _serve(
        self, listener: socket.socket, on_start: Callable[[NodeLock, uvicorn.Server], None] | None
    ) -> None:
        book = TaskBook(TaskFiles(self.data_dir))
        uploads = Uploads(book.files)
        queue = TaskQueue(book, self.engine_command, self.policy)
        gate = Gate(NodeApi(book, uploads, queue, self.policy).app(), self.token, self.policy.authorized_ips)
        lifetime = Lifetime(
            book=book,
            uploads=uploads,
            queue=queue,
            gate=gate,
            policy=self.policy,
            exit_when_idle_s=self.exit_when_idle_s,
        )
        config = uvicorn.Config(
            gate, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=GRACE_S
        )
        logging.getLogger("uvicorn.error").addFilter(_without_cuts)
        server = _QuietServer(config)
        lock = NodeLock(
            pid=os.getpid(),
            started=psutil.Process().create_time(),
            host=self.host,
            port=listener.getsockname()[1],
            token=self.token,
        )
        await queue.start()
        write_lock(self.data_dir, lock)
        watcher = asyncio.create_task(lifetime.watch(lambda: setattr(server, "should_exit", True)))
        try:
            if on_start is not None:
                on_start(lock, server)
            await server.serve(sockets=[listener])
        finally:
            remove_lock(self.data_dir)
            watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watcher
            await queue.stop()


def _without_cuts(record: logging.LogRecord) -> bool:
    """A transfer that is cut because the node stops is no error whose trace an operator should read."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


class _QuietServer(uvicorn.Server):
    """Stops at a signal without raising it once more, so that the engines are ended in order."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        original = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in original.items():
                signal.signal(number, handler)


@contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket; connections wait in its backlog until the application is up."""
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as exc:
        raise NodeError(f"{host}: no address to listen at ({exc})") from exc
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except OSError as exc:
            raise NodeError(f"can't listen at {host}:{port} ({exc.strerror}); choose another --port, or 0") from exc
        listener.listen(2048)
        listener.setblocking(False)
        yield listener
