"""A node in a thread, with a tiny program in the place of the engine."""

from __future__ import annotations

import http.client
import io
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import requests
import uvicorn

from uav_workflow.node.engine_process import MARK
from uav_workflow.node.lock import NodeLock, read_lock
from uav_workflow.node.policy import Policy
from uav_workflow.node.server import NodeServer
from uav_workflow.node.task_files import TaskFiles

ENGINE = """
import os, pathlib, subprocess, sys, time
project = pathlib.Path(sys.argv[1]); progress = os.fdopen(int(sys.argv[3]), "w")
names = sorted(p.name for p in (project / "images").iterdir())
print("photos", *names, flush=True)
print(progress.write("50\\n") and "half", flush=True); progress.flush()
if "sleeps.jpg" in names:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    (project / "child.txt").write_text(str(child.pid))
    while not (project / "images" / "wake.jpg").exists() and not (project / "wake").exists():
        time.sleep(0.02)
    child.kill(); child.wait()
if "fails.jpg" in names:
    (project / "failure.txt").write_text("the photos show nothing")
    sys.exit(1)
if "killed.jpg" in names:
    os.kill(os.getpid(), 9)
if "code.txt.jpg" in names:
    sys.exit(int((project / "images" / "code.txt.jpg").read_text()))
if "colours.jpg" in names:
    print("  \\x1b[31mred\\x1b[0m  ", "10 %\\r20 %\\r", "caf\\u00e9", sep="\\n", flush=True)
    print("half a li", end="", flush=True)
    while not (project / "wake").exists():
        time.sleep(0.02)
    print("ne", flush=True)
(project / "odm_orthophoto").mkdir(exist_ok=True)
(project / "odm_orthophoto" / "odm_orthophoto.tif").write_bytes(bytes(range(256)) * 400)
if "big.jpg" in names:
    # as many MiB as the photo says; sparse, so that only packing it takes long
    (project / "odm_orthophoto" / "big.tif").touch()
    os.truncate(project / "odm_orthophoto" / "big.tif", int((project / "images" / "big.jpg").read_text()) << 20)
if "fills.jpg" in names:
    (project / "odm_orthophoto" / "odm_orthophoto.tif").write_bytes(bytes(3 << 20))
(project / "cameras.json").write_text("{}")
(project / "secret.txt").write_text("not a product")
"""


class Client:
    """Plain HTTP against a node."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url = url
        self.token = token

    def get(self, path: str, **options: Any) -> requests.Response:
        params = {**options.pop("params", {}), **({"token": self.token} if self.token else {})}
        return requests.get(self.url + path, params=params, timeout=20, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        params = {**options.pop("params", {}), **({"token": self.token} if self.token else {})}
        return requests.post(self.url + path, params=params, timeout=20, **options)

    def init(self, uuid: str | None = None, **fields: str) -> Any:
        headers = {"set-uuid": uuid} if uuid else {}
        files = {name: (None, value) for name, value in {"name": "t", **fields}.items()}
        return self.post("/task/new/init", files=files, headers=headers).json()

    def upload(self, uuid: str, *photos: tuple[str, bytes]) -> Any:
        files = [("images", (name, data, "image/jpeg")) for name, data in photos]
        return self.post(f"/task/new/upload/{uuid}", files=files).json()

    def submit(self, *photos: tuple[str, bytes], uuid: str | None = None, **fields: str) -> str:
        """A committed task."""
        task: str = self.init(uuid, **fields)["uuid"]
        assert self.upload(task, *photos) == {"success": True}
        assert self.post(f"/task/new/commit/{task}").json() == {"uuid": task}
        return task

    def info(self, uuid: str) -> Any:
        return self.get(f"/task/{uuid}/info").json()

    def output(self, uuid: str) -> Any:
        return self.get(f"/task/{uuid}/output").json()

    def act(self, action: str, uuid: str, **fields: str) -> Any:
        return self.post(f"/task/{action}", data={"uuid": uuid, **fields}).json()

    def names(self, uuid: str) -> list[str]:
        """What is in all.zip."""
        content = self.get(f"/task/{uuid}/download/all.zip").content
        with zipfile.ZipFile(io.BytesIO(content)) as bundle:
            assert bundle.testzip() is None
            return bundle.namelist()

    def connect(self) -> socket.socket:
        host, _, port = self.url.removeprefix("http://").partition(":")
        return socket.create_connection((host, int(port)), timeout=20)

    def raw(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        """Bytes as they stand on the wire; status, headers and body of the answer."""
        with self.connect() as wire:
            wire.sendall(request)
            answer = http.client.HTTPResponse(wire)
            answer.begin()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def wait(self, uuid: str, *codes: int, timeout_s: float = 20) -> Any:
        """Info once the status is one of the codes."""
        return until(lambda: (info := self.info(uuid))["status"]["code"] in codes and info, timeout_s)


def until(condition: Callable[[], Any], timeout_s: float = 20) -> Any:
    """First true value of a condition."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError("the condition did not become true in time")


