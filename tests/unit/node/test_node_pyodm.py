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


def test_pyodm_without_a_token_with_many_files_at_once(tmp_path: Path) -> None:
    """Every public call once more, by its other arguments: an address, parallel uploads, outputs, assets."""
    names = [f"DJI_{index:04}.JPG" for index in range(60)]
    files = [*photos(tmp_path / "flight", *names), *photos(tmp_path / "control", "gcp_list.txt", "geo.txt")]
    with serving(tmp_path / "node") as client:
        node = Node("127.0.0.1", int(client.url.rpartition(":")[2]))
        told: list[float] = []
        task = node.create_task(
            files,
            {"pc-quality": "ultra", "no-such-option": 1},
            name="meadow",
            progress_callback=told.append,
            skip_post_processing=True,
            outputs=["odm_orthophoto", "cameras.json"],
            parallel_uploads=10,
        )
        assert told[-1] == 100
        task.wait_for_completion(interval=0, status_callback=lambda info: None)
        same = node.get_task(task.uuid)
        info = same.info()
        assert (info.name, info.images_count, info.progress) == ("meadow", 60, 100)
        assert info.processing_time > 0
        assert info.last_error == ""
        assert info.options == [{"name": "pc-quality", "value": "ultra"}]
        assert same.output(-1) == same.output()[-1:]
        folder = Path(same.download_assets(str(tmp_path / "assets")))
        assert {path.name for path in folder.rglob("*") if path.is_file()} == {"cameras.json", "odm_orthophoto.tif"}
        assert same.restart()
        same.wait_for_completion(interval=0)
        assert same.remove()
        for call in (same.remove, same.cancel, same.restart, same.output):
            with pytest.raises(exceptions.NodeResponseError, match="not found"):
                call()


def test_pyodm_hears_why_a_task_failed_and_what_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path / "node") as client:
        node = Node("127.0.0.1", int(client.url.rpartition(":")[2]))
        task = node.create_task(photos(tmp_path / "flight", "fails.jpg"), progress_callback=lambda percent: None)
        with pytest.raises(exceptions.TaskFailedError):
            task.wait_for_completion(interval=0)
        assert task.info().last_error == "Cannot process dataset: the photos show nothing"
        with pytest.raises(exceptions.NodeResponseError, match="webhook is not allowed"):
            node.create_task([str(tmp_path / "flight" / "fails.jpg")], webhook="http://127.0.0.1:1/")
        sleeping = node.create_task(photos(tmp_path / "other", "sleeps.jpg"), progress_callback=lambda percent: None)
        with pytest.raises(exceptions.NodeResponseError, match="cannot be restarted"):
            sleeping.restart()
        assert sleeping.cancel()
        assert sleeping.info().status is TaskStatus.CANCELED
    with serving(tmp_path / "guarded", token="s3cret") as client:
        stranger = Node("127.0.0.1", int(client.url.rpartition(":")[2]), token="guess")
        with pytest.raises(exceptions.NodeResponseError, match="token does not match"):
            stranger.info()
