"""Each flight is run once; every test reads the same workspace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

UAV = (sys.executable, "-m", "uav_workflow.cli.main")


@dataclass(frozen=True)
class Run:
    """One `uav run --json`."""

    folder: Path
    workspace: Path
    status: int
    document: dict[str, Any]
    log: str

    def file(self, kind: str, name: str) -> Path:
        return Path(self.document["products"][kind]["files"][name])

    def manifest(self, kind: str) -> dict[str, Any]:
        path = Path(self.document["products"][kind]["path"]) / "manifest.json"
        return dict(json.loads(path.read_text(encoding="utf-8")))


def run_uav(folder: Path, workspace: Path, *arguments: str) -> Run:
    command = [*UAV, "run", str(folder), "--workspace", str(workspace), "--json", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    document = json.loads(ended.stdout) if ended.stdout.strip() else {}
    return Run(folder, workspace, ended.returncode, document, ended.stderr)


def environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("UAV_")}


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("workspace")
    yield folder
    end_node(folder)


def end_node(workspace: Path) -> None:
    """End the workspace's own node now instead of a minute later."""
    lock = workspace / "node" / "node.json"
    if lock.is_file():
        pid = json.loads(lock.read_text(encoding="utf-8"))["pid"]
        if psutil.pid_exists(pid):
            process = psutil.Process(pid)
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="session")
def real_run(shared_data: Path, workspace: Path) -> Callable[[str], Run]:
    """Run of a real flight by its folder's name."""
    runs: dict[str, Run] = {}

    def run(name: str) -> Run:
        if name not in runs:
            runs[name] = run_uav(shared_data / name, workspace)
        return runs[name]

    return run
