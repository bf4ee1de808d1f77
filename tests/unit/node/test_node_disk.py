from __future__ import annotations

import errno
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from node_harness import ENGINE, Client, serving

from uav_workflow.node import archive
from uav_workflow.node.engine_process import Exit
from uav_workflow.node.failure import failure_message


def no_space(*arguments: Any, **options: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_said_and_nothing_half_stays(
    node: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uuid = node.init()["uuid"]
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        assert "disk is full" in node.upload(uuid, ("a.jpg", b"A"))["error"]
        assert "disk is full" in node.init()["error"]
    session = tmp_path / "node" / "uploads" / uuid
    assert [path.name for path in session.rglob("*") if path.is_file()] == ["session.json"]
    assert node.upload(uuid, ("a.jpg", b"A")) == {"success": True}
    with monkeypatch.context() as patch:
        patch.setattr(zipfile.ZipFile, "open", no_space)
        assert node.post(f"/task/new/commit/{uuid}").json() == {"uuid": uuid}
        info = node.wait(uuid, 30)
    assert "disk is full" in info["status"]["errorMessage"]
    assert not list((tmp_path / "node" / "tasks" / uuid).glob("*.new"))
    assert node.post("/task/restart", data={"uuid": uuid}).json() == {"success": True}
    node.wait(uuid, 40)


def test_the_engines_own_disk_full_is_said(tmp_path: Path) -> None:
    program = ENGINE.replace("sys.exit(1)", "sys.exit(28)").replace("show nothing", "do not fit")
    with serving(tmp_path / "node", engine_command=(sys.executable, "-c", program)) as client:
        info = client.wait(client.submit(("fails.jpg", b"A")), 30)
    assert info["status"]["errorMessage"] == "Disk full (ENOSPC): the node's disk is full: the photos do not fit"


@pytest.mark.parametrize("code", [-1, 1, 2, 3, 28, 132, 134, 137, 139])
def test_a_failure_always_has_words(code: int) -> None:
    assert failure_message(Exit(code, "no program" if code < 0 else ""), []).strip()


def test_the_last_line_stands_in_for_a_reason() -> None:
    assert failure_message(Exit(134), ["first", "terminate called", ""]) == "Cannot process dataset: terminate called"


def test_an_archive_holds_nothing_from_outside(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "odm_report").mkdir(parents=True)
    (project / "odm_report" / "stats.json").write_text("{}")
    (tmp_path / "secret.txt").write_text("secret")
    (project / "odm_report" / "link.txt").symlink_to(tmp_path / "secret.txt")
    archive.write_archive(project, tmp_path / "all.zip", ["odm_report", "odm_report/stats.json", "../secret.txt"])
    with zipfile.ZipFile(tmp_path / "all.zip") as bundle:
        assert bundle.namelist() == ["odm_report/stats.json"]
        assert bundle.infolist()[0].compress_type == zipfile.ZIP_STORED


@pytest.mark.parametrize(
    "line",
    [
        "OSError: [Errno 28] No space left on device",
        "sqlite3.OperationalError: database or disk is full",
        "TIFFAppendToStrip: Write error at scanline 7: Disk quota exceeded",
    ],
)
def test_a_full_disk_is_recognised_in_whatever_words(line: str) -> None:
    assert failure_message(Exit(1, "internal error"), [line, "bye"]).startswith("Disk full (ENOSPC)")


def test_a_full_disk_is_recognised_when_nobody_said_it() -> None:
    vague = ["67125 requested and 7136 written"]
    full = failure_message(Exit(1, free_mib=0.4), vague)
    assert full == "Disk full (ENOSPC): the node's disk is full (0.4 MiB were left): 67125 requested and 7136 written"
    assert failure_message(Exit(1, free_mib=4000.0), vague).startswith("Cannot process dataset")
