"""The book of tasks: every state of every task, on disk before it counts."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from uav_workflow.node.refusal import Refusal, disk_refusal
from uav_workflow.node.task import ACTIVE, Status, Task
from uav_workflow.node.task_files import TaskFiles

log = logging.getLogger(__name__)


class TaskBook:
    """Every task the node knows, in the order of arrival."""

    def __init__(self, files: TaskFiles) -> None:
        self.files = files
        self._tasks: dict[str, Task] = {}

    def load(self) -> None:
        """Read what an earlier life of the node wrote; a state that can't be read is left as it is."""
        loaded = list(self.files.load())
        for entry in loaded:
            if not isinstance(entry, Task):
                log.warning("%s: its state can't be read; left as it is and not served", entry)
        for task in sorted((entry for entry in loaded if isinstance(entry, Task)), key=lambda task: task.sequence):
            self._tasks[task.uuid] = task

    def __contains__(self, uuid: str) -> bool:
        return uuid in self._tasks

    def __iter__(self) -> Iterator[Task]:
        return iter(list(self._tasks.values()))

    def task(self, uuid: str) -> Task:
        """Task of an id in lower case; `Refusal` when unknown."""
        try:
            return self._tasks[uuid]
        except KeyError:
            raise Refusal(f"{uuid} not found") from None

    def uuids(self) -> list[str]:
        """Ids in order of arrival."""
        return list(self._tasks)

    @property
    def active_count(self) -> int:
        """Tasks queued or running."""
        return sum(1 for task in self._tasks.values() if task.status in ACTIVE)

    def finished_before(self, ended_ms: float) -> list[str]:
        """Ids of finished tasks that ended before that time (milliseconds since 1970)."""
        return [
            task.uuid
            for task in self._tasks.values()
            if task.status not in ACTIVE and task.date_created + max(task.processing_time, 0) < ended_ms
        ]

    def next_sequence(self) -> int:
        """Place of a task that arrives now."""
        return max((task.sequence for task in self._tasks.values()), default=0) + 1

    def adopt(self, task: Task) -> None:
        """Turn the upload session of the task's id into the task."""
        self.files.adopt_upload(task)
        self._tasks[task.uuid] = task
        log.info("%s %r: %d files taken", task.uuid, task.name, task.images_count)

    def change(self, uuid: str, **fields: Any) -> Task:
        """A transition: on disk first, then in memory."""
        before = self._tasks[uuid]
        task = replace(before, **fields)
        try:
            self.files.save(task)
        except OSError as exc:
            # The state in memory must go on even when the disk is full, or the task would hang for ever.
            log.warning("%s: %s", uuid, disk_refusal(exc))
        self._tasks[uuid] = task
        if task.status is not before.status:
            log.info("%s %r: %s", uuid, task.name, _said(task))
        return task

    def progress(self, uuid: str, percent: float) -> None:
        """Progress is kept in memory alone: it is no transition. It never falls."""
        task = self._tasks.get(uuid)
        if task is not None and task.status is Status.RUNNING and percent > task.progress:
            self._tasks[uuid] = replace(task, progress=percent)

    def forget(self, uuid: str) -> None:
        """Strike a task out, and delete its files later (`TaskFiles.discard`)."""
        task = self._tasks.pop(uuid, None)
        if task is not None:
            log.info("%s %r: removed", uuid, task.name)


def _said(task: Task) -> str:
    """A status as the node's log tells it."""
    words = task.status.name.lower()
    if task.status is Status.FAILED:
        return f"{words}: {' '.join(task.error_message.split())}"
    if task.status is Status.COMPLETED:
        return f"{words} in {task.processing_time / 1000:.0f} s"
    return f"{words}, {task.images_count} photos" if task.status is Status.QUEUED else words
