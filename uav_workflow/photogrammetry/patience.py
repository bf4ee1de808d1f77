"""How long and how often the client tries before it gives up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Bounds of every retry, seconds and counts.

    Attributes
    ----------
    timeout_s : float
        Silence on one connection; a swapping node answers late, so it is long.
    retries : int
        Tries of one request (init, one file, commit) after its first.
    pause_s : float
        Pause before the first retry; it doubles up to `pause_max_s`.
    sessions : int
        Upload sessions an attempt may use before it is given up.
    parallel_uploads : int
        Files on the wire at a time; streamed from disk, so memory stays small.
    poll_s : float
        Between two looks at a task.
    grace_s : float
        Wall time without one understood answer before a running task is given up (it is not cancelled).
    not_found_s : float
        A task unknown to the node is lost when it is still unknown this much later.
    budget_s : float
        Wall time a task may take after its upload.
    """

    timeout_s: float = 120.0
    retries: int = 5
    pause_s: float = 2.0
    pause_max_s: float = 60.0
    sessions: int = 3
    parallel_uploads: int = 3
    poll_s: float = 3.0
    grace_s: float = 1800.0
    not_found_s: float = 60.0
    budget_s: float = 48 * 3600.0

    def pause(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row (1 is the first)."""
        return min(self.pause_s * 2.0 ** max(0, failures - 1), self.pause_max_s)
