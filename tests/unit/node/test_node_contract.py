from __future__ import annotations

import io
import json
import socket
import uuid as uuid_module
import zipfile
from pathlib import Path

import pytest
import requests
from node_harness import Client, serving, until

from uav_workflow.engine.options import OPTIONS
from uav_workflow.node.policy import Policy


def test_info_and_options_have_the_shapes_clients_need(node: Client) -> None:
    info = node.get("/info").json()
    assert [int(part) for part in info["version"].split(".")][:2] == [2, 2]
    assert info["taskQueueCount"] == 0
    assert info["maxImages"] is None
    assert info["totalMemory"] >= info["availableMemory"] > 0
    answer = node.get("/options")
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert [row["name"] for row in answer.json()] == [spec.name for spec in OPTIONS]
    for row in answer.json():
        assert set(row) == {"name", "type", "value", "domain", "help"}
        assert isinstance(row["domain"], list) == (row["type"] == "enum")
        assert isinstance(row["value"], str)


def test_a_task_runs_from_init_to_download(node: Client) -> None:
    uuid = node.submit(("a.jpg", b"A" * 1000), ("b.jpg", b"B" * 1000), ("geo.txt", b"EPSG:4326\n"), name="meadow")
    info = node.wait(uuid, 40)
    assert info["name"] == "meadow"
    assert info["imagesCount"] == 2
    assert info["progress"] == 100
    assert info["processingTime"] >= 0
    assert "errorMessage" not in info["status"]
    output = node.get(f"/task/{uuid}/output").json()
    assert output[0] == "photos a.jpg b.jpg"
    assert node.get(f"/task/{uuid}/output", params={"line": -1}).json() == output[-1:]
    assert node.get(f"/task/{uuid}/output", params={"line": 1}).json() == output[1:]
    assert node.get(f"/task/{uuid}/output", params={"line": 999}).json() == []
    assert node.get(f"/task/{uuid}/output", params={"line": "x"}).json() == output
    assert node.get(f"/task/{uuid}/info", params={"with_output": 1}).json()["output"] == output[1:]
    answer = node.get(f"/task/{uuid}/download/all.zip")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == "attachment; filename=all.zip"
    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert sorted(names) == ["cameras.json", "odm_orthophoto/odm_orthophoto.tif", "task_output.txt"]


def test_range_and_etag_let_a_cut_download_go_on(node: Client) -> None:
    uuid = node.submit(("a.jpg", b"A"))
    node.wait(uuid, 40)
    path = f"/task/{uuid}/download/all.zip"
    whole = node.get(path)
    assert whole.headers["accept-ranges"] == "bytes"
    etag = whole.headers["etag"]
    part = node.get(path, headers={"Range": "bytes=1000-", "If-Range": etag})
    assert part.status_code == 206
    assert part.headers["content-range"] == f"bytes 1000-{len(whole.content) - 1}/{len(whole.content)}"
    assert whole.content[:1000] + part.content == whole.content
    changed = node.get(path, headers={"Range": "bytes=1000-", "If-Range": '"other"'})
    assert changed.status_code == 200
    assert changed.content == whole.content
    head = requests.head(node.url + path, timeout=20)
    assert int(head.headers["content-length"]) == len(whole.content)


def test_output_filter_takes_files_and_folders_inside_only(node: Client) -> None:
    uuid = node.submit(("a.jpg", b"A"), outputs=json.dumps(["odm_orthophoto", "missing.tif", "secret.txt"]))
    node.wait(uuid, 40)
    names = zipfile.ZipFile(io.BytesIO(node.get(f"/task/{uuid}/download/all.zip").content)).namelist()
    assert names == ["odm_orthophoto/odm_orthophoto.tif", "secret.txt"]
    assert "leaves the task's folder" in node.init(outputs='["../../state.json"]')["error"]
    assert "leaves the task's folder" in node.init(outputs='["/etc/passwd"]')["error"]


