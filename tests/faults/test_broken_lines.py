"""The line between client and node is cut, stalls, lies: each ends in the right product or in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import PHOTOS, NodeProcess, stand_in_environment
from tests.faults.proxy import Proxy, proxied
from tests.faults.worker import QUICK
from uav_workflow.errors import NodeError
from uav_workflow.photogrammetry.address import NodeAddress
from uav_workflow.photogrammetry.client import run_task
from uav_workflow.photogrammetry.identity import task_uuid
from uav_workflow.photogrammetry.patience import Patience
from uav_workflow.photogrammetry.task_order import TaskOrder, TaskResult

BALLAST = "odm_georeferencing/ballast.bin"


class Order:
    """The flight's photos for the node behind a proxy, each test under a uuid of its own."""

    def __init__(self, proxy: Proxy, flight: Path, result: Path, work: Path) -> None:
        self.proxy = proxy
        self.ballast = (result / BALLAST).read_bytes()
        self.files = {path.name: path for path in sorted((flight / "images").iterdir())}
        self.work = work
        self.uuid = task_uuid(str(work), {}, {})
        self.patience = QUICK

    def run(self, **patience: Any) -> TaskResult:
        order = TaskOrder(task_uuid=self.uuid, name="meadow", files=self.files, options={"dsm": True})
        return run_task(
            NodeAddress.parse(self.proxy.url),
            order,
            work=self.work,
            on_progress=lambda _step: None,
            patience=replace(self.patience, **patience),
        )

    def run_well(self, **patience: Any) -> TaskResult:
        result = self.run(**patience)
        assert (result.assets / BALLAST).read_bytes() == self.ballast
        assert result.attempts == 1
        return result


@pytest.fixture(scope="module")
def shared_node(flight: Path, result: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    folder = tmp_path_factory.mktemp("shared")
    node = NodeProcess(folder / "node", stand_in_environment(folder, result))
    node.start()
    yield node
    node.process.terminate()
    node.process.wait(20)


@pytest.fixture
def order(shared_node: NodeProcess, flight: Path, result: Path, tmp_path: Path) -> Iterator[Order]:
    with proxied(shared_node.port) as proxy:
        yield Order(proxy, flight, result, tmp_path / "work")


def photos_on(node: NodeProcess, uuid: str) -> int:
    return int(node.ask(f"/task/{uuid}/info")["imagesCount"])


@pytest.mark.parametrize("fault", ["cut-body", "lose-answer", "502", "html"])
def test_uploads_that_break_are_repeated_and_nothing_is_there_twice(
    order: Order, shared_node: NodeProcess, fault: str
) -> None:
    for number in (1, 4, 8):
        order.proxy.break_next(f"DJI_000{number}", fault, times=2, at=3000)
    done = order.run_well()
    assert photos_on(shared_node, done.uuid) == PHOTOS
    assert sorted(order.proxy.uploads(answered=True)) == sorted(order.files)


@pytest.mark.parametrize("fault", ["502", "html", "stall", "cut-answer", "lose-answer"])
def test_every_call_survives_every_fault(order: Order, shared_node: NodeProcess, fault: str) -> None:
    calls = ("GET /info", "GET /options", "new/init", "new/commit", "GET /task/[^/]*/info", "all.zip")
    for call in calls:
        order.proxy.break_next(call, fault, at=20)
    done = order.run_well(timeout_s=0.5)
    assert photos_on(shared_node, done.uuid) == PHOTOS
    assert {call.fault for call in order.proxy.calls} == {fault, ""}
    assert sum(bool(call.fault) for call in order.proxy.calls) == len(calls)


def test_a_download_that_breaks_goes_on_where_it_was(order: Order) -> None:
    for at in (150_000, 100_000, 50_000):
        order.proxy.break_next("all.zip", "cut-answer", at=at)
    order.run_well()
    starts = [call.range for call in order.proxy.calls if call.path.endswith("all.zip")]
    offsets = [int(text.removeprefix("bytes=").rstrip("-") or 0) for text in starts]
    assert len(offsets) == 4
    assert offsets == sorted(offsets)
    assert offsets[-1] > 300_000 - 3 * 2**14


@pytest.mark.parametrize("fault", ["no-length", "cut-no-length"])
def test_an_archive_without_a_length_is_believed_only_when_it_is_whole(order: Order, fault: str) -> None:
    order.proxy.break_next("all.zip", fault, times=2, at=200_000)
    order.run_well()
    downloads = [call for call in order.proxy.calls if call.path.endswith("all.zip")]
    assert len(downloads) == (1 if fault == "no-length" else 3)


def test_what_an_earlier_run_left_is_used_when_whole_and_dropped_when_not(order: Order) -> None:
    order.proxy.break_next("all.zip", "html", times=1000)
    with pytest.raises(NodeError, match="a page came"):
        order.run(retries=0)
    order.proxy.rules.clear()
    part = order.work / f"{order.uuid}.zip.part"
    part.write_bytes(b"x" * 900_000)
    order.run_well()
    assert [call.range for call in order.proxy.calls if call.path.endswith("all.zip")] == ["", "bytes=900000-", ""]


def test_a_page_in_place_of_the_archive_is_never_unpacked(order: Order) -> None:
    order.proxy.break_next("all.zip", "html", times=1000)
    with pytest.raises(NodeError, match="a page came instead of all.zip"):
        order.run(retries=3)
    assert not order.work.joinpath("assets").exists()
    assert not list(order.work.glob("*.part"))
    order.proxy.rules.clear()
    order.run_well()


def test_a_peer_that_trickles_is_cut_at_the_limit(order: Order) -> None:
    order.proxy.break_next("GET /info", "trickle-answer", times=1000)
    with pytest.raises(NodeError, match=r"no complete answer within 0.* run again"):
        order.run(answer_s=0.3, retries=2)


def test_a_peer_that_stalls_for_ever_ends_in_a_sentence(order: Order) -> None:
    order.proxy.break_next("DJI_0003", "stall-body", times=1000, at=1000)
    with pytest.raises(NodeError, match="uploading DJI_0003.JPG failed: .*timed out.* not sent twice"):
        order.run(timeout_s=0.2, retries=2)
    order.proxy.let_go()
    order.run_well()
    assert sorted(order.proxy.uploads(answered=True)) == sorted(set(order.proxy.uploads(answered=True)))


def test_no_byte_moved_for_too_long_is_said(order: Order) -> None:
    order.proxy.break_next("/upload/", "stall-body", times=1000, at=0)
    with pytest.raises(NodeError, match="no byte moved for"):
        order.run(timeout_s=0.2, retries=50, still_s=0.1, parallel_uploads=1)


def test_the_budget_of_the_whole_ends_a_download_that_never_ends(order: Order) -> None:
    order.proxy.break_next("all.zip", "stall-answer", times=1000, at=1000)
    with pytest.raises(NodeError, match="not done within .* run again to go on"):
        order.run(budget_s=2.0, timeout_s=0.3, retries=1000)
    order.proxy.let_go()
    order.run_well()


def test_a_node_that_is_not_there_is_said(order: Order) -> None:
    order.proxy.target = 1
    quick = Patience(timeout_s=1, retries=1, pause_s=0.01)
    order.patience = quick
    with pytest.raises(NodeError, match="check that the node runs and can be reached"):
        order.run()
