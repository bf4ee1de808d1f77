"""Following a task to its end, whatever the network does meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from pyodm.exceptions import NodeServerError, OdmError
from pyodm.types import TaskInfo, TaskStatus

from uav_workflow.errors import NodeError
from uav_workflow.photogrammetry.address import AddressedNode
from uav_workflow.photogrammetry.failure import TAIL_LINES, TaskLost, is_refused_token, is_unknown_task, refusal
from uav_workflow.photogrammetry.patience import Patience
from uav_workflow.photogrammetry.progress import NodeProgress, ProgressCallback

ENDED = (TaskStatus.FAILED, TaskStatus.COMPLETED, TaskStatus.CANCELED)
_STAGES = {TaskStatus.QUEUED: "queued", TaskStatus.RUNNING: "running", TaskStatus.COMPLETED: "running"}


def task_info(node: AddressedNode, uuid: str) -> Any:
    """PyODM's `TaskInfo` with the last line of output; an answer that is no task is an `OdmError`."""
    answer = node.get(f"/task/{uuid}/info", {"with_output": "-1"})
    try:
        return TaskInfo(answer)
    except (KeyError, ValueError, TypeError, AttributeError) as exc:
        raise NodeServerError(f"answer about the task is not understood ({exc!r})") from exc


def find_task(node: AddressedNode, uuid: str, patience: Patience) -> Any | None:
    """The task as the node knows it, None when it does not; passing faults are waited out.

    Raises
    ------
    NodeError
        The node can't be reached, or refuses.
    """
    for failures in range(1, patience.retries + 2):
        try:
            return task_info(node, uuid)
        except OdmError as exc:
            if is_refused_token(exc) or (failures > patience.retries and not is_unknown_task(exc)):
                raise refusal(exc, "asking for the task", node.address) from exc
            if is_unknown_task(exc):
                return None
            time.sleep(patience.pause(failures))
    raise AssertionError("the loop above returns or raises")


def wait_for_task(
    node: AddressedNode,
    uuid: str,
    patience: Patience,
    on_progress: ProgressCallback,
    on_running: Callable[[Any], None] = lambda _info: None,
) -> Any:
    """Poll until the task has ended; returns its last `TaskInfo`.

    Only the node's own word ends the wait: FAILED, COMPLETED, CANCELED, or twice `not found` with `not_found_s`
    between. Every transport fault is waited out for `grace_s` of wall time.

    Parameters
    ----------
    on_running : callable
        Called with each info of a task that has not ended.

    Raises
    ------
    NodeError
        No answer for `grace_s`, or the task took longer than `budget_s`. It is left running: the next run finds it.
    TaskLost
        The node does not know the task any more.
    """
    started = answered = time.monotonic()
    unknown_since: float | None = None
    percent = 0.0
    while True:
        try:
            info = task_info(node, uuid)
        except OdmError as exc:
            now = time.monotonic()
            if is_refused_token(exc):
                raise refusal(exc, "following the task", node.address) from exc
            if is_unknown_task(exc):
                answered = now
                unknown_since = now if unknown_since is None else unknown_since
                if now - unknown_since >= patience.not_found_s:
                    raise TaskLost(f"the node forgot the task ({exc})") from exc
            else:
                unknown_since = None
            if now - answered > patience.grace_s:
                raise NodeError(
                    f"{node.address}: no answer about task {uuid} for {patience.grace_s / 60:.0f} min ({exc}); "
                    "when the node is back, run again: the task is found again if it lives"
                ) from exc
            text = f"node does not answer: {exc}"
            on_progress(NodeProgress(stage="waiting", percent=percent, text=text[:300], uuid=uuid))
        else:
            answered, unknown_since = time.monotonic(), None
            if info.status in ENDED:
                return info
            on_running(info)
            percent = max(percent, float(info.progress or 0.0))
            text = str(info.output[-1]) if info.output else ""
            on_progress(NodeProgress(stage=_STAGES[info.status], percent=percent, text=text[:300], uuid=uuid))
        if time.monotonic() - started > patience.budget_s:
            raise NodeError(
                f"{node.address}: task {uuid} has not ended after {patience.budget_s / 3600:.1f} h; it is left "
                "running: look at the node, then run again to go on waiting"
            )
        time.sleep(patience.poll_s)


def output_tail(node: AddressedNode, uuid: str) -> Sequence[str]:
    """Last lines of the node's output; empty when it can't be had."""
    try:
        lines = node.get(f"/task/{uuid}/output", {"line": str(-TAIL_LINES)})
    except OdmError:
        return ()
    return [str(line) for line in lines] if isinstance(lines, list) else ()