def test_errors_are_answers_with_status_200(node: Client) -> None:
    nobody = str(uuid_module.uuid4())
    for path, message in [
        (f"/task/{nobody}/info", f"{nobody} not found"),
        (f"/task/{nobody}/output", f"{nobody} not found"),
        (f"/task/{nobody}/download/all.zip", f"{nobody} not found"),
    ]:
        answer = node.get(path)
        assert (answer.status_code, answer.json()) == (200, {"error": message})
    for action in ("cancel", "remove", "restart"):
        answer = node.post(f"/task/{action}", data={"uuid": nobody})
        assert answer.json() == {"success": False, "error": f"{nobody} not found"}
        assert node.post(f"/task/{action}").json() == {"error": "uuid param missing."}
        assert node.post(f"/task/{action}", files={"uuid": (None, nobody)}).json() == {"error": "uuid param missing."}
        broken = node.post(f"/task/{action}", data="{", headers={"Content-Type": "application/json"})
        assert broken.status_code == 200
        assert "error" in broken.json()
    assert node.post(f"/task/new/commit/{nobody}").json() == {"error": "Invalid uuid (not found)"}
    assert node.upload(nobody, ("a.jpg", b"")) == {"error": "Invalid uuid (not found)"}
    assert node.get("/nowhere").status_code == 404
    assert node.get("/task/cancel").status_code == 404
    assert node.get("/nowhere").headers["content-type"].startswith("text/html")


def test_cors_is_open_and_options_is_answered_anywhere(node: Client) -> None:
    preflight = requests.options(node.url + "/anything/at/all", timeout=20)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-methods"] == "GET,HEAD,PUT,PATCH,POST,DELETE"
    for path in ("/info", "/nowhere", "/"):
        assert node.get(path).headers["access-control-allow-origin"] == "*"


def test_init_takes_every_body_and_an_id_in_any_letter_case(node: Client) -> None:
    uuid = str(uuid_module.uuid4())
    assert node.init(uuid.upper()) == {"uuid": uuid}
    assert node.init(uuid) == {"uuid": uuid}, "before commit an id may be init-ed again"
    node.upload(uuid.upper(), ("a.jpg", b"A"))
    assert node.post(f"/task/new/commit/{uuid.upper()}").json() == {"uuid": uuid}
    assert node.post(f"/task/new/commit/{uuid}").json() == {"error": "Invalid uuid (not found)"}
    assert node.info(uuid.upper())["uuid"] == uuid
    assert node.init(uuid.upper())["error"].startswith("Invalid set-uuid")
    assert node.init("no-uuid")["error"].startswith("Invalid set-uuid")
    for options in ({}, {"json": {"name": "x"}}, {"data": {"name": "x"}}):
        assert "uuid" in node.post("/task/new/init", **options).json()
    assert node.init()["uuid"] != node.init()["uuid"]
    refused = node.post("/task/new/init", files={"images": ("a.jpg", b"A")})
    assert refused.json() == {"error": "Unexpected field"}
    assert [row["uuid"] for row in node.get("/task/list").json()] == [uuid]
    node.wait(uuid, 40)


def test_bad_options_are_listed_one_by_one(node: Client) -> None:
    given = [
        {"name": "orthophoto-resolution", "value": "abc"},
        {"name": "pc-quality", "value": "zzz"},
        {"name": "dsm", "value": "yes"},
        {"name": "no-such-option", "value": 1},
        {"name": "dem-resolution", "value": 7.5},
    ]
    errors = json.loads(node.init(options=json.dumps(given))["error"])
    assert {row["name"]: row["error"] for row in errors} == {
        "orthophoto-resolution": "Invalid value NaN (out of range)",
        "pc-quality": "Invalid value zzz (not in enum)",
        "dsm": "Cannot convert yes to boolean",
    }
    assert "error" in node.init(options="[")
    uuid = node.submit(("a.jpg", b"A"), options=json.dumps([*given[3:], {"name": "dsm", "value": "1"}]))
    assert node.info(uuid)["options"] == [{"name": "dem-resolution", "value": 7.5}, {"name": "dsm", "value": True}]
    node.wait(uuid, 40)


def test_webhook_and_zipurl_are_refused(node: Client) -> None:
    assert "webhook is not allowed" in node.init(webhook="http://127.0.0.1:1/")["error"]
    assert "zipurl is not allowed" in node.init(zipurl="http://127.0.0.1:1/a.zip")["error"]


@pytest.mark.parametrize("name", ["../../evil.jpg", "/etc/evil.jpg", "..\\evil.jpg", ".hidden.jpg", ".."])
def test_names_that_leave_the_folder_are_refused(node: Client, name: str, tmp_path: Path) -> None:
    uuid = node.init()["uuid"]
    body = (
        f'--x\r\nContent-Disposition: form-data; name="images"; filename="{name}"\r\n\r\nDATA\r\n--x--\r\n'
    ).encode()
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = node.post(f"/task/new/upload/{uuid}", data=body, headers=headers).json()
    assert "is refused" in answer["error"]
    assert not [path for path in tmp_path.rglob("*") if "evil" in path.name or path.suffix == ".part"]


