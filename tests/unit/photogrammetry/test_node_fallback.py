"""Lack of memory: recognised, answered with milder options in order, bounded, recorded."""

from __future__ import annotations

from typing import Any

import pytest
from fake_node import OPTIONS
from orders import TASK, Order

from uav_workflow.photogrammetry.failure import NodeTaskFailed, task_failed
from uav_workflow.photogrammetry.fallback import Lowered, lower
from uav_workflow.photogrammetry.identity import attempt_uuid
from uav_workflow.photogrammetry.offered import read_offered

OFFERED = read_offered([{"name": n, "type": t, "value": v, "domain": d} for n, t, v, d in OPTIONS])


def steps(options: dict[str, Any], *done: str, photos: int = 12, last: bool = True) -> list[str]:
    return [str(step) for step in lower(options, OFFERED, photos, done, last=last)]


def test_the_ladder_goes_down_in_order() -> None:
    assert steps({}, photos=300) == [
        "pc-quality medium -> low",
        "feature-quality high -> medium",
        "max-concurrency 8 -> 4",
        "split 999999 -> 150",
    ]
    assert steps({}, last=False) == ["pc-quality medium -> low"]
    assert steps({}, "pc-quality", last=False) == ["feature-quality high -> medium"]


def test_what_is_lowest_or_not_offered_is_passed_over() -> None:
    assert steps({"pc-quality": "lowest", "feature-quality": "lowest", "max-concurrency": 1}) == []
    engine = {name: OFFERED[name] for name in ("feature-quality", "max-concurrency")}
    assert [step.option for step in lower({}, engine, 12, (), last=True)] == ["feature-quality", "max-concurrency"]


def test_a_small_flight_is_not_split_and_a_split_one_not_split_finer() -> None:
    assert "split" not in " ".join(steps({}, photos=99))
    assert "split" not in " ".join(steps({"split": 100}, photos=300))


@pytest.mark.parametrize(
    "line",
    [
        "Killed",
        "/code/run.sh: line 12: 4711 Killed  python3 run.py",
        "Child returned exit code 137",
        "subprocess.CalledProcessError: died with status -9",
        "Not enough memory",
        "Insufficient memory",
        "MemoryError: Unable to allocate 3 GiB",
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "Processing failed (137)",
        "worker was ended by signal 9",
    ],
)
def test_words_for_lack_of_memory_are_known(line: str) -> None:
    error = task_failed("node", TASK, "Cannot process dataset", ["a", line, "b"], canceled=False)
    assert error.memory
    assert line[:60] in str(error)
    assert "pc-quality" in str(error)


@pytest.mark.parametrize(
    "line", ["Found 137 tie points", "skilled", "exit code 1", "failed to match 137 photos", "-9 C"]
)
def test_other_words_are_not_taken_for_it(line: str) -> None:
    assert not task_failed("node", TASK, "Cannot process dataset", [line], canceled=False).memory


def out_of_memory(node: Any, *, times: int) -> None:
    """Tasks fail for memory so many times, then complete."""
    node.statuses, node.output = [20, 30], ["matching", "Killed"]
    original = node.info

    def info(uuid: str) -> dict[str, object]:
        if list(node.tasks).index(uuid) >= times:
            node.statuses = [20, 40]
        answer: dict[str, object] = original(uuid)
        return answer

    node.info = info


def test_one_step_is_taken_and_told(order: Order, fake_node: Any) -> None:
    out_of_memory(fake_node, times=1)
    result = order.call()
    assert result.lowered == (Lowered(option="pc-quality", was="medium", now="low"),)
    assert result.options == {"dsm": True, "pc-quality": "low"}
    assert result.uuid == attempt_uuid(TASK, 2, 1, {"pc-quality": "low"})
    assert fake_node.tasks[result.uuid].options == [
        {"name": "dsm", "value": True},
        {"name": "pc-quality", "value": "low"},
    ]
    assert order.record["lowered"] == [{"option": "pc-quality", "was": "medium", "now": "low"}]
    assert "out of memory" in result.reasons[0]
    assert order.call() == result, "what is known of the task is told again by the next run"


def test_the_last_attempt_takes_every_step_that_is_left(order: Order, fake_node: Any) -> None:
    out_of_memory(fake_node, times=2)
    result = order.call()
    assert [step.option for step in result.lowered] == ["pc-quality", "feature-quality", "max-concurrency"]
    assert result.attempts == 3


def test_it_is_bounded_and_says_what_was_tried(order: Order, fake_node: Any) -> None:
    out_of_memory(fake_node, times=9)
    with pytest.raises(NodeTaskFailed, match="lowered: pc-quality medium -> low, feature-quality") as caught:
        order.run()
    assert caught.value.memory
    assert len(fake_node.tasks) == 3


def test_it_can_be_switched_off(order: Order, fake_node: Any) -> None:
    out_of_memory(fake_node, times=9)
    with pytest.raises(NodeTaskFailed, match="ran out of memory"):
        order.run(may_lower=False)
    assert list(fake_node.tasks) == [TASK]


def test_a_worker_that_died_after_the_step_finds_the_milder_task(order: Order, fake_node: Any) -> None:
    out_of_memory(fake_node, times=1)
    result = order.call()
    (order.work / "node_task.json").unlink()
    uploads = sum("upload" in path for path in fake_node.seen)
    fake_node.info = type(fake_node).info.__get__(fake_node)
    states = {TASK: [30], result.uuid: [40]}
    original = fake_node.info

    def info(uuid: str) -> dict[str, object]:
        fake_node.statuses = states[uuid]
        answer: dict[str, object] = original(uuid)
        return answer

    fake_node.info = info
    again = order.call()
    assert again.uuid == result.uuid
    assert sum("upload" in path for path in fake_node.seen) == uploads


def test_the_own_engines_two_dense_qualities_are_understood() -> None:
    two = read_offered([{"name": "pc-quality", "type": "enum", "value": "high", "domain": ["ultra", "high"]}])
    assert lower({"pc-quality": "high"}, two, 12, (), last=True) == []
    assert [str(step) for step in lower({"pc-quality": "ultra"}, two, 12, (), last=True)] == [
        "pc-quality ultra -> high"
    ]
