"""NodeODM's contract, section 4: ids, fields, special files, one call, archives the node fetches itself."""

from __future__ import annotations

import errno
import functools
import http.server
import io
import json
import os
import threading
import uuid as uuid_module
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from node_harness import Client, images, serving, until

from uav_workflow.node.policy import Policy


def archive(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as bundle:
        for name, data in files.items():
            bundle.writestr(name, data)
    return stream.getvalue()


@contextmanager
def site(folder: Path) -> Iterator[str]:
    """A web site over a folder."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("variant", ["8", "b"])
def test_ids_of_every_version_are_taken(node: Client, version: int, variant: str) -> None:
    uuid = f"0f00000a-0000-{version}000-{variant}000-00000000000f"
    assert node.init(uuid.upper()) == {"uuid": uuid}


@pytest.mark.parametrize(
    "uuid",
    [
        "",
        "x",
        "0f00000a-0000-8000-8000-00000000000f",
        "0f00000a-0000-4000-c000-00000000000f",
        "../../../etc",
        "{0}" * 9,
    ],
)
def test_other_ids_are_refused(node: Client, uuid: str) -> None:
    answer = node.post("/task/new/init", headers={"set-uuid": uuid}).json()
    assert answer["error"].startswith("Invalid set-uuid: ")
    assert node.post("/task/new", headers={"set-uuid": uuid}, files={"images": ("a.jpg", b"A")}).json() == answer


def test_init_again_overwrites_what_was_said_and_keeps_the_files(node: Client) -> None:
    uuid = node.init(name="first", options='[{"name": "dsm", "value": true}]')["uuid"]
    node.upload(uuid, ("a.jpg", b"A"))
    node.init(uuid, name="second")
    node.upload(uuid, ("b.jpg", b"B"))
    node.post(f"/task/new/commit/{uuid}")
    info = node.wait(uuid, 40)
    assert (info["name"], info["options"], info["imagesCount"]) == ("second", [], 2)


def test_options_are_checked_again_at_the_commit(node: Client, tmp_path: Path) -> None:
    uuid = node.init(options='[{"name": "pc-quality", "value": "ultra"}]')["uuid"]
    node.upload(uuid, ("a.jpg", b"A"))
    session = tmp_path / "node" / "uploads" / uuid / "session.json"
    # as a node of another version, or with another operator's limits, wrote it
    written = session.read_text()
    session.write_text(written.replace('"ultra"', '"best"'))
    error = node.post(f"/task/new/commit/{uuid}").json()["error"]
    assert json.loads(error) == [{"name": "pc-quality", "error": "Invalid value best (not in enum)"}]
    session.write_text(written.replace('"pc-quality"', '"gone-since"'))
    assert node.post(f"/task/new/commit/{uuid}").json() == {"uuid": uuid}
    assert node.wait(uuid, 40)["options"] == []
    assert "options this engine does not have are ignored: gone-since" in node.output(uuid)


def test_date_and_name_are_the_clients(node: Client) -> None:
    uuid = node.submit(("a.jpg", b"A"), name="草地 <b>", dateCreated="1700000000000")
    assert node.info(uuid)["dateCreated"] == 1_700_000_000_000
    assert node.info(uuid)["name"] == "草地 <b>"
    node.wait(uuid, 40)
    for created in ("", "yesterday", "-1", "1e400", "9" * 400):
        uuid = node.submit(("a.jpg", b"A"), dateCreated=created, name="")
        assert node.info(uuid)["dateCreated"] > 1_700_000_000_000
        assert node.info(uuid)["name"].startswith("Task of 20")


def test_special_files_go_to_their_places_and_do_not_count(node: Client, tmp_path: Path) -> None:
    uuid = node.submit(
        ("a.jpg", b"A"),
        ("GEO.TXT", b"geo"),
        ("image_groups.txt", b"groups"),
        ("points.TXT", b"gcp"),
        ("second.txt", b"other points"),
        ("album.zip", archive({"b.jpg": b"B"})),
        ("seed.zip", archive({"opensfm/camera_models.json": b"{}", "images/evil.jpg": b"E"})),
    )
    assert node.wait(uuid, 40)["imagesCount"] == 1
    project = tmp_path / "node" / "tasks" / uuid / "project"
    assert images(tmp_path / "node", uuid) == {"a.jpg": b"A"}
    assert (project / "geo.txt").read_text() == "geo"
    assert (project / "image_groups.txt").read_text() == "groups"
    assert (project / "gcp_list.txt").read_text() == "gcp"
    assert (project / "opensfm" / "camera_models.json").read_text() == "{}"
    output = "\n".join(node.output(uuid))
    for said in ("second.txt is ignored", "album.zip is not unpacked", "seed.zip is"):
        assert said in output
    node.act("restart", uuid)
    node.wait(uuid, 40)
    assert (project / "gcp_list.txt").read_text() == "gcp", "a restart starts from the same inputs"


@pytest.mark.parametrize("entry", ["../evil", "/var/evil", "opensfm/../../evil", "opensfm\\..\\..\\evil"])
def test_a_seed_never_leaves_the_project(node: Client, entry: str, tmp_path: Path) -> None:
    uuid = node.submit(("a.jpg", b"A"), ("seed.zip", archive({entry: b"E"})))
    assert "leaves the task's folder" in node.wait(uuid, 30)["status"]["errorMessage"]
    assert not list(tmp_path.rglob("evil"))


def test_a_seed_that_is_no_archive_fails_the_task_in_words(node: Client) -> None:
    uuid = node.submit(("a.jpg", b"A"), ("seed.zip", b"PK nonsense"))
    assert "seed.zip can't be unpacked" in node.wait(uuid, 30)["status"]["errorMessage"]


def test_no_photo_among_the_files_fails_the_task_in_words(node: Client) -> None:
    uuid = node.submit(("geo.txt", b"geo"), ("album.zip", archive({"b.jpg": b"B"})))
    info = node.wait(uuid, 30)
    assert "No photos among the uploaded files" in info["status"]["errorMessage"]
    assert info["progress"] == 100
    assert node.act("restart", uuid) == {"success": True}, "a restart looks at the files again"
    assert "No photos" in node.wait(uuid, 30)["status"]["errorMessage"]


def test_a_body_that_is_open_when_the_task_is_committed_stays_out_of_it(node: Client, tmp_path: Path) -> None:
    uuid = node.init()["uuid"]
    node.upload(uuid, ("a.jpg", b"A"))
    body = b'--x\r\nContent-Disposition: form-data; name="images"; filename="late.jpg"\r\n\r\nLATE\r\n--x--\r\n'
    head = f"POST /task/new/upload/{uuid} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    kind = "Content-Type: multipart/form-data; boundary=x\r\nConnection: close\r\n\r\n"
    with node.connect() as wire:
        wire.sendall(f"{head}{kind}".encode() + body[:-10])
        until(lambda: list(tmp_path.rglob("*.part")))
        assert node.post(f"/task/new/commit/{uuid}").json() == {"uuid": uuid}
        node.wait(uuid, 40)
        wire.sendall(body[-10:])
        assert b"Invalid uuid (not found)" in b"".join(iter(lambda: wire.recv(1000), b""))
    assert images(tmp_path / "node", uuid) == {"a.jpg": b"A"}
    assert not list(tmp_path.rglob("*.part"))


def test_a_disk_without_links_keeps_files_all_the_same(
    node: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: Any) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    uuid = node.init()["uuid"]
    for data in (b"one", b"one", b"two!", b"two!"):
        assert node.upload(uuid, ("a.jpg", data)) == {"success": True}
    assert images(tmp_path / "node", uuid) == {"a.jpg": b"one", "a_.jpg": b"two!"}


@pytest.mark.parametrize("name", ["align.las", "Align.LAZ", "align.tif"])
def test_what_the_engine_can_not_do_is_refused_at_the_upload(node: Client, name: str) -> None:
    answer = node.upload(node.init()["uuid"], (name, b"A"))
    assert "does not support aligning" in answer["error"]
    assert answer["noRetry"] is True


@pytest.mark.parametrize("name", ["雪.jpg", "a b;c.jpg", "body.json", "[1].JPG", "x" * 230 + ".jpg"])
def test_names_are_kept_as_they_are(node: Client, tmp_path: Path, name: str) -> None:
    uuid = node.init()["uuid"]
    assert node.upload(uuid, (name, b"")) == {"success": True}, "an empty file is taken too"
    assert images(tmp_path / "node", uuid) == {name: b""}


def test_names_come_without_their_folders(node: Client, tmp_path: Path) -> None:
    uuid = node.init()["uuid"]
    node.upload(uuid, ("flight/1/a.jpg", b"1"), ("flight\\2\\a.jpg", b"2"), ("flight/3/a.jpg", b"1"))
    assert images(tmp_path / "node", uuid) == {"a.jpg": b"1", "a_.jpg": b"2"}


def test_one_call_takes_every_field(node: Client) -> None:
    uuid = str(uuid_module.uuid4())
    fields = {
        "name": "one call",
        "options": '[{"name": "dtm", "value": "true"}]',
        "outputs": '["cameras.json"]',
        "dateCreated": "1700000000000",
        "skipPostProcessing": "true",
    }
    files: list[Any] = [*[(key, (None, value)) for key, value in fields.items()], ("images", ("a.jpg", b"A"))]
    answer = node.post("/task/new", files=files, headers={"set-uuid": uuid.upper()})
    assert answer.json() == {"uuid": uuid}
    info = node.wait(uuid, 40)
    assert (info["name"], info["options"]) == ("one call", [{"name": "dtm", "value": True}])
    assert node.names(uuid) == ["cameras.json"]


def test_one_call_that_fails_leaves_nothing_and_spares_an_open_upload(node: Client, tmp_path: Path) -> None:
    uuid = node.init()["uuid"]
    node.upload(uuid, ("a.jpg", b"A"))
    photo = ("images", ("b.jpg", b"B"))
    bad = node.post("/task/new", files=[photo, ("options", (None, "["))], headers={"set-uuid": uuid}).json()
    assert bad["error"].startswith("options:")
    taken = node.post("/task/new", files=[photo], headers={"set-uuid": uuid}).json()
    assert taken["error"].startswith("Invalid set-uuid")
    assert images(tmp_path / "node", uuid) == {"a.jpg": b"A"}
    assert [path.name for path in (tmp_path / "node" / "uploads").iterdir()] == [uuid]


def test_the_second_attempt_of_one_call_does_not_suffer_from_the_first(node: Client, tmp_path: Path) -> None:
    uuid = str(uuid_module.uuid4())
    lines = f"Host: x\r\nset-uuid: {uuid}\r\nContent-Length: 5000\r\nContent-Type: multipart/form-data; boundary=x"
    part = '--x\r\nContent-Disposition: form-data; name="images"; filename="a.jpg"\r\n\r\nHALF'
    with node.connect() as wire:
        wire.sendall(f"POST /task/new HTTP/1.1\r\n{lines}\r\n\r\n{part}".encode())
        until(lambda: list(tmp_path.rglob("*.part")))
        answer = node.post("/task/new", files={"images": ("a.jpg", b"WHOLE")}, headers={"set-uuid": uuid})
        assert answer.json() == {"uuid": uuid}
    assert node.wait(uuid, 40)["imagesCount"] == 1
    until(lambda: not list((tmp_path / "node" / "uploads").iterdir()))
    assert images(tmp_path / "node", uuid) == {"a.jpg": b"WHOLE"}


def test_parallel_uploads_of_many_files_all_arrive_once(node: Client, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    uuid = node.init()["uuid"]
    photos = [(f"{index % 40}.jpg", bytes([index % 40]) * 50_000) for index in range(80)]
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda photo: node.upload(uuid, photo), photos))
    assert all(answer == {"success": True} for answer in answers)
    assert images(tmp_path / "node", uuid) == dict(photos)


def test_zipurl_is_fetched_when_the_operator_allows_it(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    content = archive(
        {"flight/a.jpg": b"A", "flight/geo.txt": b"geo", "__MACOSX/flight/a.jpg": b"m", "flight/._a.jpg": b"m"}
    )
    (tmp_path / "site" / "photos.zip").write_bytes(content)
    (tmp_path / "site" / "page.zip").write_text("<html>no archive</html>")
    (tmp_path / "site" / "evil.zip").write_bytes(archive({"align.laz": b"x"}))
    with site(tmp_path / "site") as url, serving(tmp_path / "node", policy=Policy(allow_zipurl=True)) as client:
        uuid = client.init(zipurl=f"{url}/photos.zip")["uuid"]
        assert client.post(f"/task/new/commit/{uuid}").json() == {"uuid": uuid}, "no file needs to be uploaded"
        assert client.wait(uuid, 40)["imagesCount"] == 1
        assert images(tmp_path / "node", uuid) == {"a.jpg": b"A"}
        files = {"zipurl": (None, f"{url}/photos.zip"), "name": (None, "x")}
        mixed = client.post("/task/new", files={**files, "images": ("b.jpg", b"B")}).json()["uuid"]
        alone = client.post("/task/new", files=files).json()["uuid"]
        assert client.wait(mixed, 40)["imagesCount"] == 2
        assert client.wait(alone, 40)["imagesCount"] == 1
        for address, said in {
            f"{url}/missing.zip": "answered 404",
            f"{url}/page.zip": "no archive",
            f"{url}/evil.zip": "does not support aligning",
            "http://127.0.0.1:1/a.zip": "Connection refused",
        }.items():
            uuid = client.init(zipurl=address)["uuid"]
            client.post(f"/task/new/commit/{uuid}")
            assert said in client.wait(uuid, 30)["status"]["errorMessage"], address
        for address in ("file:///etc/passwd", "ftp://x/a.zip", "http:///x", "x"):
            assert "no http or https address" in client.init(zipurl=address)["error"]
        assert "webhook is not allowed" in client.init(webhook=url)["error"]
        assert not list(tmp_path.rglob("zipurl*"))


def test_too_many_files_of_an_archive_are_too_many_too(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "photos.zip").write_bytes(archive({"a.jpg": b"A", "b.jpg": b"B"}))
    policy = Policy(allow_zipurl=True, max_images=1)
    with site(tmp_path / "site") as url, serving(tmp_path / "node", policy=policy) as client:
        uuid = client.init(zipurl=f"{url}/photos.zip")["uuid"]
        client.post(f"/task/new/commit/{uuid}")
        message = client.wait(uuid, 30)["status"]["errorMessage"]
    assert message == "2 images uploaded, but this node can only process up to 1."


@pytest.mark.parametrize(
    "value", ["9" * 5000, "-1e999", 10**400, [1], {"a": 1}, None, "x" * 10_000, "٣"], ids=lambda v: str(v)[:9]
)
def test_no_value_of_an_option_breaks_the_node(node: Client, value: Any) -> None:
    for name in ("max-concurrency", "dem-resolution", "dsm", "pc-quality"):
        answer = node.init(options=json.dumps([{"name": name, "value": value}]))
        assert [row["name"] for row in json.loads(answer["error"])] == [name]
    for text in ("[" * 100_000, '[{"name": "dsm", "value": NaN}]', "\x00", '"'):
        assert node.init(options=text)["error"].startswith("options:")
    assert requests.get(node.url + "/info", timeout=20).status_code == 200