def test_the_same_file_twice_is_kept_once_and_another_of_its_name_is_kept_too(node: Client, tmp_path: Path) -> None:
    uuid = node.init()["uuid"]
    for data in (b"one", b"one", b"two!", b"two!"):
        assert node.upload(uuid, ("DJI_0001.JPG", data)) == {"success": True}
    images = tmp_path / "node" / "uploads" / uuid / "project" / "images"
    assert {path.name: path.read_bytes() for path in images.iterdir()} == {
        "DJI_0001.JPG": b"one",
        "DJI_0001_.JPG": b"two!",
    }


def test_a_cut_upload_leaves_nothing(node: Client, tmp_path: Path) -> None:
    uuid = node.init()["uuid"]
    body = b'--x\r\nContent-Disposition: form-data; name="images"; filename="a.jpg"\r\n\r\nHALF A PHO'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = node.post(f"/task/new/upload/{uuid}", data=body, headers=headers).json()
    assert answer == {"error": "Unexpected end of multipart data"}
    host, _, port = node.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as wire:
        head = f"POST /task/new/upload/{uuid} HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n"
        wire.sendall(f"{head}Content-Type: multipart/form-data; boundary=x\r\n\r\n".encode() + body)
        until(lambda: list(tmp_path.rglob("*.part")))
    until(lambda: not list(tmp_path.rglob("*.part")))
    images = tmp_path / "node" / "uploads" / uuid / "project" / "images"
    assert list(images.iterdir()) == []
    assert node.post(f"/task/new/commit/{uuid}").json() == {"error": "Need at least 1 file."}
    assert node.post(f"/task/new/commit/{uuid}").json() == {"error": "Invalid uuid (not found)"}


def test_one_call_upload(node: Client) -> None:
    files = [("images", ("a.jpg", b"A")), ("name", (None, "one call"))]
    uuid = node.post("/task/new", files=files).json()["uuid"]
    assert node.wait(uuid, 40)["name"] == "one call"
    assert node.post("/task/new", files={"name": (None, "x")}).json()["error"].startswith("Need at least 1 file")


def test_token_guards_everything_but_the_open_pages(tmp_path: Path) -> None:
    with serving(tmp_path / "node", token="s3cret") as client:
        assert client.get("/info").json()["taskQueueCount"] == 0
        stranger = Client(client.url)
        for query in ({}, {"token": "wrong"}, {"token": ""}, {"token": ["s3cret", "x"]}):
            for path in ("/info", "/options", "/task/list"):
                answer = stranger.get(path, params=query)
                assert answer.status_code == 200
                assert answer.json() == {"error": "Invalid authentication token: token does not match."}
        assert "error" in stranger.init()
        for path in ("/", "/auth/info", "/swagger.json"):
            assert "authentication" not in stranger.get(path).text
        assert stranger.post("/auth/login").json() == {"error": "Not available"}


def test_too_many_files_fail_the_task_with_the_numbers(tmp_path: Path) -> None:
    with serving(tmp_path / "node", policy=Policy(max_images=2)) as client:
        photos = [(f"{index}.jpg", b"x") for index in range(3)]
        info = client.wait(client.submit(*photos), 30)
        assert info["status"]["errorMessage"] == "3 images uploaded, but this node can only process up to 2."
        control = client.wait(client.submit(*photos[:2], ("gcp_list.txt", b"EPSG:4326")), 30)
        assert control["status"]["errorMessage"].startswith("3 images"), "every file counts, control points too"
        answer = client.post("/task/new", files=[("images", photo) for photo in photos]).json()
        assert "only process up to 2" in answer["error"]


def test_a_cluster_commits_with_an_empty_multipart_body(node: Client) -> None:
    uuid = node.init()["uuid"]
    assert node.upload(uuid, ("a.jpg", b"A"), ("b.jpg", b"B")) == {"success": True}
    headers = {"Content-Type": "multipart/form-data", "Content-Length": "0"}
    assert node.post(f"/task/new/commit/{uuid}", headers=headers).json() == {"uuid": uuid}
    assert node.wait(uuid, 40)["imagesCount"] == 2
