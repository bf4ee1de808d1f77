"""``python -m uav_workflow.engine PROJECT [--progress-fd N]``: the engine on one project folder, as the node starts it.

The folder holds ``images/``, perhaps ``geo.txt``, ``gcp_list.txt`` and ``options.json``. Exit status 0, or ODM's: 1 the
dataset can't be processed, 28 disk full, 137 out of memory; ``failure.txt`` then says why in one line.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from uav_workflow.engine.options import EngineOptions
from uav_workflow.engine.pipeline import process
from uav_workflow.engine.progress import peak_memory_mib
from uav_workflow.errors import UavWorkflowError

CANNOT_PROCESS, DISK_FULL, OUT_OF_MEMORY = 1, 28, 137


def main() -> int:
    """Process the project and tell the exit status."""
    parser = argparse.ArgumentParser(prog="python -m uav_workflow.engine")
    parser.add_argument("project", type=Path)
    parser.add_argument("--progress-fd", type=int)
    arguments = parser.parse_args()
    if arguments.progress_fd is not None:
        _end_with_the_node()
    project: Path = arguments.project
    try:
        options_file = project / "options.json"
        values = json.loads(options_file.read_text("utf-8")) if options_file.exists() else {}
        process(project, EngineOptions.from_values(values), progress=_reporter(arguments.progress_fd))
    except (MemoryError, BrokenProcessPool) as exc:
        return _failed(project, f"out of memory ({exc or type(exc).__name__})", OUT_OF_MEMORY)
    except UavWorkflowError as exc:
        return _failed(project, str(exc), CANNOT_PROCESS)
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            return _failed(project, f"disk full while writing {exc.filename or 'a file'}", DISK_FULL)
        traceback.print_exc()
        return _failed(project, str(exc), CANNOT_PROCESS)
    except Exception as exc:
        traceback.print_exc()
        return _failed(project, f"internal error: {type(exc).__name__}: {exc}", CANNOT_PROCESS)
    return 0


def _failed(project: Path, reason: str, status: int) -> int:
    line = " ".join(reason.split())
    sys.stderr.write(f"peak memory of the engine: {peak_memory_mib():.0f} MiB\n")
    sys.stderr.write(f"failed: {line}\n")
    with contextlib.suppress(OSError):
        (project / "failure.txt").write_text(line, encoding="utf-8")
    return status


def _reporter(handle: int | None) -> Callable[[float], None] | None:
    if handle is None:
        return None
    pipe = os.fdopen(handle, "w", encoding="ascii", buffering=1)

    def report(percent: float) -> None:
        # nobody listening is no reason to stop
        with contextlib.suppress(OSError):
            pipe.write(f"{percent:.2f}\n")

    return report


def _end_with_the_node() -> None:
    """End this process and its children as soon as the node that holds the other end of stdin is gone."""

    def wait() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 1):
                pass
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, name="node-watch", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
