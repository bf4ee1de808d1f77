"""How long the node lives, and what it tidies up meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from uav_workflow.node.gate import Gate
from uav_workflow.node.lock import living_owners
from uav_workflow.node.queue import TaskQueue
from uav_workflow.node.task_files import TaskFiles
from uav_workflow.node.uploads import Uploads

CLEANUP_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """Watches over a running node.

    Attributes
    ----------
    exit_when_idle_s : float or None
        End the node when for so long no owner lived, no task was active and nobody asked; None never does.
    keep_s : float
        Age at which finished tasks and abandoned uploads are deleted.
    """

    files: TaskFiles
    uploads: Uploads
    queue: TaskQueue
    gate: Gate
    exit_when_idle_s: float | None = None
    keep_s: float = 2880 * 60.0

    async def watch(self, stop: Callable[[], None]) -> None:
        """Run until cancelled; calls ``stop`` once when the node is idle for long enough."""
        idle_since = time.monotonic()
        cleaned = -CLEANUP_S
        while True:
            now = time.monotonic()
            if now - cleaned >= CLEANUP_S:
                cleaned = now
                await self.clean_up(time.time())
            if self._needed():
                idle_since = now
            idle_s = now - max(idle_since, self.gate.last_request)
            if self.exit_when_idle_s is not None and idle_s >= self.exit_when_idle_s:
                stop()
                return
            await asyncio.sleep(min(1.0, (self.exit_when_idle_s or 60.0) / 4))

    def _needed(self) -> bool:
        owners = living_owners(self.files.data_dir)
        return bool(owners or self.queue.active_count or self.gate.open_requests)

    async def clean_up(self, now_s: float) -> None:
        """Delete finished tasks and abandoned uploads that are too old (seconds since 1970)."""
        for uuid in self.queue.finished_before((now_s - self.keep_s) * 1000):
            await self.queue.remove(uuid)
        for folder in self.files.uploads.iterdir():
            changed = max((path.stat().st_mtime for path in [folder, *folder.rglob("*")]), default=now_s)
            if now_s - changed > self.keep_s:
                await asyncio.to_thread(self.uploads.close, folder.name)
