"""The engine alone on the photos of a flight, in a process of its own: what it made, and what it cost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

LONGEST_S = 2 * 3600.0
"""An engine that takes longer has hung; it counts as failed."""
STAGES = ("photos", "structure", "surface", "orthomosaic", "height models", "point cloud", "report")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRun:
    """A project folder after the engine ended: exit status, seconds on the clock, and when it told which percentage."""

    project: Path
    status: int
    wall_s: float
    progress: tuple[tuple[float, float], ...]

    @property
    def done(self) -> bool:
        """Whether it ended well."""
        return self.status == 0

    def figures(self, megapixels: float) -> dict[str, float]:
        """Costs of the run and of every stage; megapixels counts every band."""
        log = json.loads((self.project / "log.json").read_text(encoding="utf-8"))
        figures = {
            "wall_s": self.wall_s,
            "cpu_s": sum(stage["cpuTime"] for stage in log["stages"]),
            "peak_mib": float(log["peakMemoryMiB"]),
            "half_percent": self.percent_at(self.wall_s / 2),
            "progress_falls": float(sum(b[1] < a[1] for a, b in zip(self.progress, self.progress[1:], strict=False))),
        }
        figures["cpu_s_per_mp"] = figures["cpu_s"] / megapixels
        for stage in log["stages"]:
            name = stage["name"].replace(" ", "_")
            figures[f"stage_{name}_cpu_s"] = stage["cpuTime"]
            figures[f"stage_{name}_wall_s"] = stage["totalTime"]
            figures[f"stage_{name}_peak_mib"] = stage["peakMemoryMiB"]
        return figures

    def percent_at(self, seconds: float) -> float:
        """Percentage last told before a moment of the run."""
        told = [percent for moment, percent in self.progress if moment <= seconds]
        return told[-1] if told else 0.0


def run_engine(flight: Path, project: Path, options: Mapping[str, object], files: tuple[str, ...] = ()) -> EngineRun:
    """Copy the flight's photos (links) and ``files`` into a new project folder and run the engine on it."""
    shutil.rmtree(project, ignore_errors=True)
    (project / "images").mkdir(parents=True)
    for photo in sorted((flight / "images").iterdir()):
        os.link(photo, project / "images" / photo.name)
    for name in files:
        shutil.copy(flight / name, project / name)
    (project / "options.json").write_text(json.dumps(dict(options)), encoding="utf-8")
    read_end, write_end = os.pipe()
    command = [sys.executable, "-P", "-m", "uav_workflow.engine", str(project), "--progress-fd", str(write_end)]
    with (project / "output.txt").open("wb") as console:
        started = time.monotonic()
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=console,
            stderr=subprocess.STDOUT,
            pass_fds=(write_end,),
            start_new_session=True,
        )
        os.close(write_end)
        told: list[tuple[float, float]] = []
        listener = threading.Thread(target=_listen, args=(os.fdopen(read_end, encoding="ascii"), started, told))
        listener.start()
        try:
            status = process.wait(LONGEST_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            status = process.wait()
        wall = time.monotonic() - started
        listener.join()
    return EngineRun(project=project, status=status, wall_s=wall, progress=tuple(told))


def _listen(pipe: IO[str], started: float, told: list[tuple[float, float]]) -> None:
    with pipe:
        for line in pipe:
            told += [(time.monotonic() - started, float(line))]
