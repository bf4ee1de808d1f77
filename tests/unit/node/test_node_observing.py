"""NodeODM's contract, sections 3, 5, 6 and 7: what a client sees of a task, fetches and may do to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests
from node_harness import Client, NodeProcess, gone, until

from uav_workflow.engine.options import OPTIONS


def test_info_has_exactly_the_fields_of_the_contract(node: Client) -> None:
    info = node.get("/info").json()
    kinds = {
        "version": str,
        "taskQueueCount": int,
        "totalMemory": int,
        "availableMemory": int,
        "cpuCores": int,
        "maxImages": type(None),
        "maxParallelTasks": int,
        "engineVersion": str,
        "engine": str,
    }
    assert {name: type(value) for name, value in info.items()} == kinds
    assert [str(int(number)) for number in info["version"].split(".")] == info["version"].split(".")
    assert info["engine"] == "odm"


def test_every_option_offered_is_taken_at_its_own_default(node: Client) -> None:
    rows = node.get("/options").json()
    assert {row["type"] for row in rows} <= {"int", "float", "bool", "enum", "string"}
    for row in rows:
        assert row["help"]
        if row["type"] == "enum":
            assert row["value"] in row["domain"]
        elif row["type"] == "bool":
            assert row["domain"] == ""
    given = [{"name": row["name"], "value": row["value"]} for row in rows]
    uuid = node.submit(("a.jpg", b"A"), options=json.dumps(given[::-1]))
    taken = node.info(uuid)["options"]
    assert [row["name"] for row in taken] == [spec.name for spec in OPTIONS], "the node's order"
    types = {"int": int, "float": float, "bool": bool, "enum": str, "string": str}
    for row, spec in zip(taken, OPTIONS, strict=True):
        assert set(row) == {"name", "value"}
        assert type(row["value"]) is types[spec.type] or (spec.type == "float" and isinstance(row["value"], int))
    node.wait(uuid, 40)


def test_nothing_the_node_sets_itself_is_offered(node: Client) -> None:
    never = {
        "h",
        "project-path",
        "name",
        "gcp",
        "geo",
        "align",
        "images",
        "video",
        "slam-config",
        "start-with",
        "rerun",
    }
    never |= {"rerun-all", "split-image-groups", "copy-to", "version", "time", "zip-results", "pmvs-num-cores"}
    assert not {row["name"] for row in node.get("/options").json()} & never


def test_a_task_passes_through_its_states_and_its_progress_never_falls(node: Client, tmp_path: Path) -> None:
    first = node.submit(("sleeps.jpg", b"A"))
    node.wait(first, 20)
    uuid = node.submit(("sleeps.jpg", b"A"), ("geo.txt", b"g"))
    project = tmp_path / "node" / "tasks"
    queued = node.wait(uuid, 10)
    assert (queued["processingTime"], queued["progress"], queued["imagesCount"]) == (-1, 0, 1)
    (project / first / "project" / "wake").touch()
    running = node.wait(uuid, 20)
    assert running["processingTime"] >= 0
    ticking = until(lambda: (info := node.info(uuid))["processingTime"] > running["processingTime"] and info)
    assert until(lambda: node.info(uuid)["progress"]) == 45, "nine tenths are the engine's"
    assert ticking["status"] == {"code": 20}
    (project / uuid / "project" / "wake").touch()
    done = node.wait(uuid, 40)
    assert (done["status"], done["progress"]) == ({"code": 40}, 100)
    assert done["processingTime"] >= ticking["processingTime"]
    assert set(done) == {
        "uuid", "name", "dateCreated", "processingTime", "status", "options", "imagesCount", "progress",
    }  # fmt: skip


def test_output_is_plain_whole_lines_and_slices_like_an_array(node: Client, tmp_path: Path) -> None:
    uuid = node.submit(("colours.jpg", b"A"))
    until(lambda: "café" in node.output(uuid))
    lines = node.output(uuid)
    assert lines[-3:] == ["red", "20 %", "café"], "no colours, no half line"
    (tmp_path / "node" / "tasks" / uuid / "project" / "wake").touch()
    node.wait(uuid, 40)
    full = node.output(uuid)
    assert full[len(lines)] == "half a line", "who goes on from there misses nothing"
    assert any(line.startswith("peak memory of the engine") for line in full)
    expected: dict[Any, list[str]] = {
        0: full,
        2: full[2:],
        -2: full[-2:],
        -999: full,
        999: [],
        "": full,
        "x": full,
        "1.9": full[1:],
        "9" * 5000: [],
    }
    for line, rows in expected.items():
        assert node.get(f"/task/{uuid}/output", params={"line": line}).json() == rows, line
        got = node.get(f"/task/{uuid}/info", params={"with_output": line}).json()
        assert got["output"] == rows, line
    assert "output" not in node.info(uuid)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (1, "Cannot process dataset"),
        (3, "Installation issue"),
        (132, "Unsupported CPU"),
        (134, "Cannot process dataset"),
        (137, "Not enough memory"),
        (139, "Cannot process dataset"),
        (28, "Disk full (ENOSPC)"),
        (77, "Processing failed (77)"),
    ],
)
def test_every_exit_code_of_the_engine_has_its_words(node: Client, code: int, said: str) -> None:
    failed = node.wait(node.submit(("code.txt.jpg", str(code).encode())), 30)
    assert failed["status"]["errorMessage"].startswith(said)
    assert failed["progress"] == 100
    assert node.output(failed["uuid"])[-1] == failed["status"]["errorMessage"]


def test_only_all_zip_is_an_asset_and_only_when_it_is_whole(node: Client) -> None:
    done, failed = node.submit(("a.jpg", b"A")), node.submit(("fails.jpg", b"A"))
    node.wait(done, 40)
    node.wait(failed, 30)
    assert node.get(f"/task/{done}/download/orthophoto.tif").json() == {"error": "Invalid asset"}
    assert node.get(f"/task/{failed}/download/all.zip").json() == {"error": "Asset not ready"}
    for path in ("x/all.zip", "..%2Fstate.json"):
        assert node.get(f"/task/{done}/download/{path}").status_code == 404
    assert node.get(f"/task/{done}/download/all.zip%00").json() == {"error": "Invalid asset"}


def test_ranges_as_http_has_them(node: Client) -> None:
    uuid = node.submit(("a.jpg", b"A"))
    node.wait(uuid, 40)
    path = f"/task/{uuid}/download/all.zip"
    whole = node.get(path)
    size, etag = len(whole.content), whole.headers["etag"]
    assert whole.headers["accept-ranges"] == "bytes"

    def ranged(given: str, **headers: str) -> requests.Response:
        return node.get(path, headers={"Range": given, **headers})

    for given, first, last in [
        ("bytes=0-0", 0, 0),
        ("bytes=5-9", 5, 9),
        ("BYTES = 5-9", 5, 9),
        (f"bytes={size - 1}-", size - 1, size - 1),
        ("bytes=-10", size - 10, size - 1),
        (f"bytes=-{size + 5}", 0, size - 1),
        (f"bytes=7-{size + 99}", 7, size - 1),
    ]:
        answer = ranged(given)
        assert answer.status_code == 206, given
        assert answer.headers["content-range"] == f"bytes {first}-{last}/{size}"
        assert answer.headers["etag"] == etag
        assert answer.content == whole.content[first : last + 1]
    beyond = ranged(f"bytes={size}-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    for ignored in ("lines=1-2", "bytes=9-5", "bytes=x", "bytes", "bytes=--5", "bytes=1-2;3", "bytes=" + "1-2," * 500):
        answer = ranged(ignored)
        assert (answer.status_code, len(answer.content)) == (200, size), ignored
    several = ranged("bytes=0-1, 5-6")
    assert several.status_code == 206
    assert several.headers["content-type"].startswith("multipart/byteranges")
    for validator in (etag, whole.headers["last-modified"]):
        assert ranged("bytes=1-", **{"If-Range": validator}).status_code == 206
    for validator in ('"old"', f"W/{etag}", "Thu, 01 Jan 1970 00:00:00 GMT"):
        answer = ranged("bytes=1-", **{"If-Range": validator})
        assert (answer.status_code, answer.content) == (200, whole.content), "changed: all of it, from the start"
    assert node.get(path, headers={"If-None-Match": f'"x", {etag}'}).status_code == 304
    head = requests.head(node.url + path, headers={"Range": "bytes=5-9"}, timeout=20)
    assert (head.status_code, head.headers["content-length"], head.content) == (206, "5", b"")


def test_a_new_result_has_a_new_etag(node: Client) -> None:
    uuid = node.submit(("a.jpg", b"A"))
    node.wait(uuid, 40)
    path = f"/task/{uuid}/download/all.zip"
    before = node.get(path).headers["etag"]
    node.act("restart", uuid)
    node.wait(uuid, 40)
    assert node.get(path, headers={"Range": "bytes=5-", "If-Range": before}).status_code == 200


def test_outputs_are_normalised_and_an_unreadable_list_means_the_usual(node: Client) -> None:
    usual = {"cameras.json", "odm_orthophoto/odm_orthophoto.tif", "task_output.txt"}
    for outputs, names in {
        "": usual,
        "[]": usual,
        "{": usual,
        '{"a": 1}': usual,
        "[3, null]": usual,
        '["./odm_orthophoto//", "odm_orthophoto/../cameras.json", "odm_*"]': usual - {"task_output.txt"},
        '["nothing/of/this"]': set(),
    }.items():
        uuid = node.submit(("a.jpg", b"A"), outputs=outputs)
        node.wait(uuid, 40)
        assert set(node.names(uuid)) == names, outputs
    for outputs in ('["../state.json"]', '["a/../../x"]', '["/etc/passwd"]', '["..\\\\x"]', '[".."]'):
        assert "leaves the task's folder" in node.init(outputs=outputs)["error"]


def test_actions_by_form_and_json_in_every_state(node: Client) -> None:
    done, failed, canceled = (node.submit((name, b"A")) for name in ("a.jpg", "fails.jpg", "sleeps.jpg"))
    waiting = node.submit(("b.jpg", b"B"))
    node.wait(done, 40)
    node.wait(failed, 30)
    node.wait(canceled, 20)
    for active in (canceled, waiting):
        answer = node.act("restart", active)
        assert answer == {"success": False, "error": "Task cannot be restarted"}
    assert node.act("cancel", waiting) == {"success": True}
    assert node.act("cancel", canceled) == {"success": True}
    for uuid, code in ((done, 40), (failed, 30), (canceled, 50), (waiting, 50)):
        assert node.post("/task/cancel", json={"uuid": uuid}).json() == {"success": True}
        assert node.info(uuid)["status"]["code"] == code, "what has ended stays as it is"
    assert node.info(canceled)["processingTime"] == -1
    for uuid in (done, failed, waiting):
        options = [{"name": "dtm", "value": True}, {"name": "unknown", "value": 1}]
        assert node.post("/task/restart", json={"uuid": uuid, "options": options}).json() == {"success": True}
        assert node.wait(uuid, 30, 40)["options"] == options[:1]
    bad = node.act("restart", done, options='[{"name": "dtm", "value": "maybe"}]')
    assert json.loads(bad["error"]) == [{"name": "dtm", "error": "Cannot convert maybe to boolean"}]
    assert node.info(done)["status"]["code"] == 40, "a refused restart changes nothing"
    for uuid in (done, failed, canceled, waiting):
        assert node.act("remove", uuid.upper()) == {"success": True}
        assert node.act("remove", uuid) == {"success": False, "error": f"{uuid} not found"}
    assert node.get("/task/list").json() == []


def test_options_the_engine_does_not_have_are_dropped_and_said(node: Client) -> None:
    given = [{"name": "fast-orthophoto", "value": True}, {"name": "dsm", "value": True}, {"name": "x\ny", "value": 1}]
    uuid = node.submit(("a.jpg", b"A"), options=json.dumps(given))
    assert node.wait(uuid, 40)["options"] == [given[1]]
    said = "options this engine does not have are ignored: fast-orthophoto, x y"
    assert node.output(uuid).count(said) == 1
    node.act("restart", uuid, options=json.dumps(given[:1]))
    assert node.wait(uuid, 40)["options"] == []
    assert "options this engine does not have are ignored: fast-orthophoto" in node.output(uuid)


def test_cancel_ends_children_that_left_the_group_and_ignore_signals(tmp_path: Path) -> None:
    engine = """
