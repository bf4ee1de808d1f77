"""The work on one task: its files sorted out, the engine run, the result packed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from uav_workflow.node import archive, inputs
from uav_workflow.node.book import TaskBook
from uav_workflow.node.engine_process import EngineProcess, Exit
from uav_workflow.node.failure import failure_message
from uav_workflow.node.policy import Policy
from uav_workflow.node.refusal import Refusal, disk_refusal
from uav_workflow.node.task import Status, Task, now_ms
from uav_workflow.node.task_files import write_json
from uav_workflow.node.zip_source import COMMAND as FETCH_COMMAND

ENGINE_SHARE = 0.9
"""Share of the progress that is the engine's; the rest is writing all.zip."""

PACKING = 93.0
"""Progress while all.zip is written."""

PEAK = "peak memory of the engine"


class Job:
    """What is being done for one task, and the way to end it.

    Parameters
    ----------
    book : TaskBook
    uuid : str
    command : sequence of str
        The engine: program and arguments; the project's folder and the progress pipe are appended.
    policy : Policy
    """

    def __init__(self, book: TaskBook, uuid: str, command: Sequence[str], policy: Policy) -> None:
        self._book = book
        self._files = book.files
        self._uuid = uuid
        self._command = command
        self._policy = policy
        self._unwanted = False
        self._engine: EngineProcess | None = None
        self._doing: asyncio.Task[None] | None = None

    def begin(self, work: Coroutine[Any, Any, None], done: Callable[[], None]) -> None:
        """Do the work in the background; ``done`` is called at its end unless the node is stopping."""

        async def whole() -> None:
            try:
                await work
            finally:
                current = asyncio.current_task()
                if current is None or not current.cancelling():
                    done()

        self._doing = asyncio.create_task(whole())

    async def end(self) -> None:
        """End what is being done; returns when nothing works on the task any more."""
        self._unwanted = True
        if self._engine is not None:
            await self._engine.end()
        if self._doing is not None:
            await asyncio.wait([self._doing])

    async def abandon(self) -> None:
        """Leave the task as it stands on disk: the node stops, a later one goes on from there."""
        self._unwanted = True
        if self._doing is not None:
            self._doing.cancel()
        if self._engine is not None:
            await self._engine.end()
        if self._doing is not None:
            await asyncio.gather(self._doing, return_exceptions=True)

    async def prepare(self) -> None:
        """Fetch what is to be fetched, sort out special files and count the photos; then the task may queue."""
        try:
            if self._task.zipurl:
                await self._fetch()
            count = await asyncio.to_thread(inputs.prepare, self._project, self._policy.max_images, self._say)
        except Exception as exc:
            self._fail(_reason(exc))
        else:
            if self._wanted():
                self._book.change(self._uuid, status=Status.QUEUED, images_count=count, prepared=True)

    async def process(self) -> None:
        """Run the engine and pack what it made."""
        try:
            if self._task.processed or await self._run_engine():
                await self._pack()
        except Exception as exc:
            self._fail(f"Processing failed: {_reason(exc)}")

    @property
    def _task(self) -> Task:
        return self._book.task(self._uuid)

    def _wanted(self) -> bool:
        """Whether the task was not cancelled meanwhile."""
        return self._task.status is Status.RUNNING

    @property
    def _project(self) -> Path:
        return self._files.project(self._uuid)

    def _say(self, line: str) -> None:
        self._files.say(self._uuid, line)

    async def _fetch(self) -> None:
        self._engine = EngineProcess(FETCH_COMMAND, self._project, self._files.mark(self._uuid))
        ended = await self._engine.run(lambda percent: None)
        if ended.code != 0:
            raise Refusal(ended.reason or f"zipurl: fetching ended with {ended.code}")

    def _lay_out(self, options: list[dict[str, Any]]) -> None:
        inputs.clear_results(self._project)
        inputs.unpack_seed(self._project, self._say)
        write_json(self._project / "options.json", {str(row["name"]): row["value"] for row in options})

    async def _run_engine(self) -> bool:
        await asyncio.to_thread(self._lay_out, self._task.options)
        if not self._wanted():  # cancelled meanwhile
            return False
        self._engine = EngineProcess(self._command, self._project, self._files.mark(self._uuid))
        ended = await self._engine.run(lambda percent: self._book.progress(self._uuid, percent * ENGINE_SHARE))
        output = await asyncio.to_thread(self._files.output_lines, self._uuid)
        self._say_peak(ended, output)
        if not self._wanted():
            return False
        if ended.code != 0:
            self._fail(failure_message(ended, output))
            return False
        self._book.change(self._uuid, processed=True, progress=max(self._task.progress, 100 * ENGINE_SHARE))
        return True

    def _say_peak(self, ended: Exit, output: Sequence[str]) -> None:
        """The engine says it itself, unless it was killed."""
        if ended.peak_mib > 0 and not any(line.startswith(PEAK) for line in output[-20:]):
            with contextlib.suppress(OSError):
                self._say(f"{PEAK}, seen from the node: {ended.peak_mib:.0f} MiB")

    async def _pack(self) -> None:
        self._book.progress(self._uuid, PACKING)
        await asyncio.to_thread(
            archive.write_archive,
            self._project,
            self._files.archive(self._uuid),
            self._task.outputs,
            lambda: not self._unwanted,
        )
        self._end_as(Status.COMPLETED)

    def _fail(self, message: str) -> None:
        if self._wanted():
            with contextlib.suppress(OSError):
                self._say(message)
            self._end_as(Status.FAILED, message)

    def _end_as(self, status: Status, message: str = "") -> None:
        task = self._task
        if self._wanted():
            self._book.change(
                self._uuid,
                status=status,
                error_message=message,
                progress=100.0,
                processing_time=-1 if task.started is None else now_ms() - task.started,
                untold=self._policy.hooks(task.webhook),
            )


def _reason(exc: Exception) -> str:
    """Words for a client; never empty."""
    if isinstance(exc, OSError) and not isinstance(exc, Refusal):
        return str(disk_refusal(exc))
    return str(exc) or type(exc).__name__
