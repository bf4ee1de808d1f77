"""`uav node` as its operator meets it."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from node_harness import Client, images, until

from uav_workflow.node.lock import LOCK_FILE, NodeLock, read_lock

COMMAND = [sys.executable, "-m", "uav_workflow.cli.main", "node"]


@contextmanager
def command(data_dir: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], NodeLock]]:
    """The command, once it serves."""
    line = [*COMMAND, "--port", "0", "--data-dir", str(data_dir), *arguments]
    environment = {**os.environ, "UAV_NODE_TOKEN": "s3cret"}
    process = subprocess.Popen(line, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        yield process, until(lambda: read_lock(data_dir), 60)
    finally:
        process.kill()
        process.communicate()


def refusal(*arguments: str) -> tuple[int, str]:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.returncode, " ".join(done.stderr.split())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_until_it_is_told_to_stop(tmp_path: Path, number: signal.Signals) -> None:
    data_dir = tmp_path / "node"
    with command(data_dir, "--max-images", "1") as (process, lock):
        assert (lock.pid, lock.host) == (process.pid, "127.0.0.1")
        assert stat.S_IMODE((data_dir / LOCK_FILE).stat().st_mode) == 0o600, "it holds the token"
        assert "error" in Client(lock.url).get("/info").json()
        client = Client(lock.url, "s3cret")
        assert client.get("/info").json()["maxImages"] == 1
        uuid = client.submit(("a.jpg", b"A"), ("b.jpg", b"B"), name="meadow\n2026-01-01 forged line")
        client.wait(uuid, 30)
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 0
    assert lock.url in said
    assert "s3cret" not in said
    assert read_lock(data_dir) is None
    lines = [line.partition("  ")[2] for line in said.splitlines() if uuid in line]
    assert lines == [
        rf"{uuid} 'meadow\n2026-01-01 forged line': 2 files taken",
        rf"{uuid} 'meadow\n2026-01-01 forged line': failed: 2 images uploaded, but this node can only process up to 1.",
    ], "one line a step, whatever a client calls its task"


def test_told_to_stop_in_the_middle_of_an_upload_it_keeps_nothing_half_and_no_trace(tmp_path: Path) -> None:
    with command(tmp_path) as (process, lock):
        client = Client(lock.url, "s3cret")
        uuid = client.init()["uuid"]
        client.upload(uuid, ("a.jpg", b"A"))
        with client.connect() as wire:
            wire.sendall(
                f"POST /task/new/upload/{uuid}?token=s3cret HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n"
                "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
                'Content-Disposition: form-data; name="images"; filename="b.jpg"\r\n\r\nHALF'.encode()
            )
            until(lambda: list(tmp_path.rglob("*.part")))
            process.terminate()
            _, said = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in said
    assert images(tmp_path, uuid) == {"a.jpg": b"A"}
    assert not list(tmp_path.rglob("*.part"))


def test_what_keeps_it_from_starting_is_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, said = refusal("--port", str(port), "--data-dir", str(tmp_path / "a"))
        assert (status, said) == (
            3, f"uav: can't listen at 127.0.0.1:{port} (Address already in use); choose another --port, or 0",
        )  # fmt: skip
    (tmp_path / "file").touch()
    status, said = refusal("--port", "0", "--data-dir", str(tmp_path / "file"))
    assert status == 3
    assert "can't hold the node's data" in said
    status, said = refusal("--port", "0", "--host", "no.such.host.invalid", "--data-dir", str(tmp_path / "b"))
    assert status == 3
    assert "no address to listen at" in said
    with command(tmp_path / "node") as (process, lock):
        status, said = refusal("--port", "0", "--data-dir", str(tmp_path / "node"))
        assert status == 3
        assert f"is served by the node with pid {process.pid} at {lock.url}; use that one" in said
        assert read_lock(tmp_path / "node") == lock, "the one that lives is not disturbed"


def test_help_names_every_limit() -> None:
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    told = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, timeout=60, check=True, env=environment)
    for option in (
        "--host", "--port", "--data-dir", "--token", "--max-images", "--parallel", "--max-concurrency", "--max-runtime",
        "--cleanup-tasks-after", "--cleanup-uploads-after", "--allow-zipurl", "--allow-webhook", "--webhook",
        "--authorized-ip", "--exit-when-idle",
    ):  # fmt: skip
        assert option in told.stdout, option
    assert "UAV_NODE_TOKEN" in told.stdout


def test_a_node_open_to_the_network_without_a_token_says_so(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "UAV_NODE_TOKEN"}
    line = [*COMMAND, "--host", "0.0.0.0", "--port", "0", "--data-dir", str(tmp_path), "--exit-when-idle", "1"]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert "no token guards it" in done.stderr