@contextmanager
def serving(data_dir: Path, **settings: Any) -> Iterator[Client]:
    """A node in a thread, on a port of the system's choice."""
    started = threading.Event()
    seen: dict[str, Any] = {}

    def on_start(lock: NodeLock, server: uvicorn.Server) -> None:
        seen.update(lock=lock, server=server)
        started.set()

    settings = {"engine_command": (sys.executable, "-c", ENGINE), **settings}
    node = NodeServer(data_dir=data_dir, port=0, **settings)
    thread = threading.Thread(target=node.run, args=(on_start,))
    thread.start()
    try:
        assert started.wait(20)
        yield Client(seen["lock"].url, settings.get("token", ""))
    finally:
        seen["server"].should_exit = True
        thread.join(20)
        assert not thread.is_alive()


def images(data_dir: Path, uuid: str) -> dict[str, bytes]:
    """Files of a task, or of an upload that is open."""
    folder = next(
        path for kind in ("tasks", "uploads") if (path := data_dir / kind / uuid / "project" / "images").exists()
    )
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def gone(pid: int) -> bool:
    """Whether a process runs no more."""
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def engines(data_dir: Path, uuid: str) -> list[int]:
    """Processes that work on a task now."""
    mark, found = TaskFiles(data_dir).mark(uuid), []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and not gone(process.pid):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


class NodeProcess:
    """A node as a process of its own, with the tiny engine, that can be killed and started again on the same data."""

    _PROGRAM = (
        "import json, sys; from pathlib import Path; from uav_workflow.node.policy import Policy;"
        "from uav_workflow.node.server import NodeServer; given = json.loads(sys.argv[1]);"
        "given['policy']['authorized_ips'] = (); NodeServer(data_dir=Path(given['data_dir']), port=0,"
        "policy=Policy(**given['policy']), engine_command=(sys.executable, '-c', given['engine']),"
        "exit_when_idle_s=given['idle']).run()"
    )

    def __init__(
        self, data_dir: Path, policy: Policy | None = None, idle_s: float | None = None, engine: str = ENGINE
    ) -> None:
        self.data_dir = data_dir
        given = {"data_dir": str(data_dir), "policy": asdict(policy or Policy()), "engine": engine, "idle": idle_s}
        self._command = [sys.executable, "-c", self._PROGRAM, json.dumps(given)]
        self.client = self.start()

    def start(self) -> Client:
        self.process = subprocess.Popen(self._command)
        lock = until(lambda: (found := read_lock(self.data_dir)) and found.pid == self.process.pid and found)
        self.client = Client(lock.url)
        return self.client

    def kill(self) -> None:
        """As the out-of-memory killer does it."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)

    def kill_and_start(self) -> Client:
        self.kill()
        return self.start()

    def project(self, uuid: str) -> Path:
        return self.data_dir / "tasks" / uuid / "project"

    def child(self, uuid: str) -> int:
        """Pid of the grandchild of an engine that sleeps."""
        path = self.project(uuid) / "child.txt"
        return int(until(lambda: path.exists() and path.read_text()))

    def __enter__(self) -> NodeProcess:
        return self

    def __exit__(self, *_: object) -> None:
        """Ask first: a node that is killed leaves its engine running, and no later node on this data would find it."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
