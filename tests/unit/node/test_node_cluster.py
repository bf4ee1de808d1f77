"""NodeODM's contract, section 10: ClusterODM in front of the node, its calls as they stand on the wire."""

from __future__ import annotations

import json
import uuid as uuid_module
from pathlib import Path
from typing import Any

import pytest
from node_harness import Client, images, serving

BOUNDARY = "------------------------d74496d66958873e"


def part(name: str, value: bytes, filename: str | None = None) -> bytes:
    file = f'; filename="{filename}"\r\nContent-Type: application/octet-stream' if filename else ""
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + value + b"\r\n"


class Cluster:
    """What the proxy sends to a node."""

    def __init__(self, node: Client, token: str) -> None:
        self.node = node
        self.query = f"?token={token}"

    def post(self, path: str, body: bytes, *lines: str) -> Any:
        start = [f"POST {path}{self.query} HTTP/1.1", "Host: node:3000", "Accept: */*", *lines]
        status, headers, answer = self.node.raw("\r\n".join([*start, "", ""]).encode() + body)
        assert status == 200
        assert headers["content-type"].startswith("application/json")
        return json.loads(answer)

    def form(self, path: str, parts: list[bytes], *lines: str) -> Any:
        body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
        kind = f"Content-Type: multipart/form-data; boundary={BOUNDARY}"
        return self.post(path, body, kind, f"Content-Length: {len(body)}", *lines)


@pytest.mark.parametrize("token", ["", "undefined"])
def test_a_task_of_a_cluster_goes_through(node: Client, tmp_path: Path, token: str) -> None:
    cluster = Cluster(node, token)
    info = node.get(f"/info{cluster.query}").json()
    assert all(isinstance(info[key], int) for key in ("maxParallelTasks", "taskQueueCount", "cpuCores", "totalMemory"))
    assert isinstance(node.get(f"/options{cluster.query}").json(), list)
    uuid = str(uuid_module.uuid4())
    options = json.dumps([{"name": "dsm", "value": True}, {"name": "sm-cluster", "value": "http://cluster:3000"}])
    fields = {"name": b"", "options": options.encode(), "dateCreated": b"1700000000000", "outputs": b"[]"}
    opened = cluster.form("/task/new/init", [part(key, value) for key, value in fields.items()], f"set-uuid: {uuid}")
    assert opened == {"uuid": uuid}
    photos = {f"DJI_{index:04}.JPG": bytes([index]) * 70_000 for index in range(40)} | {"gcp_list.txt": b"EPSG:4326\n"}
    names = list(photos)
    for chunk in (names[:20], names[20:40], names[40:]):
        answer = cluster.form(f"/task/new/upload/{uuid}", [part("images", photos[name], name) for name in chunk])
        assert answer["success"]
    assert images(tmp_path / "node", uuid) == photos
    commit = cluster.post(f"/task/new/commit/{uuid}", b"", "Content-Type: multipart/form-data", "Content-Length: 0")
    assert commit == {"uuid": uuid}
    # from here on the cluster passes its clients' requests through, byte by byte
    done = node.wait(uuid, 40)
    assert done["imagesCount"] == 40
    assert done["options"] == [{"name": "dsm", "value": True}]
    status, headers, body = node.raw(
        f"GET /task/{uuid}/download/all.zip{cluster.query} HTTP/1.1\r\nHost: n\r\nConnection: close\r\n\r\n".encode()
    )
    assert (status, int(headers["content-length"])) == (200, len(body))
    form = f"uuid={uuid}".encode()
    kind, length = "Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(form)}"
    assert cluster.post("/task/restart", form, kind, length) == {"success": True}
    node.wait(uuid, 40)
    assert cluster.post("/task/cancel", form, kind, length) == {"success": True}
    assert cluster.post("/task/remove", form, kind, length) == {"success": True}
    assert node.get(f"/task/{uuid}/info{cluster.query}").json() == {"error": f"{uuid} not found"}


def test_a_cluster_is_told_of_bad_options_and_a_bad_token_as_a_client_is(tmp_path: Path) -> None:
    with serving(tmp_path / "node", token="s3cret") as node:
        bad = part("options", b'[{"name": "pc-quality", "value": "best"}]')
        error = Cluster(node, "s3cret").form("/task/new/init", [bad], f"set-uuid: {uuid_module.uuid4()}")["error"]
        assert json.loads(error) == [{"name": "pc-quality", "error": "Invalid value best (not in enum)"}]
        assert "token does not match" in Cluster(node, "undefined").form("/task/new/init", [bad])["error"]
