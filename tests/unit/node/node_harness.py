"""A node in a thread, with a tiny program in the place of the engine."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import uvicorn

from uav_workflow.node.lock import NodeLock
from uav_workflow.node.server import NodeServer

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
(project / "odm_orthophoto").mkdir(exist_ok=True)
(project / "odm_orthophoto" / "odm_orthophoto.tif").write_bytes(bytes(range(256)) * 400)
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
