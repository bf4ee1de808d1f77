"""How long the node lives, and what it tidies up meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from uav_workflow.node.book import TaskBook
from uav_workflow.node.gate import Gate
from uav_workflow.node.lock import living_owners
from uav_workflow.node.policy import Policy
from uav_workflow.node.queue import TaskQueue
from uav_workflow.node.refusal import Refusal
from uav_workflow.node.uploads import Uploads

log = logging.getLogger(__name__)

CLEANUP_S = 3600.0
"""Between two looks for what is too old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """Watches over a running node.

    Attributes
    ----------
    exit_when_idle_s : float or None
        End the node when for so long no owner lived, no task was active and nobody asked; None never does.
    policy : Policy
        How long finished tasks and abandoned uploads are kept.
    """

    book: TaskBook
    uploads: Uploads
    queue: TaskQueue
    gate: Gate
    policy: Policy
    exit_when_idle_s: float | None = None

    async def watch(self, stop: Callable[[], None]) -> None:
        """Run until cancelled; calls ``stop`` once when the node is idle for long enough."""
        idle_since = time.monotonic()
        cleaned = -CLEANUP_S
        while True:
            now = time.monotonic()
            try:
                if now - cleaned >= CLEANUP_S:
                    cleaned = now
                    await self.clean_up(time.time())
                await self.queue.cancel_overdue()
                if self._needed():
                    idle_since = now
            except (Refusal, OSError) as exc:  # a client was faster, or the disk is in trouble: the watch goes on
                log.warning("tidying up: %s", exc)
            idle_s = now - max(idle_since, self.gate.last_request)
            if self.exit_when_idle_s is not None and idle_s >= self.exit_when_idle_s:
                stop()
                return
            await asyncio.sleep(min(1.0, (self.exit_when_idle_s or 60.0) / 4))

    def _needed(self) -> bool:
        owners = living_owners(self.book.files.data_dir)
        return bool(owners or self.book.active_count or self.gate.open_requests)

    async def clean_up(self, now_s: float) -> None:
        """Delete finished tasks and abandoned uploads that are too old (seconds since 1970)."""
        for uuid in self.book.finished_before((now_s - self.policy.keep_tasks_min * 60) * 1000):
            # an hour later is soon enough for what could not be deleted, and a client may have been faster
            with contextlib.suppress(Refusal, OSError):
                await self.queue.remove(uuid)
        for uuid in await asyncio.to_thread(self.uploads.unchanged_since, now_s - self.policy.keep_uploads_min * 60):
            with contextlib.suppress(OSError):
                await asyncio.to_thread(self.uploads.close, uuid)
