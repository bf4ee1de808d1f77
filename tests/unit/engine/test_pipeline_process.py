from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path


def run_engine(project: Path) -> tuple[int, str]:
    """Exit status and console of the engine as the node starts it."""
    read_end, write_end = os.pipe()
    command = [sys.executable, "-m", "uav_workflow.engine", str(project), "--progress-fd", str(write_end)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=(write_end,),
        start_new_session=True,
        text=True,
    )
    os.close(write_end)
    assert process.stdout is not None
    console = process.stdout.read()
    status = process.wait(60)
    assert process.stdin is not None
    process.stdin.close()
    process.stdout.close()
    os.close(read_end)
    return status, console


def test_a_dataset_that_can_not_be_processed_ends_with_1_and_a_reason(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_bytes(b"no photo")
    status, console = run_engine(tmp_path)
    assert status == 1
    assert "can't be processed" in (tmp_path / "failure.txt").read_text()
    assert "\n" not in (tmp_path / "failure.txt").read_text()
    assert "peak memory of the engine:" in console
    assert "Traceback" not in console


def test_an_unknown_option_is_a_reason_too(tmp_path: Path) -> None:
    (tmp_path / "options.json").write_text(json.dumps({"mesh-size": 3}))
    status, _ = run_engine(tmp_path)
    assert status == 1
    assert "mesh-size is unknown" in (tmp_path / "failure.txt").read_text()


def test_the_engine_and_its_children_end_with_the_node() -> None:
    program = (
        "import subprocess, sys, time; from uav_workflow.engine.__main__ import _end_with_the_node;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], stdout=subprocess.DEVNULL);"
        "print(child.pid, flush=True); _end_with_the_node(); time.sleep(600)"
    )
    engine = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert engine.stdout is not None
    assert engine.stdin is not None
    child = int(engine.stdout.readline())
    engine.stdin.close()  # what the system does when the node dies
    assert engine.wait(30) == -signal.SIGKILL
    engine.stdout.close()
    # an orphan may stay a zombie where nobody reaps: it does not run any more
    stat = Path(f"/proc/{child}/stat")
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] in ("Z", "X")
