"""A ClusterODM in front of nodes: the same loops, its own words."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
from orders import TASK, Order

from uav_workflow.errors import NodeError
from uav_workflow.photogrammetry.failure import NodeTaskFailed
from uav_workflow.photogrammetry.identity import attempt_uuid


@pytest.fixture
def cluster(fake_node: Any) -> Any:
    fake_node.cluster = True
    return fake_node


def test_a_task_that_is_being_launched_is_waited_for(order: Order, cluster: Any) -> None:
    cluster.statuses, cluster.progress = [20, 20, 10, 20, 40], [0, 0, 0, 50, 100]
    cluster.output = ["Launching... please wait!"]
    counts = iter([0, 0])  # the proxy has forwarded nothing yet
    original = cluster.info
    cluster.info = lambda uuid: original(uuid) | {"imagesCount": next(counts, 12)}
    order.run()
    assert order.record["uuid"] == TASK
    assert {step.text for step in order.progress if step.stage == "running"} >= {"Launching... please wait!"}


def test_an_unknown_task_is_a_new_one(order: Order, cluster: Any) -> None:
    order.run()
    assert list(cluster.tasks) == [TASK]


def test_dropped_connections_are_waited_out(order: Order, cluster: Any) -> None:
    for pattern in ("^/info", "^/options", "init", "commit", "^/task/.*/info", "download"):
        cluster.fault(pattern, 2, "drop")
    order.patience = replace(order.patience, after_commit_s=0)
    order.run()
    assert order.record["attempt"] == 1


def test_a_dropped_upload_starts_a_fresh_session(order: Order, cluster: Any) -> None:
    cluster.fault("^/task/new/upload", 1, "drop")
    order.run()
    assert order.record["uuid"] == attempt_uuid(TASK, 1, 2)
    assert len(cluster.tasks[order.record["uuid"]].files) == len(order.files)


def test_a_lost_task_is_sent_again(order: Order, cluster: Any) -> None:
    cluster.statuses = [20, 20, 20, 20, 40]

    def forget() -> None:
        cluster.tasks.clear()

    original = cluster.info

    def info(uuid: str) -> dict[str, object]:
        answer: dict[str, object] = original(uuid)
        if uuid == TASK and cluster.tasks[uuid].polls == 2:
            threading.Timer(0, forget).start()
        return answer

    cluster.info = info
    order.run()
    assert order.record["uuid"] == attempt_uuid(TASK, 2, 1)
    assert "Invalid route" in order.record["reasons"][0]


def test_a_failure_without_words_shows_the_output(order: Order, cluster: Any) -> None:
    cluster.statuses = [20, 30]
    cluster.output = ["Launching... please wait!", "No nodes available: cannot forward the task"]
    with pytest.raises(NodeTaskFailed, match=r"gave no reason(?s:.*)No nodes available"):
        order.run()


def test_an_empty_401_is_about_the_token(order: Order, cluster: Any) -> None:
    address = cluster.address
    cluster.token = "right"
    with pytest.raises(NodeError, match="UAV_NODE_TOKEN"):
        order.run(address=address)
    order.run()
