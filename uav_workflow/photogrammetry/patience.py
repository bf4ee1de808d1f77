"""How long and how often the client tries before it gives up."""

from __future__ import annotations

import time
from dataclasses import dataclass

from uav_workflow.errors import NodeError


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Bounds of every retry, seconds and counts.

    Attributes
    ----------
    timeout_s : float
        Silence on one connection; a swapping node answers late, so it is long.
    answer_s : float
        Wall time of one small exchange, whatever trickles in meanwhile.
    retries : int
        Tries of one request (init, one file, commit) after its first.
    pause_s : float
        Pause before the first retry; it doubles up to `pause_max_s`.
    sessions : int
        Upload sessions one run may use before it gives up.
    parallel_uploads : int
        Files on the wire at a time; streamed from disk, so memory stays small.
    poll_s : float
        Between two looks at a task.
    still_s : float
        Wall time without one byte moved, in upload and download, before the run gives up.
    grace_s : float
        Wall time without one understood answer before a running task is given up (it is not cancelled).
    not_found_s : float
        A task unknown to the node is lost when it is still unknown this much later.
    after_commit_s : float
        A node that refuses connections this soon after it took a task was brought down by that task.
    budget_s : float
        Wall time of the whole: upload, processing, download.
    """

    timeout_s: float = 120.0
    answer_s: float = 300.0
    retries: int = 5
    pause_s: float = 2.0
    pause_max_s: float = 60.0
    sessions: int = 3
    parallel_uploads: int = 3
    poll_s: float = 3.0
    still_s: float = 900.0
    grace_s: float = 1800.0
    not_found_s: float = 60.0
    after_commit_s: float = 60.0
    budget_s: float = 48 * 3600.0

    def pause(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row (1 is the first)."""
        return min(self.pause_s * 2.0 ** max(0, failures - 1), self.pause_max_s)


class Clock:
    """Wall time of one run of the client: since it began, and since a byte moved. Any thread may tell it so."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._started = self._moved = time.monotonic()

    def moved(self) -> None:
        """A byte moved, or a stage began in which bytes are due."""
        self._moved = time.monotonic()

    @property
    def left_s(self) -> float:
        """Rest of the budget, never less than a second."""
        return max(1.0, self._patience.budget_s - (time.monotonic() - self._started))

    def check_budget(self, what: str) -> None:
        """Raise a `NodeError` once the whole has taken longer than `Patience.budget_s`."""
        if time.monotonic() - self._started > self._patience.budget_s:
            raise NodeError(
                f"{what}: not done within {self._patience.budget_s / 3600:.1f} h; nothing is cancelled and what was "
                "done is kept: look at the node and the network, then run again to go on"
            )

    def check(self, what: str) -> None:
        """Like `check_budget`, and raise when no byte moved for `Patience.still_s`."""
        self.check_budget(what)
        if time.monotonic() - self._moved > self._patience.still_s:
            raise NodeError(
                f"{what}: no byte moved for {self._patience.still_s / 60:.0f} min; look at the network and the node, "
                "then run again: what arrived is not sent twice"
            )
