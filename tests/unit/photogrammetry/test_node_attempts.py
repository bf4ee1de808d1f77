"""Attempts and sessions: what raises them, what finds a task again, when it is enough."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

import pytest
from fake_node import FakeTask
from orders import TASK, Order

from uav_workflow.errors import NodeError
from uav_workflow.photogrammetry.failure import NodeTaskFailed
from uav_workflow.photogrammetry.identity import attempt_uuid
from uav_workflow.photogrammetry.progress import NodeProgress


@pytest.mark.parametrize(("attempt", "session", "status"), [(1, 1, 10), (1, 2, 20), (2, 1, 20), (3, 2, 40)])
def test_a_live_task_is_found_though_our_record_is_lost(
    order: Order, fake_node: Any, attempt: int, session: int, status: int
) -> None:
    uuid = attempt_uuid(TASK, attempt, session)
    files = [(name, path.read_bytes()) for name, path in order.files.items()]
    fake_node.tasks[uuid] = FakeTask("flight", [], files, committed=True)
    fake_node.statuses, fake_node.progress = [status, status, 40], [0, 50, 100]
    result = order.call()
    assert result.uuid == uuid
    assert list(fake_node.tasks) == [uuid]
    assert not any("/new/" in path for path in fake_node.seen)


def test_a_failed_task_of_an_earlier_life_is_not_run_into_again(order: Order, fake_node: Any) -> None:
    fake_node.tasks[TASK] = FakeTask("flight", [], [], committed=True)
    fake_node.statuses = [30]
    original = fake_node.info

    def info(uuid: str) -> dict[str, object]:
        fake_node.statuses = [30] if uuid == TASK else [20, 40]
        answer: dict[str, object] = original(uuid)
        return answer

    fake_node.info = info
    assert order.call().uuid == attempt_uuid(TASK, 2, 1)


def test_three_attempts_are_all_there_are(order: Order, fake_node: Any) -> None:
    fake_node.statuses, fake_node.error_message = [30], "Cannot process dataset"
    for _ in range(3):
        with pytest.raises(NodeTaskFailed):
            order.run()
    with pytest.raises(NodeError, match="given up after 3 attempts") as caught:
        order.run()
    assert all(attempt_uuid(TASK, attempt, 1) in str(caught.value) for attempt in (1, 2, 3))
    assert len(fake_node.tasks) == 3


def test_results_that_vanish_before_the_download_are_a_loss(order: Order, fake_node: Any) -> None:
    fake_node.fault("download", 1, "502")

    def forget(step: NodeProgress) -> None:
        order.progress.append(step)

    original = fake_node.armed

    def armed(path: str) -> str:
        kind: str = original(path)
        if kind == "502" and "download" in path:
            fake_node.tasks.pop(TASK)
        return kind

    fake_node.armed = armed
    assert order.call(on_progress=forget).uuid == attempt_uuid(TASK, 2, 1)
    assert "before its results were fetched" in order.record["reasons"][0]


def test_assets_that_got_lost_before_they_were_published_are_fetched_again(order: Order, fake_node: Any) -> None:
    shutil.rmtree(order.run())
    begun = order.work / f"{attempt_uuid(TASK, 3, 1)}.zip.part"
    begun.touch()
    uploads = sum("upload" in path for path in fake_node.seen)
    assert (order.run() / "big.bin").is_file()
    assert sum("upload" in path for path in fake_node.seen) == uploads
    assert not begun.exists(), "what a lost task had begun goes"


def test_a_node_that_completes_at_once_is_still_counted(order: Order, fake_node: Any) -> None:
    fake_node.statuses, fake_node.progress = [40], [100]
    original = fake_node.info
    fake_node.info = lambda uuid: original(uuid) | ({"imagesCount": 11} if uuid == TASK else {})
    assert order.call().uuid == attempt_uuid(TASK, 1, 2)
    assert TASK not in fake_node.tasks


def test_an_odd_node_that_says_little_is_understood(order: Order, fake_node: Any) -> None:
    original = fake_node.info
    fake_node.info = lambda uuid: {"status": {"code": original(uuid)["status"]["code"]}, "dateCreated": 1e30}
    order.run()


def goes_down(node: Any, *, forgets: bool) -> None:
    """At each first look at a committed task the node is gone; when it is back it knows nothing."""
    original = node.armed
    seen: set[str] = set()

    def armed(path: str) -> str:
        uuid = path.split("/")[2] if path.startswith("/task/") and path.endswith("/info") else ""
        if uuid in node.tasks and node.tasks[uuid].committed and uuid not in seen:
            seen.add(uuid)
            if forgets:
                node.tasks.clear()
            return "drop"
        kind: str = original(path)
        return kind

    node.armed = armed


def test_a_node_brought_down_twice_by_the_same_options_is_spared_the_third(order: Order, fake_node: Any) -> None:
    goes_down(fake_node, forgets=True)
    with pytest.raises(NodeError, match=r"2\.2\.4.*went down right after .* twice .*orthophoto-resolution=2\.5"):
        order.run(options={"dsm": True, "orthophoto-resolution": 2.5})
    assert len({path for path in fake_node.seen if "commit" in path}) == 2


def test_a_node_that_is_gone_when_a_task_is_taken_up_again_was_not_brought_down_by_it(
    order: Order, fake_node: Any
) -> None:
    def interrupt(step: NodeProgress) -> None:
        if step.stage == "running":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        order.run(on_progress=interrupt)
    goes_down(fake_node, forgets=True)
    with pytest.raises(NodeError, match="went down right after"):
        order.run()
    assert len({path for path in fake_node.seen if "commit" in path}) == 3


def test_a_node_that_goes_down_before_it_answers_the_commit_counts_as_well(order: Order, fake_node: Any) -> None:
    original = fake_node.armed

    def armed(path: str) -> str:
        if "commit" in path and fake_node.tasks:
            fake_node.tasks.clear()
            return "drop"
        kind: str = original(path)
        return kind

    fake_node.armed = armed
    with pytest.raises(NodeError, match="went down right after .* twice"):
        order.run()
    assert order.record["attempt"] == 2


def test_a_drop_after_commit_alone_is_no_crash(order: Order, fake_node: Any) -> None:
    goes_down(fake_node, forgets=False)
    order.run()
    assert order.record["crashes"] == 0
    assert order.record["attempt"] == 1


def test_a_loss_long_after_the_commit_is_no_crash(order: Order, fake_node: Any) -> None:
    order.patience = replace(order.patience, after_commit_s=0)
    goes_down(fake_node, forgets=True)
    with pytest.raises(NodeError, match="given up after 3 attempts"):
        order.run()
