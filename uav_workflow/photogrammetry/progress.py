"""What the client tells its caller while it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeProgress:
    """One step of a task.

    Attributes
    ----------
    stage : str
        ``uploading``, ``queued``, ``running``, ``waiting`` (the node does not answer) or ``downloading``.
    percent : float
        Of that stage, 0 - 100; never falls within a stage of one attempt.
    text : str
        A line for people: what is being done, or the last line of the node's output.
    uuid : str
        The task on the node.
    """

    stage: str
    percent: float
    text: str
    uuid: str


ProgressCallback = Callable[[NodeProgress], None]
