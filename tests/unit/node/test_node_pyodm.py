from __future__ import annotations

import sys
import uuid as uuid_module
import zipfile
from pathlib import Path

import pytest
from node_harness import ENGINE, serving
from pyodm import Node, exceptions
from pyodm.types import TaskStatus

BIG_ENGINE = ENGINE.replace("* 400", "* 50000")


def photos(folder: Path, *names: str) -> list[str]:
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(name.encode() * 100)
    return [str(folder / name) for name in names]


def test_pyodm_creates_uploads_polls_reads_and_downloads(tmp_path: Path) -> None:
    with serving(tmp_path / "node", token="s3cret", engine_command=(sys.executable, "-c", BIG_ENGINE)) as client:
        node = Node.from_url(f"{client.url}/?token=s3cret")
        assert node.info().max_parallel_tasks == 1
        assert node.version_greater_or_equal_than("1.4.0")
        assert "dsm" in {option.name for option in node.options()}
        uuid = str(uuid_module.uuid4())
        task = node.create_task(
            photos(tmp_path / "flight", *(f"{index}.jpg" for index in range(25))),
            {"dsm": True, "orthophoto-resolution": 3},
            name=None,
            progress_callback=lambda percent: None,
            task_uuid=uuid,
        )
        assert task.uuid == uuid
        seen: list[float] = []
        task.wait_for_completion(interval=0, status_callback=lambda info: seen.append(info.progress))
        assert seen == sorted(seen)
        info = task.info(with_output=0)
        assert info.status is TaskStatus.COMPLETED
        assert info.images_count == 25
        assert info.options == [{"name": "dsm", "value": True}, {"name": "orthophoto-resolution", "value": 3.0}]
        assert info.output == task.output()
        # PyODM fetches in parallel pieces because the node offers ranges
        path = task.download_zip(str(tmp_path / "out"), parallel_chunks_size=1, parallel_downloads=4)
        assert zipfile.ZipFile(path).testzip() is None
        assert task.restart({"dtm": True})
        task.wait_for_completion(interval=0)
        assert task.cancel()
        assert task.info().status is TaskStatus.COMPLETED
        assert task.remove()
        with pytest.raises(exceptions.NodeResponseError, match="not found"):
            task.info()
        with pytest.raises(exceptions.NodeResponseError, match="not in enum"):
            node.create_task([str(tmp_path / "flight" / "1.jpg")], {"pc-quality": "best"})
