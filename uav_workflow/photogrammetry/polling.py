"""Following a task to its end, whatever the network does meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pyodm.exceptions import NodeServerError, OdmError
from pyodm.types import TaskStatus

from uav_workflow.errors import NodeError
from uav_workflow.photogrammetry.connection import Connection
from uav_workflow.photogrammetry.failure import (
    TAIL_LINES,
    TaskLost,
    is_down,
    is_passing,
    is_refused_token,
    is_unknown_task,
    refusal,
)
from uav_workflow.photogrammetry.patience import Clock, Patience
from uav_workflow.photogrammetry.progress import NodeProgress, ProgressCallback

ENDED = (TaskStatus.FAILED, TaskStatus.COMPLETED, TaskStatus.CANCELED)
_STAGES = {TaskStatus.QUEUED: "queued", TaskStatus.RUNNING: "running", TaskStatus.COMPLETED: "running"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskState:
    """What a node says of a task. PyODM's `TaskInfo` breaks on nodes that leave out what nobody here needs.

    Attributes
    ----------
    images_count : int or None
        None when the node does not say.
    progress : float
        0 - 100.
    error, line : str
        The node's reason of a failure, the last line of output; empty when it gives none.
    """

    status: TaskStatus
    images_count: int | None
    progress: float
    error: str
    line: str

    @classmethod
    def read(cls, answer: Any) -> TaskState:
        """Read /task/{uuid}/info; an answer that is no task is a `NodeServerError`."""
        try:
            status = answer["status"]
            count, progress, output = (answer.get(key) for key in ("imagesCount", "progress", "output"))
            return cls(
                status=TaskStatus(status["code"]),
                images_count=count if isinstance(count, int) else None,
                progress=float(progress) if isinstance(progress, int | float) else 0.0,
                error=str(status.get("errorMessage") or ""),
                line=str(output[-1]) if isinstance(output, list) and output else "",
            )
        except (KeyError, ValueError, TypeError, AttributeError) as exc:
            raise NodeServerError(f"answer about the task is not understood ({exc!r})") from exc


def ask_task(node: Connection, uuid: str) -> TaskState:
    """State of a task now; any fault is an `OdmError`."""
    return TaskState.read(node.get(f"/task/{uuid}/info", {"with_output": "-1"}))


def find_task(node: Connection, uuid: str, patience: Patience) -> TaskState | None:
    """The task as the node knows it, None when it does not; passing faults are waited out.

    Raises
    ------
    NodeError
        The node can't be reached, or refuses.
    """
    for failures in range(1, patience.retries + 2):
        try:
            return ask_task(node, uuid)
        except OdmError as exc:
            if is_unknown_task(exc):
                return None
            if not is_passing(exc) or failures > patience.retries:
                raise refusal(exc, "asking for the task", node.address) from exc
            time.sleep(patience.pause(failures))
    raise AssertionError("the loop above returns or raises")


class Watch:
    """Polls one task until it has ended.

    Only the node's own word ends the wait: FAILED, COMPLETED, CANCELED, or twice `not found` with `not_found_s`
    between. Every transport fault is waited out for `grace_s` of wall time.

    Parameters
    ----------
    fresh : bool
        This run has just committed the task: a node that is gone now was brought down by it.
    """

    def __init__(
        self,
        node: Connection,
        uuid: str,
        patience: Patience,
        clock: Clock,
        on_progress: ProgressCallback,
        *,
        fresh: bool = False,
    ) -> None:
        self._node = node
        self._uuid = uuid
        self._patience = patience
        self._clock = clock
        self._on_progress = on_progress
        self._fresh = fresh
        self._began = self._answered = time.monotonic()
        self._unknown_since: float | None = None
        self._percent = 0.0
        self.went_down = False
        """The node refused connections right after it took the task."""

    def wait(self, on_running: Callable[[TaskState], None], on_down: Callable[[], None]) -> TaskState:
        """Return the task's last state.

        Parameters
        ----------
        on_running : callable
            Called with each state of a task that has not ended.
        on_down : callable
            Called when the node is gone right after it took the task.

        Raises
        ------
        NodeError
            No answer for `grace_s`, or the budget is spent. The task is left running: the next run finds it.
        TaskLost
            The node does not know the task any more.
        """
        while True:
            try:
                state = ask_task(self._node, self._uuid)
            except OdmError as exc:
                self._bear(exc, on_down)
            else:
                self._answered, self._unknown_since = time.monotonic(), None
                if state.status in ENDED:
                    return state
                on_running(state)
                self._percent = max(self._percent, state.progress)
                self._say(_STAGES[state.status], state.line)
            self._clock.check_budget(f"{self._node.address}: task {self._uuid}")
            time.sleep(self._patience.poll_s)

    def _bear(self, exc: OdmError, on_down: Callable[[], None]) -> None:
        now = time.monotonic()
        if is_refused_token(exc):
            raise refusal(exc, "following the task", self._node.address) from exc
        if self._fresh and is_down(exc) and now - self._began < self._patience.after_commit_s:
            self.went_down = True
            on_down()
        if is_unknown_task(exc):
            self._answered = now
            self._unknown_since = now if self._unknown_since is None else self._unknown_since
            if now - self._unknown_since >= self._patience.not_found_s:
                raise TaskLost(f"the node forgot the task ({exc})", at_once=self.went_down) from exc
        else:
            self._unknown_since = None
        if now - self._answered > self._patience.grace_s:
            raise NodeError(
                f"{self._node.address}: no answer about task {self._uuid} for {self._patience.grace_s / 60:.0f} min "
                f"({exc}); when the node is back, run again: the task is found again if it lives"
            ) from exc
        self._say("waiting", f"node does not answer: {exc}")

    def _say(self, stage: str, text: str) -> None:
        self._on_progress(NodeProgress(stage=stage, percent=self._percent, text=text[:300], uuid=self._uuid))


def output_tail(node: Connection, uuid: str) -> Sequence[str]:
    """Last lines of the node's output; empty when it can't be had."""
    try:
        lines = node.get(f"/task/{uuid}/output", {"line": str(-TAIL_LINES)})
    except OdmError:
        return ()
    return [str(line) for line in lines] if isinstance(lines, list) else ()
