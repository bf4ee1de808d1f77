"""Worker and node are ended by SIGKILL in every state; the next run, or the one that waits, ends well all the same."""

from __future__ import annotations

import os
import re
import signal

import psutil
import pytest

from tests.faults.conftest import PHOTOS, NodeProcess, Place, kill
from tests.faults.proxy import Proxy, until
from uav_workflow.node.lock import read_lock


def downloads(proxy: Proxy) -> list[str]:
    return [call.range for call in proxy.calls if call.path.endswith("all.zip")]


def polls(proxy: Proxy) -> int:
    return sum(call.path.endswith("/info") and "/task/" in call.path for call in proxy.calls)


def test_worker_killed_during_the_upload(proxy: Proxy, node: NodeProcess, place: Place) -> None:
    proxy.break_next("DJI_0005", "stall-body", at=2000)
    worker = place.start()
    until(proxy.held.is_set)
    until(place.confirmed)
    kill(worker)
    proxy.let_go()
    confirmed = place.confirmed()
    assert 0 < len(confirmed) < PHOTOS
    place.end(place.start())
    uploads = [call.file for call in proxy.calls if "/upload/" in call.path]
    assert {uploads.count(name) for name in confirmed} == {1}
    assert len(set(uploads)) == PHOTOS
    (uuid,) = node.tasks()
    assert node.ask(f"/task/{uuid}/info")["imagesCount"] == PHOTOS


def test_worker_killed_while_the_node_works(proxy: Proxy, node: NodeProcess, place: Place) -> None:
    place.hold.touch()
    worker = place.start()
    until(node.is_running)
    kill(worker)
    sent, asked = len(proxy.uploads(answered=True)), polls(proxy)
    again = place.start()
    until(lambda: polls(proxy) > asked)
    place.hold.unlink()
    place.end(again)
    assert len(proxy.uploads(answered=True)) == sent == PHOTOS
    assert len(node.tasks()) == 1


def test_worker_killed_during_the_download(proxy: Proxy, node: NodeProcess, place: Place) -> None:
    proxy.break_next("all.zip", "stall-answer", at=300_000)
    worker = place.start()
    until(proxy.held.is_set)
    until(lambda: [part for part in place.workspace.rglob("*.zip.part") if part.stat().st_size > 100_000])
    kill(worker)
    proxy.let_go()
    place.end(place.start())
    first, second = downloads(proxy)
    assert first == ""
    assert 100_000 < int(second.removeprefix("bytes=").rstrip("-")) <= 300_000
    assert len(node.tasks()) == 1
    assert len(proxy.uploads(answered=True)) == PHOTOS


@pytest.mark.parametrize("state", ["uploading", "processing", "downloading"])
def test_node_killed_under_a_waiting_worker(proxy: Proxy, node: NodeProcess, place: Place, state: str) -> None:
    if state == "processing":
        place.hold.touch()
    else:
        rule = {"uploading": ("DJI_0003", "stall-body", 2000), "downloading": ("all.zip", "stall-answer", 200_000)}
        pattern, fault, at = rule[state]
        proxy.break_next(pattern, fault, at=at)
    worker = place.start()
    until(node.is_running if state == "processing" else proxy.held.is_set)
    node.kill()
    seen = len(proxy.calls)
    proxy.let_go()
    until(lambda: len(proxy.calls) > seen + 1)
    node.start()
    place.hold.unlink(missing_ok=True)
    place.end(worker)
    assert len(node.tasks()) == 1
    assert sorted(set(proxy.uploads(answered=True))) == sorted(proxy.uploads(answered=True))
    assert place.record["attempt"] == 1


def test_the_own_node_is_started_anew_under_a_waiting_worker(place: Place) -> None:
    place.hold.touch()
    data = place.workspace / "node"
    worker = place.start()
    first = until(lambda: read_lock(data))
    until(lambda: list(data.glob("tasks/*/project/task_output.txt")))
    os.kill(first.pid, signal.SIGKILL)
    second = until(lambda: (lock := read_lock(data)) is not None and lock.pid != first.pid and lock)
    place.hold.unlink()
    place.end(worker)
    assert len(list(data.glob("tasks/*"))) == 1
    end(second.pid)


def end(pid: int) -> None:
    process = psutil.Process(pid)
    process.terminate()
    process.wait(20)


def test_lack_of_memory_is_answered_with_milder_options_and_said(node: NodeProcess, place: Place) -> None:
    place.hunger.touch()
    place.environment |= {"UAV_NODE": f"http://127.0.0.1:{node.port}", "UAV_NODE_REMOVE_TASKS": "true"}
    document = place.end(place.start())
    facts = place.node_task["facts"]
    (step,) = facts["options_lowered"]
    (lowered,) = [row for row in document["findings"] if row["code"] == "node-options-lowered"]
    assert step["option"] == lowered["where"]
    assert f"from {step['was']} to {step['now']}" in lowered["message"]
    assert facts["options"][step["option"]] == step["now"] != step["was"]
    assert facts["attempts"] == 2
    assert "out of memory" in facts["earlier_attempts"][0]
    assert place.record["lowered"] == facts["options_lowered"]
    (left,) = node.tasks()
    assert left != facts["uuid"], "the task that was fetched goes from the node, the failed one stays to be looked at"


def test_lack_of_memory_may_not_be_answered(node: NodeProcess, place: Place) -> None:
    place.hunger.touch()
    place.environment["UAV_NODE"] = f"http://127.0.0.1:{node.port}"
    said = place.complain(place.start("--set", "photogrammetry.lower_on_memory=false"))
    assert "ran out of memory" in said
    assert "137" in said
    assert len(node.tasks()) == 1


@pytest.mark.parametrize("length", ["announced", "unknown"])
def test_a_full_disk_of_ours_is_said_with_numbers(proxy: Proxy, node: NodeProcess, place: Place, length: str) -> None:
    """The workspace lies on a tmpfs too small for the results; with room there, the run goes on from the same task."""
    if length == "unknown":
        proxy.break_next("all.zip", "no-length")
    place.workspace.mkdir()
    small = 'mount -t tmpfs -o size=700k tmpfs "$0" && "$@"; code=$?; cp -r "$0/." "$KEPT"; exit $code'
    kept = place.workspace.with_name("kept")
    kept.mkdir()
    place.environment["KEPT"] = str(kept)
    said = place.complain(place.start(prefix=("unshare", "-rm", "bash", "-c", small, str(place.workspace))))
    numbers = r"disk full: no room for the .*results: .*needed, " if length == "announced" else "disk full: no room for"
    assert re.search(numbers, said)
    assert re.search(r"\d\.\d MB are free; free space", said)
    assert len(proxy.uploads(answered=True)) == PHOTOS
    place.workspace.rmdir()
    kept.rename(place.workspace)
    place.end(place.start())
    assert len(node.tasks()) == 1
    assert len(proxy.uploads(answered=True)) == PHOTOS
