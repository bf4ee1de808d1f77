"""The queue: first in, first out, as many engines at a time as the operator grants."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from uav_workflow.domain.product import Json
from uav_workflow.node.book import TaskBook
from uav_workflow.node.engine_process import end_marked
from uav_workflow.node.job import Job
from uav_workflow.node.policy import Policy
from uav_workflow.node.refusal import Refusal
from uav_workflow.node.session import Session
from uav_workflow.node.task import ACTIVE, Status, Task, now_ms
from uav_workflow.node.webhook import Webhooks


class TaskQueue:
    """What is done with the tasks of the book, by whom and when.

    Lives in one event loop; only file work runs in threads.

    Parameters
    ----------
    book : TaskBook
    engine_command : sequence of str
        Program and arguments; the project's folder and the progress pipe are appended.
    policy : Policy
    """

    def __init__(self, book: TaskBook, engine_command: Sequence[str], policy: Policy) -> None:
        self._book = book
        self._command = tuple(engine_command)
        self._policy = policy
        self._preparing: dict[str, Job] = {}
        self._processing: dict[str, Job] = {}
        self._webhooks = Webhooks(book)

    async def start(self) -> None:
        """Take up what an earlier life of the node left: the running task is queued again, nothing finished is lost."""
        self._book.files.empty_trash()
        # whatever became of their tasks: an engine of an earlier life works for nobody
        await asyncio.to_thread(end_marked, self._book.files.mark(""))
        self._book.load()
        for task in self._book:
            if task.status not in ACTIVE:
                self._webhooks.tell(task.uuid)
            elif task.prepared:
                with contextlib.suppress(OSError):
                    self._book.files.say(task.uuid, "The node was started anew; the task is queued again")
                self._book.change(task.uuid, status=Status.QUEUED, started=None, processing_time=-1, progress=0.0)
            else:
                self._prepare(task.uuid)
        self._fill()

    async def stop(self) -> None:
        """End the engines; their tasks stay RUNNING on disk, so that the next start queues them again."""
        await self._webhooks.stop()
        for job in [*self._preparing.values(), *self._processing.values()]:
            await job.abandon()

    def commit(self, session: Session, files_count: int) -> None:
        """Take over an upload session as a task."""
        self._book.adopt(
            Task(
                uuid=session.uuid,
                name=session.name,
                sequence=self._book.next_sequence(),
                date_created=session.date_created,
                options=session.options,
                outputs=session.outputs,
                skip_post_processing=session.skip_post_processing,
                images_count=files_count,
                zipurl=session.zipurl,
                webhook=session.webhook,
            )
        )
        self._say_ignored(session.uuid, session.ignored)
        self._prepare(session.uuid)

    async def cancel(self, uuid: str) -> None:
        """End a task that waits or runs. A finished one is left alone."""
        task = self._book.task(uuid)
        if task.status not in ACTIVE:
            return
        # nobody is told of a task that was cancelled while it waited
        untold = self._policy.hooks(task.webhook) if task.status is Status.RUNNING else ()
        self._book.change(uuid, status=Status.CANCELED, processing_time=-1, error_message="", untold=untold)
        await self._end_work(uuid)
        self._ended(uuid)

    async def cancel_overdue(self) -> None:
        """Cancel tasks whose engine has run for longer than the operator grants."""
        if self._policy.max_runtime_min is None:
            return
        for task in self._book:
            begun = task.started if task.status is Status.RUNNING else None
            if begun is not None and now_ms() - begun > self._policy.max_runtime_min * 60_000:
                with contextlib.suppress(OSError):
                    self._book.files.say(
                        task.uuid,
                        f"Canceled: this node grants a task {self._policy.max_runtime_min:g} minutes. Use fewer "
                        "photos or a lower quality, or ask its operator for more (--max-runtime)",
                    )
                await self.cancel(task.uuid)

    async def remove(self, uuid: str) -> None:
        """Cancel and forget a task, and delete its files."""
        if self._book.task(uuid).status in ACTIVE:
            self._book.change(uuid, status=Status.CANCELED, processing_time=-1)
        self._webhooks.drop(uuid)
        await self._end_work(uuid)
        self._book.forget(uuid)
        await asyncio.to_thread(self._book.files.discard, self._book.files.tasks / uuid)
        self._fill()

    async def restart(
        self, uuid: str, options: list[dict[str, Json]] | None = None, ignored: Sequence[str] = ()
    ) -> None:
        """Queue a finished task again, from its photos; earlier results are deleted before the engine starts.

        Parameters
        ----------
        uuid : str
        options : list or None
            Replace the task's; None keeps them.
        ignored : sequence of str
            Names among them that this engine does not have.
        """
        self._refuse_active(uuid)
        await self._end_work(uuid)
        self._refuse_active(uuid)  # another restart was faster
        task = self._book.task(uuid)
        self._webhooks.drop(uuid)
        files = self._book.files
        files.output(uuid).unlink(missing_ok=True)
        self._book.change(
            uuid,
            status=Status.QUEUED if task.prepared else Status.RUNNING,
            options=task.options if options is None else options,
            date_created=now_ms(),
            processed=False,
            started=None,
            processing_time=-1,
            progress=0.0,
            error_message="",
            untold=(),
        )
        # after the transition: a kill in between leaves a task that is queued, not a finished one without its result
        files.archive(uuid).unlink(missing_ok=True)
        self._say_ignored(uuid, ignored)
        if not task.prepared:
            self._prepare(uuid)
        self._fill()

    def _say_ignored(self, uuid: str, names: Sequence[str]) -> None:
        if names:
            with contextlib.suppress(OSError):
                self._book.files.say(uuid, f"options this engine does not have are ignored: {', '.join(names)}")

    def _refuse_active(self, uuid: str) -> None:
        if self._book.task(uuid).status in ACTIVE:
            raise Refusal("Task cannot be restarted")

    def _prepare(self, uuid: str) -> None:
        job = self._preparing[uuid] = self._job(uuid)

        def done() -> None:
            del self._preparing[uuid]
            self._ended(uuid)

        job.begin(job.prepare(), done)

    def _fill(self) -> None:
        """Start engines while there is room and work."""
        for task in self._book:
            if len(self._processing) >= self._policy.parallel:
                return
            if task.status is Status.QUEUED and task.uuid not in self._processing:
                self._process(task.uuid)

    def _process(self, uuid: str) -> None:
        self._book.change(uuid, status=Status.RUNNING, started=now_ms())
        job = self._processing[uuid] = self._job(uuid)

        def done() -> None:
            del self._processing[uuid]
            self._ended(uuid)

        job.begin(job.process(), done)

    def _job(self, uuid: str) -> Job:
        return Job(self._book, uuid, self._command, self._policy)

    def _ended(self, uuid: str) -> None:
        """A piece of work is done: tell whom it concerns, and go on."""
        if uuid in self._book and self._book.task(uuid).status not in ACTIVE:
            self._webhooks.tell(uuid)
        self._fill()

    async def _end_work(self, uuid: str) -> None:
        """Wait until nothing works on the task any more."""
        for jobs in (self._preparing, self._processing):
            if job := jobs.get(uuid):
                await job.end()
