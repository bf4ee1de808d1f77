from __future__ import annotations

import json
import uuid
from dataclasses import replace
from typing import Any

import pytest
from fake_node import FakeTask
from odm_files import archive
from orders import TASK, Order

from uav_workflow.errors import NodeError
from uav_workflow.photogrammetry.failure import NodeTaskFailed
from uav_workflow.photogrammetry.identity import attempt_uuid, task_uuid
from uav_workflow.photogrammetry.progress import NodeProgress


def test_goes_from_photos_to_unpacked_assets(order: Order, fake_node: Any) -> None:
    assets = order.run()
    assert (assets / "odm_report" / "shots.geojson").read_bytes() == b"{}"
    assert dict(fake_node.tasks[TASK].files) == {name: path.read_bytes() for name, path in order.files.items()}
    assert fake_node.tasks[TASK].options == [{"name": "dsm", "value": True}]
    assert order.progress[0].stage == "uploading"
    assert {step.stage for step in order.progress} >= {"uploading", "running", "downloading"}
    assert not list(order.work.glob("*.part"))
    assert order.record["state"] == "unpacked"


def test_second_run_asks_the_node_nothing(order: Order, fake_node: Any) -> None:
    order.run()
    before = len(fake_node.seen)
    order.run()
    assert len(fake_node.seen) == before


def test_uuid_is_written_before_the_first_byte(order: Order, fake_node: Any) -> None:
    fake_node.version = "?"
    with pytest.raises(NodeError, match="does not answer like a NodeODM"):
        order.run()
    assert order.record["uuid"] == TASK
    assert fake_node.calls["new/init"] == 0


def test_a_task_that_still_lives_is_adopted(order: Order, fake_node: Any) -> None:
    order.run()
    (order.work / "node_task.json").unlink()
    uploads = sum("upload" in path for path in fake_node.seen)
    fake_node.tasks[TASK].polls = 0
    order.run()
    assert sum("upload" in path for path in fake_node.seen) == uploads


@pytest.mark.parametrize("kind", ["502", "html"])
def test_passing_faults_are_waited_out_at_every_step(order: Order, fake_node: Any, kind: str) -> None:
    for pattern in ("^/info", "^/options", "init", "commit", "^/task/.*/info", "download"):
        fake_node.fault(pattern, 2, kind)
    fake_node.keeps_one_copy = True
    fake_node.fault("^/task/new/upload", 2, kind)
    order.run()
    assert order.record["attempt"] == 1


def test_a_node_that_stalls_does_not_hold_the_client(order: Order, fake_node: Any) -> None:
    order.patience = replace(order.patience, timeout_s=0.3)
    fake_node.keeps_one_copy = True
    for pattern in ("^/info", "upload", "commit", "^/task/.*/info", "download"):
        fake_node.fault(pattern.replace("upload", "^/task/new/upload"), 1, "stall")
    order.run()
    assert order.record["attempt"] == 1


def test_a_lost_answer_to_commit_is_settled_by_asking(order: Order, fake_node: Any) -> None:
    fake_node.fault("commit", 1, "after")
    order.run()
    assert len(fake_node.tasks) == 1
    assert order.record["session"] == 1


def test_a_lost_answer_to_a_file_starts_a_fresh_session_elsewhere(order: Order, fake_node: Any) -> None:
    fake_node.fault("^/task/new/upload", 1, "after")
    order.run()
    second = attempt_uuid(TASK, 1, 2)
    assert order.record["uuid"] == second
    assert len(fake_node.tasks[second].files) == len(order.files)


def test_a_lost_answer_to_a_file_is_repeated_where_one_copy_is_kept(order: Order, fake_node: Any) -> None:
    fake_node.keeps_one_copy = True
    fake_node.fault("^/task/new/upload", 2, "after")
    order.run()
    assert order.record["uuid"] == TASK
    assert len(fake_node.tasks[TASK].files) == len(order.files)


def test_an_upload_that_never_works_ends_in_a_sentence(order: Order, fake_node: Any) -> None:
    fake_node.fault("early .*upload", 10_000, "drop")
    with pytest.raises(NodeError, match="given up after 3 sessions"):
        order.run()
    fake_node.faults.clear()
    order.run()
    assert order.record["attempt"] == 1
    assert order.record["session"] == 4


def test_a_cut_upload_goes_on_where_it_was(order: Order, fake_node: Any) -> None:
    fake_node.keeps_one_copy = True
    order.patience = replace(order.patience, parallel_uploads=1)
    fake_node.fault("^/task/new/upload", 0, "")
    seen = iter(range(5))

    def interrupt(step: NodeProgress) -> None:
        if step.stage == "uploading" and step.percent > 0 and next(seen, None) is None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        order.run(on_progress=interrupt)
    assert 0 < len(fake_node.tasks[TASK].files) < len(order.files)
    order.run()
    uploads = sum("upload" in path for path in fake_node.seen)
    assert uploads == len(order.files)


