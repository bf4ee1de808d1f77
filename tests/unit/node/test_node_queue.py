from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
from node_harness import ENGINE, Client, serving, until

from uav_workflow.node.lock import read_lock, register_owner


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_cancel_ends_the_whole_tree_and_frees_the_slot(node: Client, tmp_path: Path) -> None:
    first = node.submit(("sleeps.jpg", b"A"))
    second = node.submit(("a.jpg", b"A"))
    child_file = tmp_path / "node" / "tasks" / first / "project" / "child.txt"
    until(lambda: child_file.exists() and child_file.read_text())
    assert node.info(first)["status"] == {"code": 20}
    assert until(lambda: node.info(first)["progress"]) == 45
    assert node.info(second)["status"] == {"code": 10}
    assert node.get("/info").json()["taskQueueCount"] == 2
    assert node.get(f"/task/{first}/download/all.zip").json() == {"error": "Asset not ready"}
    assert node.post("/task/restart", data={"uuid": first}).json()["error"] == "Task cannot be restarted"
    assert node.post("/task/cancel", json={"uuid": first.upper()}).json() == {"success": True}
    assert gone(int(child_file.read_text())), "a grandchild in a session of its own must end too"
    info = node.info(first)
    assert info["status"] == {"code": 50}
    assert info["processingTime"] == -1
    assert node.post("/task/cancel", data={"uuid": first}).json() == {"success": True}
    node.wait(second, 40)


def test_cancel_leaves_finished_tasks_alone(node: Client) -> None:
    done = node.submit(("a.jpg", b"A"))
    node.wait(done, 40)
    assert node.post("/task/cancel", data={"uuid": done}).json() == {"success": True}
    assert node.info(done)["status"] == {"code": 40}
    assert node.get(f"/task/{done}/download/all.zip").status_code == 200


def test_failures_say_why(node: Client) -> None:
    failed = node.wait(node.submit(("fails.jpg", b"A")), 30)
    assert failed["status"]["errorMessage"] == "Cannot process dataset: the photos show nothing"
    assert failed["progress"] == 100
    killed = node.wait(node.submit(("killed.jpg", b"A")), 30)
    assert killed["status"]["errorMessage"].startswith("Not enough memory (137)")
    assert "Not enough memory" in node.get(f"/task/{killed['uuid']}/output").json()[-1]


def test_an_engine_that_is_missing_is_said(tmp_path: Path) -> None:
    with serving(tmp_path / "node", engine_command=(str(tmp_path / "absent"),)) as client:
        info = client.wait(client.submit(("a.jpg", b"A")), 30)
        assert "Could not start process" in info["status"]["errorMessage"]


def test_restart_clears_output_and_results_and_takes_new_options(node: Client, tmp_path: Path) -> None:
    uuid = node.submit(("a.jpg", b"A"), ("sleeps.jpg", b"A"))
    project = tmp_path / "node" / "tasks" / uuid / "project"
    until((project / "child.txt").exists)
    (project / "wake").touch()
    before = node.wait(uuid, 40)
    bad = node.post("/task/restart", data={"uuid": uuid, "options": '[{"name": "dsm", "value": "maybe"}]'}).json()
    assert set(bad) == {"error", "noRetry"}
    options = json.dumps([{"name": "dsm", "value": True}])
    assert node.post("/task/restart", data={"uuid": uuid, "options": options}).json() == {"success": True}
    info = node.info(uuid)
    assert info["status"]["code"] in (10, 20)
    assert info["dateCreated"] > before["dateCreated"]
    assert info["options"] == [{"name": "dsm", "value": True}]
    assert node.get(f"/task/{uuid}/download/all.zip").json() == {"error": "Asset not ready"}
    until(lambda: "half" in node.get(f"/task/{uuid}/output").json())
    (project / "wake").touch()
    node.wait(uuid, 40)
    assert node.get(f"/task/{uuid}/output").json().count("half") == 1


