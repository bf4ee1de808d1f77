"""One engine at work in a process group of its own: started, listened to, ended for good."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from uav_workflow.node.refusal import disk_refusal, is_full

MARK = "UAV_NODE_TASK"
"""Environment variable by which an engine's processes are found again, whatever became of their parent."""

POLL_S = 0.02
MEMORY_S, DISK_S = 1.0, 0.2
"""Between two looks at the memory, and at the disk."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How an engine ended.

    Attributes
    ----------
    code : int
        Exit code as a shell tells it (128 + signal); -1 when it could not be started.
    reason : str
        What it said was the reason.
    peak_mib : float
        Most memory its processes were seen to hold together.
    free_mib : float
        Least room that was seen on its disk. Libraries below the engine say a full disk in many ways, or not at all,
        and by the time they have, scratch files are gone.
    """

    code: int
    reason: str = ""
    peak_mib: float = 0.0
    free_mib: float = math.inf


class EngineProcess:
    """The engine on one task.

    Its console goes straight into ``task_output.txt``; progress (0 - 100) comes through a pipe, one number a line.
    It holds the reading end of another pipe: when the node dies, however it dies, that pipe closes and the engine
    ends itself with its whole group.
    """

    def __init__(self, command: Sequence[str], project: Path, mark: str) -> None:
        self._command = command
        self._project = project
        self._mark = mark
        self._reason = project / "failure.txt"
        self._scratch = project / "tmp"
        self._process: asyncio.subprocess.Process | None = None
        self._unwanted = False
        self._peak_mib = 0.0
        self._free_mib = math.inf

    async def run(self, on_progress: Callable[[float], None]) -> Exit:
        """Start the engine and wait for its end."""
        read_end, write_end = os.pipe()
        try:
            self._process = await self._started(write_end)
        except OSError as exc:
            os.close(read_end)
            return Exit(-1, str(disk_refusal(exc)) if is_full(exc) else f"Could not start process ({exc})")
        finally:
            os.close(write_end)
        listener = asyncio.create_task(_listen(read_end, on_progress))
        watchers = [asyncio.create_task(watch) for watch in (self._watch_memory(self._process.pid), self._watch_disk())]
        try:
            if self._unwanted:  # cancelled while it was being started
                await self._end_group()
            code = await self._process.wait()
            await self._end_group()
            self._free_mib = min(self._free_mib, _free_mib(self._project))
        finally:
            listener.cancel()
            for watcher in watchers:
                watcher.cancel()
            shutil.rmtree(self._scratch, ignore_errors=True)
        with contextlib.suppress(asyncio.CancelledError):
            await listener
        reason = self._reason.read_text("utf-8").strip() if self._reason.exists() else ""
        return Exit(code if code >= 0 else 128 - code, reason, self._peak_mib, self._free_mib)

    async def _started(self, progress_end: int) -> asyncio.subprocess.Process:
        self._reason.unlink(missing_ok=True)
        self._scratch.mkdir(exist_ok=True)
        with (self._project / "task_output.txt").open("ab") as console:
            return await asyncio.create_subprocess_exec(
                *self._command,
                str(self._project),
                "--progress-fd",
                str(progress_end),
                stdin=asyncio.subprocess.PIPE,
                stdout=console,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=(progress_end,),
                start_new_session=True,
                env={**os.environ, MARK: self._mark, "TMPDIR": str(self._scratch.resolve()), "PYTHONUNBUFFERED": "1"},
            )

    async def end(self) -> None:
        """End the engine and everything it started; returns when nothing of it is left."""
        self._unwanted = True
        await self._end_group()
        if self._process is not None:
            await self._process.wait()

    async def _watch_memory(self, pid: int) -> None:
        """Remember the most memory the engine and its children held; also known when they were killed for it."""
        while True:
            self._peak_mib = max(self._peak_mib, await asyncio.to_thread(_held_mib, pid))
            await asyncio.sleep(MEMORY_S)

    async def _watch_disk(self) -> None:
        while True:
            self._free_mib = min(self._free_mib, _free_mib(self._project))
            await asyncio.sleep(DISK_S)

    async def _end_group(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        await asyncio.to_thread(end_marked, self._mark)


def end_marked(mark: str) -> None:
    """Kill every process whose mark begins so; returns when none runs any more.

    There is nothing an engine would have to put in order: its scratch files lie in the project's ``tmp``.
    """
    while alive := _marked(mark):
        for process in alive:
            with contextlib.suppress(psutil.Error):
                process.kill()
        # psutil's own wait would reap the engine before the event loop sees its end
        while any(_lives(process) for process in alive):
            time.sleep(POLL_S)


def _marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get(MARK, "").startswith(mark) and _lives(process):
                found.append(process)
    return found


def _held_mib(pid: int) -> float:
    held = 0
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                held += process.memory_info().rss
    return held / 2**20


def _free_mib(folder: Path) -> float:
    with contextlib.suppress(OSError):
        return shutil.disk_usage(folder).free / 2**20
    return math.inf


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


async def _listen(read_end: int, on_progress: Callable[[float], None]) -> None:
    reader = asyncio.StreamReader()
    with os.fdopen(read_end, "rb", buffering=0) as pipe:
        transport, _protocol = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        try:
            while line := await reader.readline():
                with contextlib.suppress(ValueError):
                    on_progress(min(100.0, max(0.0, float(line))))
        finally:
            transport.close()
