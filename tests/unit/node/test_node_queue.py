from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from node_harness import Client, NodeProcess, gone, serving, until

from uav_workflow.node.lock import read_lock, register_owner


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


def test_it_ends_itself_when_the_last_owner_is_gone(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    data_dir = tmp_path / "node"
    register_owner(data_dir, owner.pid)
    with NodeProcess(data_dir, idle_s=0.5) as node:
        uuid = node.client.submit(("sleeps.jpg", b"A"))
        node.client.wait(uuid, 20)
        owner.kill()
        owner.communicate()
        until(lambda: not list((data_dir / "owners").glob("[0-9]*")))
        assert node.process.poll() is None, "a running task keeps it alive"
        (node.project(uuid) / "wake").touch()
        assert node.process.wait(20) == 0
    assert read_lock(data_dir) is None
    assert (data_dir / "tasks" / uuid / "all.zip").exists()


def test_two_nodes_never_share_a_directory(tmp_path: Path) -> None:
    import pytest

    from uav_workflow.errors import NodeError
    from uav_workflow.node.server import NodeServer

    with serving(tmp_path / "node") as client, pytest.raises(NodeError, match=client.url):
        NodeServer(data_dir=tmp_path / "node", port=0).run()
