"""Progress of a run: stages with their shares of the time, never falling."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

StageReport = Callable[..., None]
"""Told the share of the stage that is done, 0 - 1, and perhaps in a text what is being done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTime:
    """What a stage cost: seconds on the clock, CPU seconds with children, peak memory of the process so far (MiB)."""

    name: str
    wall_s: float
    cpu_s: float
    peak_mib: float


class StageProgress:
    """Turns the progress of stages into the progress of the run.

    Parameters
    ----------
    shares : mapping
        Stage names in their order, with the share of the time each takes; only proportions count.
    report : callable, optional
        Told the percentage done, 0 - 100, never less than before.
    say : callable, optional
        Told a line when a stage begins and ends.
    """

    def __init__(
        self,
        shares: Mapping[str, float],
        report: Callable[[float], None] | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        total = sum(shares.values())
        self._spans: dict[str, tuple[float, float]] = {}
        start = 0.0
        for name, share in shares.items():
            self._spans[name] = (start, start + 100.0 * share / total)
            start += 100.0 * share / total
        self._report = report or (lambda percent: None)
        self._say = say or (lambda line: None)
        self._percent = 0.0
        self.times: list[StageTime] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[StageReport]:
        """Run a stage: yields what its progress is told to. A stage that is left by an error keeps its time too."""
        low, high = self._spans[name]
        self._say(f"{name}: begins")
        wall, cpu = time.monotonic(), cpu_seconds()
        doing = ""

        def report(share: float, text: str = "") -> None:
            nonlocal doing
            if text and text != doing:
                doing = text
                self._say(f"{name}: {text}")
            self._rise(low + (high - low) * min(1.0, max(0.0, share)))

        try:
            yield report
            self._rise(high)
        finally:
            spent = StageTime(
                name=name, wall_s=time.monotonic() - wall, cpu_s=cpu_seconds() - cpu, peak_mib=peak_memory_mib()
            )
            self.times.append(spent)
            self._say(
                f"{name}: {spent.wall_s:.1f} s, {spent.cpu_s:.1f} CPU-s, peak memory so far {spent.peak_mib:.0f} MiB"
            )

    def _rise(self, percent: float) -> None:
        if percent > self._percent:
            self._percent = percent
            self._report(percent)


def cpu_seconds() -> float:
    """CPU time of this process, its threads and its ended children."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def peak_memory_mib() -> float:
    """Largest resident set of this process since its program began, or of its largest ended child, MiB.

    getrusage() would count what the process that started this one held at that moment (Linux keeps it through exec).
    """
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    own = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024
