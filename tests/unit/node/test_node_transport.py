"""NodeODM's contract, sections 1 and 2: transport, bodies, authentication; raw bytes where a library hides them."""

from __future__ import annotations

import hmac
import json
import socket
from pathlib import Path
from typing import Any

import pytest
import requests
from node_harness import Client, images, serving, until

from uav_workflow.node import gate, multipart
from uav_workflow.node.policy import Policy
from uav_workflow.node.server import NodeServer

FILE = b'--x\r\nContent-Disposition: form-data; name="images"; filename="a.jpg"\r\n\r\nDATA\r\n'
MULTIPART = {"Content-Type": "multipart/form-data; boundary=x"}


def head(method: str, path: str, *lines: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: node", *lines, "", ""]).encode()


@pytest.mark.parametrize("path", ["/", "/info", "/options", "/task/list", "/swagger.json", "/auth/info"])
def test_head_tells_what_get_would(node: Client, path: str) -> None:
    got = node.get(path)
    told = requests.head(node.url + path, timeout=20)
    assert told.status_code == got.status_code
    assert told.headers["content-type"] == got.headers["content-type"]
    assert told.headers["content-length"] == got.headers["content-length"]
    assert told.content == b""


def test_json_says_its_charset_and_anything_else_is_html(node: Client) -> None:
    for path in ("/info", "/options", "/task/list", "/auth/info", "/task/x/info", "/swagger.json"):
        assert node.get(path).headers["content-type"] == "application/json; charset=utf-8", path
    for method, path in [("GET", "/task/new"), ("POST", "/info"), ("GET", "/task/x/download/a/b"), ("PUT", "/info")]:
        answer = requests.request(method, node.url + path, timeout=20)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["access-control-allow-origin"] == "*"


def test_options_is_answered_without_a_token_and_names_what_was_asked(tmp_path: Path) -> None:
    with serving(tmp_path / "node", token="s3cret") as client:
        wanted = {"Access-Control-Request-Headers": "set-uuid"}
        answer = requests.options(client.url + "/task/new/init", headers=wanted, timeout=20)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-headers"] == "set-uuid"


def test_swagger_describes_every_route_with_its_parameters(node: Client) -> None:
    document = node.get("/swagger.json").json()
    assert document["swagger"] == "2.0"
    assert set(document["paths"]) >= {"/task/new", "/task/{uuid}/download/{asset}", "/auth/register", "/options"}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["summary"]
            in_path = {given["name"] for given in operation["parameters"] if given["in"] == "path"}
            assert in_path == {part.strip("{}") for part in path.split("/") if part.startswith("{")}
    assert document["paths"].keys() != {"/"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"json": {"name": "x", "options": "["}},
        {"data": {"name": "x", "options": "["}},
        {"data": b"\x00\x01", "headers": {"Content-Type": "image/jpeg"}},
    ],
)
def test_init_ignores_the_fields_of_what_is_no_multipart(node: Client, body: dict[str, Any]) -> None:
    uuid = node.post("/task/new/init", **body).json()["uuid"]
    assert node.upload(uuid, ("a.jpg", b"A")) == {"success": True}
    node.post(f"/task/new/commit/{uuid}")
    assert node.info(uuid)["name"].startswith("Task of ")
    node.wait(uuid, 40)


@pytest.mark.parametrize(
    "body", [{}, {"json": {"images": "a"}}, {"data": {"images": "a"}}, {"files": {"x": (None, "1")}}]
)
def test_an_upload_without_a_file_is_an_error(node: Client, body: dict[str, Any]) -> None:
    uuid = node.init()["uuid"]
    assert node.post(f"/task/new/upload/{uuid}", **body).json() == {"error": "Need at least 1 file.", "noRetry": True}
    assert "uuid" in node.init(uuid), "the session lives on"
    assert node.post("/task/new", **body).json()["error"] == "Need at least 1 file or a zip file url."


