from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from node_harness import serving

from uav_workflow.node.book import TaskBook
from uav_workflow.node.gate import Gate
from uav_workflow.node.lifetime import Lifetime
from uav_workflow.node.lock import NodeLock, living_owners, read_lock, register_owner, write_lock
from uav_workflow.node.policy import Policy
from uav_workflow.node.queue import TaskQueue
from uav_workflow.node.session import Session
from uav_workflow.node.task import Status, Task, now_ms
from uav_workflow.node.task_files import TaskFiles
from uav_workflow.node.uploads import Uploads

UUIDS = [f"00000000-0000-4000-8000-00000000000{index}" for index in range(3)]


def test_old_results_and_abandoned_uploads_are_deleted(tmp_path: Path) -> None:
    files = TaskFiles(tmp_path)
    uploads = Uploads(files)
    for index, (status, age_days) in enumerate([(Status.COMPLETED, 3), (Status.COMPLETED, 1), (Status.FAILED, 3)]):
        (files.tasks / UUIDS[index]).mkdir()
        created = now_ms() - age_days * 86_400_000
        files.save(
            Task(
                uuid=UUIDS[index],
                name="t",
                sequence=index,
                date_created=created,
                options=[],
                status=status,
                prepared=True,
            )
        )
    session = "00000000-0000-4000-8000-00000000000a"
    uploads.open(Session.from_fields(session, {}, Policy()))

    async def tidy() -> list[str]:
        book, policy = TaskBook(files), Policy()
        queue = TaskQueue(book, ("true",), policy)
        await queue.start()
        gate = Gate(lambda *a: None)  # type: ignore[arg-type]
        lifetime = Lifetime(book=book, uploads=uploads, queue=queue, gate=gate, policy=policy)
        await lifetime.clean_up(time.time())
        assert files.upload(session).exists()
        await lifetime.clean_up(time.time() + 3 * 86_400)
        return book.uuids()

    assert asyncio.run(tidy()) == []
    assert list(files.tasks.iterdir()) == []
    assert not files.upload(session).exists()


def test_a_state_that_can_not_be_read_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = TaskFiles(tmp_path)
    broken = files.tasks / UUIDS[0]
    broken.mkdir()
    (broken / "state.json").write_text("{")

    with serving(tmp_path) as client:
        assert client.get("/task/list").json() == []
        assert "is a task already" in client.init(UUIDS[0])["error"], "its folder is not for another"
    assert str(broken) in caplog.text
    assert (broken / "state.json").exists()


def test_a_lock_counts_only_while_its_very_process_lives(tmp_path: Path) -> None:
    assert read_lock(tmp_path) is None
    started = psutil.Process().create_time()
    write_lock(tmp_path, NodeLock(pid=os.getpid(), started=started, host="::1", port=3000))
    lock = read_lock(tmp_path)
    assert lock is not None
    assert lock.url == "http://[::1]:3000"
    write_lock(tmp_path, NodeLock(pid=os.getpid(), started=started - 100, host="::1", port=3000))
    assert read_lock(tmp_path) is None, "the pid was given to somebody else"
    (tmp_path / "node.json").write_text("[]")
    assert read_lock(tmp_path) is None


def test_owners_count_while_they_live(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    other = register_owner(tmp_path, process.pid)
    own = register_owner(tmp_path)
    assert sorted(living_owners(tmp_path)) == sorted([process.pid, os.getpid()])
    process.communicate(b"\n")
    assert living_owners(tmp_path) == [os.getpid()]
    assert not other.exists()
    own.unlink()
    assert living_owners(tmp_path) == []
