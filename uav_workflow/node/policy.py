"""What the operator of a node grants, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass

KEEP_MIN = 2880.0
"""NodeODM's two days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The operator's limits; the defaults open no connection and hold nobody back.

    Attributes
    ----------
    max_images : int or None
        Files a task may have.
    parallel : int
        Engines at once.
    max_runtime_min : float or None
        Minutes an engine may run before its task is cancelled.
    max_concurrency : int or None
        Most threads an engine may use, whatever its task asks for.
    keep_tasks_min, keep_uploads_min : float
        Minutes after which a finished task, or an upload nobody goes on with, is deleted.
    allow_zipurl, allow_webhook : bool
        Whether clients may name addresses which the node then connects to from its own network.
    webhook : str
        Address of the operator's own that is told of every task that ends; needs no permission.
    authorized_ips : tuple of str
        Callers that are answered; empty means all.
    """

    max_images: int | None = None
    parallel: int = 1
    max_runtime_min: float | None = None
    max_concurrency: int | None = None
    keep_tasks_min: float = KEEP_MIN
    keep_uploads_min: float = KEEP_MIN
    allow_zipurl: bool = False
    allow_webhook: bool = False
    webhook: str = ""
    authorized_ips: tuple[str, ...] = ()

    def hooks(self, of_task: str) -> tuple[str, ...]:
        """Addresses to tell of a task's end, given its own."""
        return tuple(dict.fromkeys(url for url in (of_task, self.webhook) if url))