@pytest.mark.parametrize("one_copy", [True, False])
def test_a_file_that_was_under_way_when_the_worker_died(order: Order, fake_node: Any, one_copy: bool) -> None:
    fake_node.keeps_one_copy = one_copy
    order.work.mkdir()
    (order.work / f"begun-{TASK}.txt").write_text("IMG_0001.JPG\nIMG_0000.JPG\n")
    (order.work / f"sent-{TASK}.txt").write_text("IMG_0000.JPG\n")
    fake_node.tasks[TASK] = FakeTask("flight", [], [("IMG_0000.JPG", order.files["IMG_0000.JPG"].read_bytes())])
    order.run()
    assert order.record["session"] == (1 if one_copy else 2)
    task = fake_node.tasks[order.record["uuid"]]
    assert sorted(name for name, _ in task.files) == sorted(order.files)


def test_a_refused_file_is_not_retried(order: Order, fake_node: Any) -> None:
    fake_node.fault("^/task/new/upload", 100, "error:No space left on device")
    with pytest.raises(NodeError, match="free disk space on the node"):
        order.run()
    assert sum("upload" in path for path in fake_node.seen) <= order.patience.parallel_uploads


def test_a_lost_task_is_sent_again_at_most_three_times(order: Order, fake_node: Any) -> None:
    fake_node.fault("^/task/.*/info", 10_000, "error:x not found")
    with pytest.raises(NodeError, match="given up after 3 attempts"):
        order.run()
    assert {path.split("/")[-1] for path in fake_node.seen if "commit" in path} == {
        attempt_uuid(TASK, attempt, 1) for attempt in (1, 2, 3)
    }


@pytest.mark.parametrize("words", ["x not found", "Invalid route for taskId x:info, no valid route possible."])
def test_one_not_found_is_no_loss(order: Order, fake_node: Any, words: str) -> None:
    order.patience = replace(order.patience, not_found_s=5)
    fake_node.statuses = [20, 20, 20, 40]
    fake_node.fault("^/task/.*/info", 2, f"error:{words}")
    order.run()
    assert order.record["attempt"] == 1


def test_a_failed_task_says_why_and_waits_for_the_user(order: Order, fake_node: Any) -> None:
    fake_node.statuses, fake_node.error_message = [20, 30], "Cannot process dataset"
    fake_node.output = ["[INFO] start", "[ERROR] Not enough features in IMG_0003.JPG"]
    with pytest.raises(NodeTaskFailed, match="Not enough features") as caught:
        order.run()
    assert not caught.value.memory
    assert len(fake_node.tasks) == 1
    fake_node.statuses = [20, 40]
    order.run()
    assert order.record["uuid"] == attempt_uuid(TASK, 2, 1)


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("Not enough memory", "x"),
        ("Processing failed (137)", "x"),
        ("Cannot process dataset", "Killed"),
        ("", "std::bad_alloc"),
    ],
)
def test_lack_of_memory_is_recognised(order: Order, fake_node: Any, message: str, line: str) -> None:
    fake_node.statuses, fake_node.error_message, fake_node.output = [30], message, ["a", line]
    with pytest.raises(NodeTaskFailed, match="out of memory.*pc-quality") as caught:
        order.run()
    assert caught.value.memory


def test_a_cancelled_task_is_not_sent_again(order: Order, fake_node: Any) -> None:
    fake_node.statuses = [20, 50]
    with pytest.raises(NodeTaskFailed, match="cancelled") as caught:
        order.run()
    assert caught.value.canceled


def test_a_node_that_is_gone_leaves_the_task_to_the_next_run(order: Order, fake_node: Any) -> None:
    order.patience = replace(order.patience, grace_s=0.1)
    fake_node.statuses = [20]

    def break_down(step: NodeProgress) -> None:
        if step.stage == "running" and not fake_node.faults:
            fake_node.fault("^/task/.*/info", 10_000, "502")

    with pytest.raises(NodeError, match=r"no answer about task .* run again"):
        order.run(on_progress=break_down)
    fake_node.faults.clear()
    fake_node.statuses = [40]
    order.run()
    assert order.record["uuid"] == TASK


def test_an_unknown_option_is_an_error_with_a_suggestion(order: Order, fake_node: Any) -> None:
    with pytest.raises(NodeError, match=r"orthophoto_resolution is unknown to it \(meant orthophoto-resolution\?\)"):
        order.run(options={"orthophoto_resolution": 2})
    assert fake_node.calls["new/init"] == 0


