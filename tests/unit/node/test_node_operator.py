"""NodeODM's contract, section 8: what the operator of a node limits, cleans up and is told."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from node_harness import NodeProcess, engines, serving, until

from uav_workflow.node import lifetime, webhook
from uav_workflow.node.policy import Policy


class Listener:
    """A web hook: refuses the first calls, remembers all."""

    def __init__(self, refuse: int = 0) -> None:
        self.refuse = refuse
        self.told: list[Any] = []
        self.url = ""


@contextmanager
def listening(refuse: int = 0) -> Iterator[Listener]:
    listener = Listener(refuse)

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            refused = listener.refuse > 0
            listener.refuse -= 1
            self.send_response(503 if refused else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            listener.told.append(document)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    listener.url = f"http://127.0.0.1:{server.server_port}/hook"
    threading.Thread(target=server.serve_forever).start()
    try:
        yield listener
    finally:
        server.shutdown()
        server.server_close()


def test_as_many_engines_as_granted_and_the_next_in_the_order_of_arrival(tmp_path: Path) -> None:
    with serving(tmp_path / "node", policy=Policy(parallel=2)) as client:
        uuids = [client.submit(("sleeps.jpg", b"A")) for _ in range(4)]
        client.wait(uuids[1], 20)
        assert [client.wait(uuid, 10, 20)["status"]["code"] for uuid in uuids] == [20, 20, 10, 10]
        assert client.get("/info").json()["maxParallelTasks"] == 2
        assert client.get("/info").json()["taskQueueCount"] == 4
        client.act("cancel", uuids[0])
        client.wait(uuids[2], 20)
        assert client.info(uuids[3])["status"] == {"code": 10}
        assert client.get("/task/list").json() == [{"uuid": uuid} for uuid in uuids]


def test_a_task_that_runs_for_too_long_is_canceled(tmp_path: Path) -> None:
    with serving(tmp_path / "node", policy=Policy(max_runtime_min=0.01)) as client:
        uuid = client.submit(("sleeps.jpg", b"A"))
        info = client.wait(uuid, 50)
        assert info["status"] == {"code": 50}, "no error message: it did not fail"
        until(lambda: not engines(tmp_path / "node", uuid))
        assert any("this node grants a task 0.01 minutes" in line for line in client.output(uuid))


@pytest.mark.parametrize(("asked", "granted"), [(None, 2), (1, 1), (2, 2), (64, 2), (0, 2)])
def test_threads_are_capped(tmp_path: Path, asked: int | None, granted: int) -> None:
    with serving(tmp_path / "node", policy=Policy(max_concurrency=2)) as client:
        options = [{"name": "dtm", "value": True}]
        options += [] if asked is None else [{"name": "max-concurrency", "value": asked}]
        uuid = client.submit(("a.jpg", b"A"), options=json.dumps(options))
        rows = [{"name": "dtm", "value": True}, {"name": "max-concurrency", "value": granted}]
        assert client.wait(uuid, 40)["options"] == rows
        written = json.loads((tmp_path / "node" / "tasks" / uuid / "project" / "options.json").read_text())
        assert written == {"dtm": True, "max-concurrency": granted}
        client.act("restart", uuid, options="[]")
        assert client.wait(uuid, 40)["options"] == [{"name": "max-concurrency", "value": 2}]


def test_old_results_go_by_themselves_and_what_runs_or_is_new_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifetime, "CLEANUP_S", 0.1)
    with serving(tmp_path / "node", policy=Policy(keep_tasks_min=60, keep_uploads_min=60)) as client:
        created = {"dateCreated": "1000"}
        new = client.submit(("a.jpg", b"A"))
        waiting, running = client.init()["uuid"], client.submit(("sleeps.jpg", b"A"), **created)
        old = client.submit(("a.jpg", b"A"), ("b.jpg", b"B"), **created)
        client.wait(new, 40)
        client.wait(running, 20)
        (tmp_path / "node" / "tasks" / running / "project" / "wake").touch()
        until(lambda: client.get("/task/list").json() == [{"uuid": new}], 30)
        assert client.info(old) == {"error": f"{old} not found"}
        assert not (tmp_path / "node" / "tasks" / old).exists()
        assert client.upload(waiting, ("a.jpg", b"A")) == {"success": True}


def test_a_webhook_is_told_what_info_says_and_asked_again_until_it_hears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "PAUSES_S", (0.05, 0.05))
    with (
        listening(refuse=2) as mine,
        listening() as operators,
        serving(tmp_path / "node", policy=Policy(allow_webhook=True, webhook=operators.url)) as client,
    ):
        done = client.submit(("a.jpg", b"A"), webhook=mine.url)
        (until(lambda: len(mine.told) == 3))
        info = client.wait(done, 40)
        assert mine.told == [{**info, "images": []}] * 3
        until(lambda: len(operators.told) == 1)
        failed = client.submit(("fails.jpg", b"A"))
        until(lambda: len(operators.told) == 2)
        assert operators.told[1]["uuid"] == failed
        assert operators.told[1]["status"]["errorMessage"]
        running, waiting = client.submit(("sleeps.jpg", b"A")), client.submit(("a.jpg", b"A"))
        client.wait(running, 20)
        client.wait(waiting, 10)
        client.act("cancel", waiting)
        client.act("cancel", running)
        until(lambda: len(operators.told) == 3)
        assert operators.told[2]["uuid"] == running, "nobody hears of one that was canceled while it waited"
        assert operators.told[2]["status"] == {"code": 50}


def test_a_webhook_that_was_not_told_is_told_by_the_next_node(tmp_path: Path) -> None:
    with listening(refuse=1) as mine, NodeProcess(tmp_path / "node", Policy(webhook=mine.url)) as node:
        uuid = node.client.submit(("a.jpg", b"A"))
        until(lambda: mine.told)
        node.kill_and_start()
        until(lambda: len(mine.told) == 2)
        assert mine.told[1]["uuid"] == uuid
        state = node.data_dir / "tasks" / uuid / "state.json"
        until(lambda: json.loads(state.read_text())["untold"] == [])