def test_a_file_in_another_field_is_unexpected_and_nothing_of_the_request_stays(node: Client, tmp_path: Path) -> None:
    uuid = node.init()["uuid"]
    files = [("images", ("a.jpg", b"A")), ("photos", ("b.jpg", b"B"))]
    assert node.post(f"/task/new/upload/{uuid}", files=files).json() == {"error": "Unexpected field"}
    assert images(tmp_path / "node", uuid) == {}


@pytest.mark.parametrize("length", ["Content-Length: 0", "X-None: 1"])
@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=", "text/plain", "application/json"]
)
def test_commit_takes_any_body_and_none(node: Client, kind: str, length: str) -> None:
    uuid = node.init()["uuid"]
    node.upload(uuid, ("a.jpg", b"A"))
    request = head("POST", f"/task/new/commit/{uuid}", f"Content-Type: {kind}", length, "Connection: close")
    status, headers, body = node.raw(request)
    assert (status, json.loads(body)) == (200, {"uuid": uuid})
    assert headers["content-type"] == "application/json; charset=utf-8"
    node.wait(uuid, 40)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (FILE, "Unexpected end of multipart data"),
        (FILE + b"--x", "Unexpected end of multipart data"),
        (b"", "Unexpected end of multipart data"),
        (b"no boundary at all", "Malformed multipart data"),
        (b"--x\r\nnonsense without a colon\r\n\r\nDATA\r\n--x--\r\n", "Malformed multipart data"),
    ],
)
def test_a_broken_multipart_body_is_refused_and_leaves_nothing(
    node: Client, tmp_path: Path, body: bytes, message: str
) -> None:
    uuid = node.init()["uuid"]
    for path in (f"/task/new/upload/{uuid}", "/task/new"):
        answer = node.post(path, data=body, headers=MULTIPART)
        assert answer.status_code == 200
        assert message in answer.json()["error"]
    no_boundary = node.post(f"/task/new/upload/{uuid}", data=FILE, headers={"Content-Type": "multipart/form-data"})
    assert no_boundary.json() == {"error": "Multipart: Boundary not found"}
    assert images(tmp_path / "node", uuid) == {}
    assert not list(tmp_path.rglob("*.part"))
    assert [path.name for path in (tmp_path / "node" / "uploads").iterdir()] == [uuid]


def test_a_chunked_upload_arrives_whole_and_a_cut_one_not_at_all(node: Client, tmp_path: Path) -> None:
    uuid = node.init()["uuid"]
    start = head(
        "POST",
        f"/task/new/upload/{uuid}",
        "Content-Type: multipart/form-data; boundary=x",
        "Transfer-Encoding: chunked",
        "Connection: close",
    )
    body = FILE + b"--x--\r\n"
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[:30], body[30:31], body[31:]))
    with node.connect() as wire:
        wire.sendall(start + chunks)  # the last, empty chunk never comes
        until(lambda: list(tmp_path.rglob("*.part")))
    until(lambda: not list(tmp_path.rglob("*.part")))
    assert images(tmp_path / "node", uuid) == {}
    _, _, answer = node.raw(start + chunks + b"0\r\n\r\n")
    assert json.loads(answer) == {"success": True}
    assert images(tmp_path / "node", uuid) == {"a.jpg": b"DATA"}


def test_an_upload_that_stalls_is_given_up(node: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multipart, "STALL_S", 0.2)
    uuid = node.init()["uuid"]
    lines = ("Content-Type: multipart/form-data; boundary=x", "Content-Length: 1000")
    status, _, body = node.raw(head("POST", f"/task/new/upload/{uuid}", *lines) + FILE)
    assert status == 200
    assert "Nothing arrived" in json.loads(body)["error"]
    assert not list(tmp_path.rglob("*.part"))


def test_a_connection_serves_many_requests_also_after_a_refused_upload(node: Client) -> None:
    session = requests.Session()
    big = {"images": ("a.jpg", b"A" * 4_000_000)}
    for _ in range(3):
        assert "taskQueueCount" in session.get(node.url + "/info", timeout=20).json()
        nobody = "/task/new/upload/00000000-0000-4000-8000-000000000000"
        assert session.post(node.url + nobody, files=big, timeout=20).json() == {"error": "Invalid uuid (not found)"}
    session.close()