def test_options_for_other_nodes_are_left_out_and_recorded(order: Order, fake_node: Any) -> None:
    result = order.call(options={"dsm": True, "texturing": True}, dispensable=("texturing",))
    assert fake_node.tasks[TASK].options == [{"name": "dsm", "value": True}]
    assert order.record["left_out"] == ["texturing"]
    assert result.left_out == ("texturing",)
    assert result.options == {"dsm": True}


def test_a_node_that_came_back_on_another_port_is_the_same_node(order: Order, fake_node: Any) -> None:
    fake_node.statuses, fake_node.error_message = [30], "Cannot process dataset"
    with pytest.raises(NodeTaskFailed):
        order.run()
    record = order.record
    assert record["node"] == "loopback"
    assert str(fake_node.server_address[1]) not in json.dumps(record["node"])
    fake_node.statuses = [40]
    order.run()
    assert order.record["attempt"] == 2


def test_option_errors_of_the_node_are_readable(order: Order, fake_node: Any) -> None:
    fake_node.fault("init", 9, 'error:[{"name": "dsm", "error": "Cannot convert yes to boolean"}]')
    with pytest.raises(NodeError, match="option dsm: Cannot convert yes to boolean"):
        order.run()


def test_too_many_photos_are_refused_before_the_upload(order: Order, fake_node: Any) -> None:
    fake_node.max_images = 5
    with pytest.raises(NodeError, match="at most 5 files"):
        order.run()


def test_wrong_token_is_said_at_once(order: Order, fake_node: Any) -> None:
    address = fake_node.address
    fake_node.token = "right"
    with pytest.raises(NodeError, match="UAV_NODE_TOKEN"):
        order.call(address=address)
    order.run()
    assert "right" not in (order.work / "node_task.json").read_text()


@pytest.mark.parametrize("offered", [True, False])
def test_a_cut_download_is_resumed_where_offered(order: Order, fake_node: Any, offered: bool) -> None:
    fake_node.ranges_offered = offered
    fake_node.fault("download", 2, "cut")
    assets = order.run()
    assert (assets / "big.bin").stat().st_size == 512_000
    first, second = fake_node.ranges[:2]
    assert first is None
    assert 100_000 < int(second.removeprefix("bytes=").rstrip("-")) <= len(fake_node.zip) // 2


@pytest.mark.parametrize("kind", ["cut-silently", "garbled"])
def test_a_broken_archive_is_fetched_again(order: Order, fake_node: Any, kind: str) -> None:
    fake_node.fault("download", 1, kind)
    assert (order.run() / "big.bin").stat().st_size == 512_000
    assert len(fake_node.ranges) == 2


def test_an_archive_that_is_always_broken_is_given_up(order: Order, fake_node: Any) -> None:
    fake_node.fault("download", 1000, "garbled")
    with pytest.raises(NodeError, match="is broken"):
        order.run()
    assert not (order.work / "assets").exists()
    fake_node.faults.clear()
    order.run()
    assert len(fake_node.tasks) == 1


def test_names_that_leave_the_folder_are_refused(order: Order, fake_node: Any) -> None:
    fake_node.zip = archive({"../evil.txt": b"x"})
    with pytest.raises(NodeError, match="leave the folder"):
        order.run()
    assert not (order.work.parent / "evil.txt").exists()


def test_a_node_that_lost_a_photo_gets_them_all_again(order: Order, fake_node: Any) -> None:
    fake_node.statuses, fake_node.progress = [20, 20, 20, 40], [0, 5, 50, 100]
    original = fake_node.info

    def info(task: str) -> dict[str, object]:
        answer: dict[str, object] = original(task)
        return answer | ({"imagesCount": 11} if task == TASK else {})

    fake_node.info = info
    order.run()
    assert order.record["uuid"] == attempt_uuid(TASK, 1, 2)
    assert TASK not in fake_node.tasks


def test_bad_upload_names_are_refused(order: Order) -> None:
    for name in ("a/b.jpg", "img_0000.jpg", " x.jpg"):
        files = order.files | {name: next(iter(order.files.values()))}
        with pytest.raises(NodeError):
            order.call(files=files)


def test_uuid_depends_on_everything_that_matters_and_nothing_else() -> None:
    assert uuid.UUID(TASK).version == 5
    assert task_uuid("flight", {"b": "2", "a": "1"}, {"x": 1, "y": 2}) == task_uuid(
        "flight", {"a": "1", "b": "2"}, {"y": 2, "x": 1}
    )
    others = {task_uuid("f", {"a.jpg": "1"}, {"dsm": True}), task_uuid("flight", {"a.jpg": "2"}, {"dsm": True})}
    others |= {task_uuid("flight", {"a.jpg": "1"}, {}), TASK, attempt_uuid(TASK, 2, 1), attempt_uuid(TASK, 1, 2)}
    assert len(others) == 6