def test_remove_forgets_the_task_and_its_files(node: Client, tmp_path: Path) -> None:
    uuid = node.submit(("sleeps.jpg", b"A"))
    node.wait(uuid, 20)
    assert node.post("/task/remove", data={"uuid": uuid}).json() == {"success": True}
    assert not (tmp_path / "node" / "tasks" / uuid).exists()
    assert node.get("/task/list").json() == []
    assert node.post("/task/remove", data={"uuid": uuid}).json()["success"] is False


def start_node(data_dir: Path, *arguments: str) -> tuple[subprocess.Popen[bytes], Client]:
    """A node as a process of its own, with the tiny engine."""
    program = (
        "import sys; from pathlib import Path; from uav_workflow.node.server import NodeServer;"
        "NodeServer(data_dir=Path(sys.argv[1]), port=0, engine_command=(sys.executable, '-c', sys.argv[2]),"
        "exit_when_idle_s=float(sys.argv[3]) if len(sys.argv) > 3 else None).run()"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(data_dir), ENGINE, *arguments])
    lock = until(lambda: (found := read_lock(data_dir)) is not None and found.pid == process.pid and found)
    return process, Client(lock.url)


def test_kill_minus_nine_loses_nothing(tmp_path: Path) -> None:
    data_dir = tmp_path / "node"
    process, client = start_node(data_dir)
    try:
        finished = client.submit(("a.jpg", b"A"))
        done = client.wait(finished, 40)
        output = client.get(f"/task/{finished}/output").json()
        running = client.submit(("sleeps.jpg", b"A"))
        waiting = client.submit(("b.jpg", b"B"))
        project = data_dir / "tasks" / running / "project"
        until(lambda: (project / "child.txt").exists() and (project / "child.txt").read_text())
        grandchild = int((project / "child.txt").read_text())
        session = client.init()["uuid"]
        client.upload(session, ("c.jpg", b"C"))
        process.send_signal(signal.SIGKILL)
        process.wait(20)
        assert read_lock(data_dir) is None, "the lock of a dead node does not count"
        process, client = start_node(data_dir)
        until(lambda: gone(grandchild))
        assert client.info(finished) == done
        assert client.get(f"/task/{finished}/output").json() == output
        assert client.get(f"/task/{finished}/download/all.zip").status_code == 200
        assert [row["uuid"] for row in client.get("/task/list").json()] == [finished, running, waiting]
        client.wait(running, 20)
        assert client.info(waiting)["status"] == {"code": 10}
        (project / "wake").touch()
        client.wait(running, 40)
        client.wait(waiting, 40)
        assert client.post(f"/task/new/commit/{session}").json() == {"uuid": session}
        assert client.wait(session, 40)["imagesCount"] == 1
    finally:
        process.terminate()
        assert process.wait(20) == 0
    assert read_lock(data_dir) is None


def test_it_ends_itself_when_the_last_owner_is_gone(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    data_dir = tmp_path / "node"
    register_owner(data_dir, owner.pid)
    process, client = start_node(data_dir, "0.5")
    try:
        uuid = client.submit(("sleeps.jpg", b"A"))
        client.wait(uuid, 20)
        owner.kill()
        owner.communicate()
        until(lambda: not list((data_dir / "owners").glob("[0-9]*")))
        assert process.poll() is None, "a running task keeps it alive"
        (data_dir / "tasks" / uuid / "project" / "wake").touch()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
    assert read_lock(data_dir) is None
    assert (data_dir / "tasks" / uuid / "all.zip").exists()


def test_two_nodes_never_share_a_directory(tmp_path: Path) -> None:
    import pytest

    from uav_workflow.errors import NodeError
    from uav_workflow.node.server import NodeServer

    with serving(tmp_path / "node") as client, pytest.raises(NodeError, match=client.url):
        NodeServer(data_dir=tmp_path / "node", port=0).run()