def test_who_waits_to_be_told_to_go_on_is_told(node: Client, tmp_path: Path) -> None:
    uuid = node.init()["uuid"]
    body = FILE + b"--x--\r\n"
    lines = ("Content-Type: multipart/form-data; boundary=x", f"Content-Length: {len(body)}", "Expect: 100-continue")
    with node.connect() as wire:
        wire.sendall(head("POST", f"/task/new/upload/{uuid}", *lines))
        assert wire.recv(100).startswith(b"HTTP/1.1 100")
        wire.sendall(body)
        assert until(lambda: b'{"success": true}' in wire.recv(1000))
    assert images(tmp_path / "node", uuid) == {"a.jpg": b"DATA"}


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "application/json"])
def test_actions_read_forms_and_json_and_survive_nonsense(node: Client, kind: str) -> None:
    for body in (b"", b"\xff\xfe", b"[" * 100_000, b"[1]", b"null", b'{"uuid": 3}', b'{"uuid": null}', b"uuid="):
        answer = node.post("/task/cancel", data=body, headers={"Content-Type": kind})
        assert answer.status_code == 200, body[:20]
        assert "error" in answer.json()


def test_the_token_comes_by_query_alone_and_is_checked_before_the_body(tmp_path: Path) -> None:
    wrong = {"error": "Invalid authentication token: token does not match."}
    with serving(tmp_path / "node", token="s3cret ü") as client:
        uuid = client.init()["uuid"]
        assert client.upload(uuid, ("a.jpg", b"A")) == {"success": True}
        stranger = Client(client.url)
        for given in (
            {"headers": {"token": "s3cret ü".encode()}},
            {"cookies": {"token": "x"}},
            {"data": {"token": "x"}},
        ):
            assert stranger.post("/task/cancel", **given).json() == wrong
        lines = ("Content-Type: multipart/form-data; boundary=x", "Content-Length: 1000000")
        _, _, body = stranger.raw(head("POST", f"/task/new/upload/{uuid}?token=no", *lines))
        assert json.loads(body) == wrong, "answered although no byte of the body was sent"


def test_the_token_is_compared_in_constant_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(given: bytes, own: bytes) -> bool:
        compared.append((given, own))
        return hmac.compare_digest(given, own)

    with serving(tmp_path / "node", token="s3cret") as client:
        monkeypatch.setattr(gate, "compare_digest", compare)
        assert "error" in Client(client.url, "guess").get("/info").json()
    assert compared == [(b"guess", b"s3cret")]


def test_a_node_without_a_token_takes_any(node: Client) -> None:
    for token in ("", "undefined", "whatever"):
        assert "version" in node.get("/info", params={"token": token}).json()


def test_accounts_are_not_available(node: Client) -> None:
    assert node.get("/auth/info").json().keys() == {"message", "loginUrl", "registerUrl"}
    assert node.get("/auth/info").json()["loginUrl"] is None
    for path in ("/auth/login", "/auth/register"):
        assert node.post(path, data={"username": "a", "password": "b"}).json() == {"error": "Not available"}


def test_only_authorized_callers_are_answered(tmp_path: Path) -> None:
    with serving(tmp_path / "node", policy=Policy(authorized_ips=("192.0.2.7",))) as client:
        assert client.get("/info").json()["error"].startswith("Invalid authentication IP: 127.0.0.1")
        assert "uav node" in client.get("/").text
    with serving(tmp_path / "node", policy=Policy(authorized_ips=("192.0.2.7", "127.0.0.1"))) as client:
        assert "version" in client.get("/info").json()


def test_it_listens_on_loopback_alone_unless_told_otherwise(node: Client, tmp_path: Path) -> None:
    assert NodeServer(data_dir=tmp_path).host == "127.0.0.1"
    port = int(node.url.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), timeout=20)
