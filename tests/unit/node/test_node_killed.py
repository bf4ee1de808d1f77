"""kill -9 of the node in every state of a task: nothing finished is lost, what ran is queued again, nothing doubled."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from node_harness import Client, NodeProcess, engines, gone, images, until

from uav_workflow.node.policy import Policy

PART = b'--x\r\nContent-Disposition: form-data; name="images"; filename="late.jpg"\r\n\r\nHALF A PHO'


@contextmanager
def stalling_site() -> Iterator[tuple[str, threading.Event]]:
    """A web site that begins an archive and never goes on; the event says that it was asked."""
    asked, over = threading.Event(), threading.Event()

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(b"PK\x03\x04")
            self.wfile.flush()
            asked.set()
            over.wait(20)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/photos.zip", asked
    finally:
        over.set()
        server.shutdown()
        server.server_close()


def half_an_upload(client: Client, uuid: str) -> bytes:
    head = f"POST /task/new/upload/{uuid} HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n"
    return f"{head}Content-Type: multipart/form-data; boundary=x\r\n\r\n".encode() + PART


def test_during_an_upload_its_whole_files_stay_and_the_cut_one_goes(tmp_path: Path) -> None:
    with NodeProcess(tmp_path / "node") as node:
        session = node.client.init(name="field day")["uuid"]
        node.client.upload(session, ("a.jpg", b"A"))
        with node.client.connect() as wire:
            wire.sendall(half_an_upload(node.client, session))
            until(lambda: list(tmp_path.rglob("*.part")))
            with node.client.connect() as other:
                other.sendall(half_an_upload(node.client, session).replace(f"/upload/{session}".encode(), b""))
                until(lambda: len(list(tmp_path.rglob("*.part"))) == 2)
                node.kill()
        client = node.start()
        assert not list(tmp_path.rglob("*.part"))
        assert [path.name for path in (node.data_dir / "uploads").iterdir()] == [session], "nobody knows the other"
        assert images(node.data_dir, session) == {"a.jpg": b"A"}
        assert client.get("/task/list").json() == []
        assert client.upload(session, ("late.jpg", b"WHOLE")) == {"success": True}
        assert client.upload(session, ("a.jpg", b"A")) == {"success": True}, "sent again, kept once"
        assert client.post(f"/task/new/commit/{session}").json() == {"uuid": session}
        info = client.wait(session, 40)
    assert (info["imagesCount"], info["name"]) == (2, "field day")


def test_while_the_files_are_sorted_out_it_is_sorted_out_again(tmp_path: Path) -> None:
    with (
        stalling_site() as (url, asked),
        NodeProcess(tmp_path / "node", Policy(allow_zipurl=True)) as node,
    ):
        uuid = node.client.submit(("a.jpg", b"A"), ("geo.txt", b"EPSG:4326"), zipurl=url)
        assert asked.wait(20)
        assert node.client.info(uuid)["status"] == {"code": 20}
        assert node.client.info(uuid)["progress"] == 0
        assert node.client.info(uuid)["imagesCount"] == 2, "all files, until they are sorted out"
        asked.clear()
        client = node.kill_and_start()
        assert asked.wait(20), "it is fetched again"
        assert client.info(uuid)["status"] == {"code": 20}
        assert client.act("cancel", uuid) == {"success": True}
        assert client.info(uuid)["status"] == {"code": 50}
        assert not list(tmp_path.rglob("zipurl*"))


@pytest.mark.parametrize("times", [1, 2])
def test_while_the_engine_runs_it_is_ended_and_the_task_queued_again(tmp_path: Path, times: int) -> None:
    with NodeProcess(tmp_path / "node") as node:
        running = node.client.submit(("sleeps.jpg", b"A"))
        waiting = node.client.submit(("b.jpg", b"B"))
        for _ in range(times):
            grandchild = node.child(running)
            old = engines(node.data_dir, running)
            assert len(old) == 2, "the engine and its child"
            (node.project(running) / "child.txt").unlink()
            client = node.kill_and_start()
            assert all(gone(pid) for pid in [*old, grandchild])
            assert client.get("/task/list").json() == [{"uuid": running}, {"uuid": waiting}]
            client.wait(running, 20)
            node.child(running)
            assert len(engines(node.data_dir, running)) == 2, "never doubled"
            assert client.info(waiting)["status"] == {"code": 10}
        output = client.output(running)
        assert output.count("The node was started anew; the task is queued again") == times
        assert output.count("half") == times + 1
        (node.project(running) / "wake").touch()
        client.wait(running, 40)
        client.wait(waiting, 40)


def test_while_the_result_is_packed_the_engine_does_not_run_again(tmp_path: Path) -> None:
    with NodeProcess(tmp_path / "node") as node:
        uuid = node.client.submit(("big.jpg", b"250"))
        scratch = node.data_dir / "tasks" / uuid / ".all.zip.new"
        until(scratch.exists)
        node.kill()
        assert scratch.exists(), "it was killed in the middle"
        assert not (node.data_dir / "tasks" / uuid / "all.zip").exists(), "half an archive never has the name"
        client = node.start()
        client.wait(uuid, 40)
        assert client.output(uuid).count("half") == 1
        assert "odm_orthophoto/big.tif" in client.names(uuid)


def test_what_has_ended_stays_as_it_was(tmp_path: Path) -> None:
    with NodeProcess(tmp_path / "node") as node:
        client = node.client
        done, failed, canceled = (client.submit((name, b"A")) for name in ("a.jpg", "fails.jpg", "sleeps.jpg"))
        client.wait(done, 40)
        client.wait(failed, 30)
        grandchild = node.child(canceled)
        client.act("cancel", canceled)
        before = {uuid: (client.info(uuid), client.output(uuid)) for uuid in (done, failed, canceled)}
        etag = client.get(f"/task/{done}/download/all.zip").headers["etag"]
        assert [before[uuid][0]["status"]["code"] for uuid in before] == [40, 30, 50]
        client = node.kill_and_start()
        assert {uuid: (client.info(uuid), client.output(uuid)) for uuid in before} == before
        assert client.get(f"/task/{done}/download/all.zip").headers["etag"] == etag, "a cut download can go on"
        assert gone(grandchild)
        assert client.act("restart", failed) == {"success": True}
        client = node.kill_and_start()
        assert client.wait(failed, 30)["status"]["errorMessage"]


def test_an_engine_works_for_nobody_once_its_task_has_ended(tmp_path: Path) -> None:
    """A node that was killed between writing CANCELED and ending the engine."""
    with NodeProcess(tmp_path / "node") as node:
        uuid = node.client.submit(("sleeps.jpg", b"A"))
        grandchild = node.child(uuid)
        node.kill()
        state = node.data_dir / "tasks" / uuid / "state.json"
        state.write_text(state.read_text().replace('"status": 20', '"status": 50'))
        client = node.start()
        assert client.info(uuid)["status"] == {"code": 50}
        assert gone(grandchild)
        assert engines(node.data_dir, uuid) == []


def test_a_task_removed_half_way_does_not_come_back(tmp_path: Path) -> None:
    with NodeProcess(tmp_path / "node") as node:
        uuid = node.client.submit(("a.jpg", b"A"))
        node.client.wait(uuid, 40)
        node.kill()
        # the folder was moved out of the tasks, and there the node ended
        (node.data_dir / "tasks" / uuid).rename(node.data_dir / "trash" / uuid)
        client = node.start()
        assert client.info(uuid) == {"error": f"{uuid} not found"}
        assert list((node.data_dir / "trash").iterdir()) == []


def test_sigterm_ends_the_engine_and_keeps_the_task(tmp_path: Path) -> None:
    with NodeProcess(tmp_path / "node") as node:
        uuid = node.client.submit(("sleeps.jpg", b"A"))
        grandchild = node.child(uuid)
        node.process.terminate()
        assert node.process.wait(20) == 0
        assert gone(grandchild)
        (node.project(uuid) / "child.txt").unlink()
        client = node.start()
        node.child(uuid)
        assert client.info(uuid)["status"] == {"code": 20}
