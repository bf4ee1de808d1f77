"""The queue: first in, first out, every transition on disk before it counts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from uav_workflow.domain.product import Json
from uav_workflow.node import archive, inputs
from uav_workflow.node.engine_process import EngineProcess, end_marked
from uav_workflow.node.failure import failure_message
from uav_workflow.node.refusal import Refusal, disk_refusal
from uav_workflow.node.task import ACTIVE, Status, Task, now_ms
from uav_workflow.node.task_files import TaskFiles, write_json
from uav_workflow.node.uploads import Session

log = logging.getLogger(__name__)

ENGINE_SHARE = 0.9
"""Share of the progress that is the engine's; the rest is writing all.zip."""


class TaskQueue:
    """Every task the node knows, and the engines at work.

    Lives in one event loop; only file work runs in threads.

    Parameters
    ----------
    files : TaskFiles
    engine_command : sequence of str
        Program and arguments; the project's folder and the progress pipe are appended.
    parallel : int
        Engines at once.
    max_images : int or None
        Files a task may have; None is no limit.
    """

    def __init__(
        self, files: TaskFiles, engine_command: Sequence[str], *, parallel: int = 1, max_images: int | None = None
    ) -> None:
        self._files = files
        self._command = tuple(engine_command)
        self.parallel = parallel
        self.max_images = max_images
        self._tasks: dict[str, Task] = {}
        self._work: dict[str, asyncio.Task[None]] = {}
        self._engines: dict[str, EngineProcess] = {}
        self._preparing: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Take up what an earlier life of the node left: the running task is queued again, nothing finished is lost."""
        self._files.empty_trash()
        loaded = list(self._files.load())
        for entry in loaded:
            if not isinstance(entry, Task):
                log.warning("%s: its state can't be read; left as it is and not served", entry)
        for task in sorted((entry for entry in loaded if isinstance(entry, Task)), key=lambda task: task.sequence):
            self._tasks[task.uuid] = task
            if task.status in ACTIVE:
                await asyncio.to_thread(end_marked, self._mark(task.uuid))
                if task.prepared:
                    self._files.say(task.uuid, "The node was started anew; the task is queued again")
                    self._change(task.uuid, status=Status.QUEUED, started=None, processing_time=-1, progress=0.0)
                else:
                    self._prepare_later(task.uuid)
        self._fill()

    async def stop(self) -> None:
        """End the engines; their tasks stay RUNNING on disk, so that the next start queues them again."""
        running = [*self._preparing.values(), *self._work.values()]
        for job in running:
            job.cancel()
        for engine in list(self._engines.values()):
            await engine.end()
        await asyncio.gather(*running, return_exceptions=True)

    def __contains__(self, uuid: str) -> bool:
        return uuid in self._tasks

    def uuids(self) -> list[str]:
        """Ids in order of arrival."""
        return list(self._tasks)

    def task(self, uuid: str) -> Task:
        """Task of an id in lower case; `Refusal` when unknown."""
        try:
            return self._tasks[uuid]
        except KeyError:
            raise Refusal(f"{uuid} not found") from None

    @property
    def active_count(self) -> int:
        """Tasks queued or running."""
        return sum(1 for task in self._tasks.values() if task.status in ACTIVE)

    def finished_before(self, created_ms: float) -> list[str]:
        """Ids of finished tasks that ended before that time (milliseconds since 1970)."""
        return [
            task.uuid
            for task in self._tasks.values()
            if task.status not in ACTIVE and task.date_created + max(task.processing_time, 0) < created_ms
        ]

    def commit(self, session: Session, files_count: int) -> None:
        """Take over an upload session as a task."""
        task = Task(
            uuid=session.uuid,
            name=session.name,
            sequence=max((task.sequence for task in self._tasks.values()), default=0) + 1,
            date_created=session.date_created,
            options=session.options,
            outputs=session.outputs,
            skip_post_processing=session.skip_post_processing,
            images_count=files_count,
        )
        self._files.adopt_upload(task)
        self._tasks[task.uuid] = task
        self._prepare_later(task.uuid)

    async def cancel(self, uuid: str) -> None:
        """End a task that waits or runs. A finished one is left alone."""
        if self.task(uuid).status not in ACTIVE:
            return
        self._change(uuid, status=Status.CANCELED, processing_time=-1, error_message="")
        await self._end_work(uuid)
        self._fill()

    async def remove(self, uuid: str) -> None:
        """Cancel and forget a task, and delete its files."""
        self.task(uuid)
        if self._tasks[uuid].status in ACTIVE:
            self._tasks[uuid] = replace(self._tasks[uuid], status=Status.CANCELED)
        await self._end_work(uuid)
        self._tasks.pop(uuid, None)
        await asyncio.to_thread(self._files.discard, self._files.tasks / uuid)
        self._fill()

    async def restart(self, uuid: str, options: list[dict[str, Json]] | None) -> None:
        """Queue a finished task again, from its photos; earlier results are deleted before the engine starts."""
        task = self.task(uuid)
        if task.status in ACTIVE:
            raise Refusal("Task cannot be restarted")
        await self._end_work(uuid)
        if self.task(uuid).status in ACTIVE:  # another restart was faster
            raise Refusal("Task cannot be restarted")
        self._files.archive(uuid).unlink(missing_ok=True)
        self._files.output(uuid).unlink(missing_ok=True)
        self._change(
            uuid,
            status=Status.QUEUED if task.prepared else Status.RUNNING,
            options=task.options if options is None else options,
            date_created=now_ms(),
            processed=False,
            started=None,
            processing_time=-1,
            progress=0.0,
            error_message="",
        )
        if not task.prepared:
            self._prepare_later(uuid)
        self._fill()

    def _mark(self, uuid: str) -> str:
        return f"{self._files.data_dir.resolve()}:{uuid}"

    def _change(self, uuid: str, **fields: Any) -> None:
        """A transition: on disk first, then in memory."""
        task = replace(self._tasks[uuid], **fields)
        try:
            self._files.save(task)
        except OSError as exc:
            # The state in memory must go on even when the disk is full, or the task would hang for ever.
            log.warning("%s: %s", uuid, disk_refusal(exc))
        self._tasks[uuid] = task

    def _prepare_later(self, uuid: str) -> None:
        self._preparing[uuid] = asyncio.create_task(self._prepare(uuid))

    async def _prepare(self, uuid: str) -> None:
        """Sort out special files and count the photos; then the task may queue."""
        try:
            count = await asyncio.to_thread(inputs.prepare, self._files.project(uuid), self.max_images)
        except Refusal as exc:
            self._fail(uuid, str(exc))
        except OSError as exc:
            self._fail(uuid, str(disk_refusal(exc)))
        else:
            if self.task(uuid).status is Status.RUNNING:
                self._change(uuid, status=Status.QUEUED, images_count=count, prepared=True)
        finally:
            self._preparing.pop(uuid, None)
        self._fill()

    def _fill(self) -> None:
        """Start engines while there is room and work."""
        for uuid, task in self._tasks.items():
            if len(self._work) >= self.parallel:
                return
            if task.status is Status.QUEUED and uuid not in self._work:
                self._change(uuid, status=Status.RUNNING, started=now_ms())
                self._work[uuid] = asyncio.create_task(self._process(uuid))

    async def _process(self, uuid: str) -> None:
        try:
            if self._tasks[uuid].processed or await self._run_engine(uuid):
                await self._finish(uuid)
        except Exception as exc:
            reason = disk_refusal(exc) if isinstance(exc, OSError) else exc
            self._fail(uuid, f"Processing failed: {reason}")
        finally:
            self._work.pop(uuid, None)
            self._engines.pop(uuid, None)
            if not self._closing():
                self._fill()

    def _closing(self) -> bool:
        current = asyncio.current_task()
        return current is not None and current.cancelling() > 0

    async def _run_engine(self, uuid: str) -> bool:
        project = self._files.project(uuid)
        await asyncio.to_thread(inputs.clear_results, project)
        task = self._tasks[uuid]
        if task.status is not Status.RUNNING:  # cancelled meanwhile
            return False
        write_json(project / "options.json", {str(row["name"]): row["value"] for row in task.options})
        engine = self._engines[uuid] = EngineProcess(self._command, project, self._mark(uuid))
        ended = await engine.run(lambda percent: self._progress(uuid, percent))
        if self._tasks[uuid].status is not Status.RUNNING:
            return False
        if ended.code != 0:
            self._fail(uuid, failure_message(ended, self._files.output_lines(uuid)))
            return False
        self._change(uuid, processed=True, progress=max(self._tasks[uuid].progress, 100 * ENGINE_SHARE))
        return True

    def _progress(self, uuid: str, percent: float) -> None:
        """Progress is kept in memory alone: it is no transition."""
        task = self._tasks.get(uuid)
        if task is not None and task.status is Status.RUNNING and percent * ENGINE_SHARE > task.progress:
            self._tasks[uuid] = replace(task, progress=percent * ENGINE_SHARE)

    async def _finish(self, uuid: str) -> None:
        task = self._tasks[uuid]
        await asyncio.to_thread(
            archive.write_archive, self._files.project(uuid), self._files.archive(uuid), task.outputs
        )
        if self._tasks[uuid].status is Status.RUNNING:
            self._change(uuid, status=Status.COMPLETED, progress=100.0, processing_time=self._elapsed(uuid))

    def _fail(self, uuid: str, message: str) -> None:
        if self._tasks[uuid].status is Status.RUNNING:
            with contextlib.suppress(OSError):
                self._files.say(uuid, message)
            self._change(
                uuid,
                status=Status.FAILED,
                error_message=message,
                progress=100.0,
                processing_time=self._elapsed(uuid),
            )

    def _elapsed(self, uuid: str) -> int:
        started = self._tasks[uuid].started
        return -1 if started is None else now_ms() - started

    async def _end_work(self, uuid: str) -> None:
        """Wait until nothing works on the task any more."""
        if preparing := self._preparing.get(uuid):
            await asyncio.wait([preparing])
        if engine := self._engines.get(uuid):
            await engine.end()
        if work := self._work.get(uuid):
            await asyncio.wait([work])