import pathlib, signal, subprocess, sys, time
project = pathlib.Path(sys.argv[1])
stubborn = "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]; "
stubborn += "print(1, flush=True); time.sleep(600)"
pids = []
for own in (False, True):
    child = subprocess.Popen([sys.executable, "-c", stubborn], start_new_session=own, stdout=subprocess.PIPE)
    child.stdout.readline()
    pids.append(child.pid)
(project / "new").write_text(" ".join(map(str, pids)))
(project / "new").rename(project / "pids.txt")
time.sleep(600)
"""
    with NodeProcess(tmp_path / "node", engine=engine) as node:
        uuid = node.client.submit(("a.jpg", b"A"))
        pids = node.project(uuid) / "pids.txt"
        until(pids.exists)
        children = [int(pid) for pid in pids.read_text().split()]
        assert not any(gone(pid) for pid in children)
        assert node.client.act("cancel", uuid) == {"success": True}
        assert all(gone(pid) for pid in children), "when cancel has answered nothing runs any more"
        assert node.client.info(uuid)["status"] == {"code": 50}
        assert not (node.project(uuid) / "tmp").exists()


def test_cancel_ends_packing_at_once(node: Client, tmp_path: Path) -> None:
    # 40 GB that take no place: packed in full the test would not end soon
    uuid = node.submit(("big.jpg", b"40000"), ("first.jpg", b"A"))
    until((tmp_path / "node" / "tasks" / uuid / ".all.zip.new").exists)
    assert node.info(uuid)["progress"] == 93
    assert node.act("cancel", uuid) == {"success": True}
    assert node.info(uuid)["status"] == {"code": 50}
    assert not (tmp_path / "node" / "tasks" / uuid / ".all.zip.new").exists()


def test_a_download_outlives_a_restart_and_a_removal(node: Client) -> None:
    uuid = node.submit(("big.jpg", b"40"))
    node.wait(uuid, 40)
    with node.get(f"/task/{uuid}/download/all.zip", stream=True) as answer:
        received = len(next(answer.iter_content(1000)))
        assert node.act("remove", uuid) == {"success": True}
        received += sum(len(piece) for piece in answer.iter_content(1 << 20))
        assert received == int(answer.headers["content-length"])
