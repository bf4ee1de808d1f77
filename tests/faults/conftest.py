"""A small flight, a stand-in node in a process of its own, a proxy before it, and workers that can be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from tests.faults.proxy import Proxy, proxied, until
from tests.unit.flights.synthetic_flight import FlightFolder, grid_of_photos
from tests.unit.photogrammetry.odm_files import ORIGIN, poses
from uav_workflow.node.lock import NodeLock, read_lock

ROOT = Path(__file__).resolve().parents[2]
PHOTOS = 8


@pytest.fixture(scope="session")
def flight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight photos of 240 x 180."""
    return FlightFolder(tmp_path_factory.mktemp("flight") / "meadow", grid_of_photos(2, PHOTOS // 2)).write()


@pytest.fixture(scope="session")
def result(flight: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the stand-in's engine hands back: poses of every photo, and half a megabyte that has to travel."""
    folder = tmp_path_factory.mktemp("result")
    names = sorted(path.name for path in (flight / "images").iterdir())
    centres = ORIGIN + np.array([[6.0 * index, 10.0 * (index // 4), 1840.0] for index in range(len(names))])
    poses(folder, names, centres)
    (folder / "odm_georeferencing" / "ballast.bin").write_bytes(np.random.default_rng(1).bytes(500_000))
    return folder


@dataclass
class NodeProcess:
    """The stand-in node; `start` after `kill` takes up the same data at the same port."""

    data: Path
    environment: dict[str, str]
    port: int = 0
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        command = [
            sys.executable,
            "-m",
            "tests.faults.stand_in",
            "--data-dir",
            str(self.data),
            "--port",
            str(self.port),
        ]
        self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, start_new_session=True)
        self.port = until(self._lock).port

    def _lock(self) -> NodeLock | None:
        lock = read_lock(self.data)
        return lock if lock is not None and lock.pid == self.process.pid else None

    def kill(self) -> None:
        """SIGKILL to the node alone; its engine notices by itself."""
        self.process.kill()
        self.process.wait(20)

    def ask(self, path: str) -> Any:
        return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=20).json()

    def tasks(self) -> list[str]:
        return [row["uuid"] for row in self.ask("/task/list")]

    def is_running(self) -> bool:
        return any(self.ask(f"/task/{uuid}/info")["status"]["code"] == 20 for uuid in self.tasks())


@dataclass
class Place:
    """One workspace, and how to run the flight in it."""

    flight: Path
    workspace: Path
    hold: Path
    hunger: Path
    environment: dict[str, str]
    workers: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *arguments: str, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        """`uav run` until the reconstruction is there."""
        command = [*prefix, sys.executable, "-m", "tests.faults.worker", "run", str(self.flight), "--json"]
        command += ["--workspace", str(self.workspace), "--until", "reconstruction", *arguments]
        worker = subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.workers.append(worker)
        return worker

    def end(self, worker: subprocess.Popen[str]) -> dict[str, Any]:
        """The document of a run that is expected to complete, with all eight photos placed."""
        out, err = worker.communicate(timeout=120)
        assert worker.returncode == 0, err
        document: dict[str, Any] = json.loads(out)
        assert document["status"] == "complete"
        product = Path(document["products"]["reconstruction"]["path"])
        shots = json.loads((product / "shots.geojson").read_text())["features"]
        assert len(shots) == PHOTOS
        return document

    def complain(self, worker: subprocess.Popen[str]) -> str:
        """What a run says that is expected to fail at the node: a sentence, never a trace."""
        out, err = worker.communicate(timeout=120)
        assert worker.returncode == 3, err
        assert "Traceback" not in err
        return str(json.loads(out)["not_made"]["reconstruction"]) + err

    def confirmed(self) -> list[str]:
        """Files whose arrival the client has written down."""
        lists = (self.workspace / "scratch").glob("*/node-*/sent-*.txt")
        return [name for path in lists for name in path.read_text().split()]

    @property
    def node_task(self) -> dict[str, Any]:
        (path,) = (self.workspace / "products").glob("*/node_task-*/manifest.json")
        return dict(json.loads(path.read_text()))

    @property
    def record(self) -> dict[str, Any]:
        (path,) = (self.workspace / "scratch").glob("*/node-*/node_task.json")
        return dict(json.loads(path.read_text()))


def kill(worker: subprocess.Popen[str]) -> None:
    """SIGKILL to a worker and all it started."""
    os.killpg(worker.pid, signal.SIGKILL)
    worker.communicate()


def stand_in_environment(folder: Path, result: Path) -> dict[str, str]:
    """Environment of the stand-in and of workers, free of what the machine is set to."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("UAV_")}
    files = {"UAV_TEST_HOLD": folder / "hold", "UAV_TEST_HUNGER": folder / "hunger", "UAV_TEST_RESULT": result}
    return environment | {key: str(path) for key, path in files.items()} | {"PYTHONWARNINGS": "default"}


@pytest.fixture
def place(flight: Path, result: Path, tmp_path: Path) -> Iterator[Place]:
    """Without a node: the worker starts its own."""
    place = Place(
        flight, tmp_path / "workspace", tmp_path / "hold", tmp_path / "hunger", stand_in_environment(tmp_path, result)
    )
    yield place
    for worker in place.workers:
        if worker.poll() is None:
            kill(worker)


@pytest.fixture
def node(place: Place, tmp_path: Path) -> Iterator[NodeProcess]:
    node = NodeProcess(tmp_path / "node", dict(place.environment))
    node.start()
    try:
        yield node
    finally:
        place.hold.unlink(missing_ok=True)
        node.process.terminate()
        node.process.wait(20)


@pytest.fixture
def proxy(node: NodeProcess, place: Place) -> Iterator[Proxy]:
    """Between the workers of `place` and the node."""
    with proxied(node.port) as proxy:
        place.environment["UAV_NODE"] = proxy.url
        yield proxy
