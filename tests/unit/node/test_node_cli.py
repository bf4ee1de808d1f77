from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

from node_harness import Client, until

from uav_workflow.node.lock import LOCK_FILE, read_lock


def test_the_command_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    data_dir = tmp_path / "node"
    command = [sys.executable, "-m", "uav_workflow.cli.main", "node", "--port", "0", "--data-dir", str(data_dir)]
    environment = {**os.environ, "UAV_NODE_TOKEN": "s3cret"}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        lock = until(lambda: read_lock(data_dir))
        assert (lock.pid, lock.host) == (process.pid, "127.0.0.1")
        assert stat.S_IMODE((data_dir / LOCK_FILE).stat().st_mode) == 0o600, "it holds the token"
        assert "error" in Client(lock.url).get("/info").json()
        assert Client(lock.url, "s3cret").get("/info").json()["taskQueueCount"] == 0
    finally:
        process.terminate()
        _, said = process.communicate(timeout=20)
    assert process.returncode == 0
    assert lock.url in said
    assert "s3cret" not in said
    assert read_lock(data_dir) is None
