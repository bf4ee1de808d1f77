"""A disk that is really full: a small tmpfs. Mounting it takes root, as CI has, or `unshare -rm pytest …`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from node_harness import images, serving, until

from uav_workflow.node import engine_process, failure

MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 5 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=5m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.fail(f"this test mounts a tmpfs; run it as root or under `unshare -rm`: {mounted.stderr}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(filler: Path) -> None:
    """Write until nothing more fits."""
    with filler.open("ab", buffering=0) as stream, pytest.raises(OSError, match="No space left"):
        while True:
            stream.write(bytes(4096))


def test_an_upload_that_does_not_fit_is_refused_and_nothing_of_it_stays(small_disk: Path) -> None:
    with serving(small_disk / "node") as client:
        uuid = client.init()["uuid"]
        assert client.upload(uuid, ("a.jpg", b"A" * MIB)) == {"success": True}
        refused = client.upload(uuid, ("b.jpg", b"B" * MIB), ("c.jpg", b"C" * 8 * MIB))
        assert refused["error"].startswith("Disk full (ENOSPC)")
        assert set(images(small_disk / "node", uuid)) == {"a.jpg"}
        assert not list(small_disk.rglob("*.part"))
        assert client.upload(uuid, ("d.jpg", b"D")) == {"success": True}, "what fits is still taken"
        client.post(f"/task/new/commit/{uuid}")
        assert client.wait(uuid, 40)["imagesCount"] == 2


def test_a_result_that_does_not_fit_fails_with_the_word(small_disk: Path) -> None:
    with serving(small_disk / "node") as client:
        uuid = client.submit(("fills.jpg", b"A" * MIB))
        info = client.wait(uuid, 30)
        assert "Disk full (ENOSPC)" in info["status"]["errorMessage"]
        assert not list(small_disk.rglob("*.new"))
        assert client.get(f"/task/{uuid}/download/all.zip").json() == {"error": "Asset not ready"}
        assert client.act("remove", uuid) == {"success": True}
        small = client.submit(("a.jpg", b"A"))
        client.wait(small, 40)


def test_room_that_was_short_for_a_moment_is_remembered(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that fills the disk, cleans up after itself and ends with words of its own."""
    seen: list[float] = []
    look = engine_process._free_mib

    def watched(folder: Path) -> float:
        seen.append(look(folder))
        return seen[-1]

    monkeypatch.setattr(engine_process, "_free_mib", watched)
    monkeypatch.setattr(failure, "NO_ROOM_MIB", 0.5)
    engine = """
import pathlib, sys, time
project = pathlib.Path(sys.argv[1])
try:
    (project / "scratch").write_bytes(bytes(8 << 20))
except OSError:
    while not (project / "wake").exists(): time.sleep(0.02)
(project / "scratch").unlink()
sys.exit("No registered database factory succeeded")
"""
    with serving(small_disk / "node", engine_command=(sys.executable, "-c", engine)) as client:
        uuid = client.submit(("a.jpg", b"A"))
        project = small_disk / "node" / "tasks" / uuid / "project"
        until(lambda: seen and min(seen) < 0.5)
        (project / "wake").symlink_to("images")
        message = client.wait(uuid, 30)["status"]["errorMessage"]
    assert seen[-1] > 0.5, "the scratch file is gone by then"
    assert message.startswith("Disk full (ENOSPC): the node's disk is full (")
    assert message.endswith("MiB were left): No registered database factory succeeded")


def test_an_engine_that_fills_the_disk_fails_with_the_word_even_when_its_state_can_not_be_written(
    small_disk: Path,
) -> None:
    with serving(small_disk / "node") as client:
        uuid = client.submit(("sleeps.jpg", b"A"))
        project = small_disk / "node" / "tasks" / uuid / "project"
        filler = small_disk / "filler"
        client.wait(uuid, 20)
        fill(filler)
        client.post("/task/new/init")
        (project / "images" / "sleeps.jpg").unlink()
        (project / "wake").symlink_to("images")
        info = client.wait(uuid, 30)
        assert "ENOSPC" in info["status"]["errorMessage"]
        fill(filler)  # what the failed task gave back would hold a new one
        assert client.init()["error"].startswith("Disk full (ENOSPC)")
        filler.unlink()
        assert "uuid" in client.init()
        assert client.act("restart", uuid) == {"success": True}
