"""Answers that are none, faults that no patience helps against, secrets that stay."""

from __future__ import annotations

import logging
import socket
import ssl
import subprocess
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from orders import TASK, Order
from pyodm.exceptions import NodeConnectionError, NodeServerError

from uav_workflow.errors import NodeError
from uav_workflow.photogrammetry.address import NodeAddress
from uav_workflow.photogrammetry.connection import Connection, HttpFault
from uav_workflow.photogrammetry.failure import is_passing, refusal
from uav_workflow.photogrammetry.ledger import Ledger
from uav_workflow.photogrammetry.patience import Clock, Patience
from uav_workflow.photogrammetry.upload import Upload


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("status:403", "refuses this caller"),
        ("status:401", "check UAV_NODE_TOKEN"),
        ("status:400", "check scheme, host, port and path"),
        ("status:301", "it redirects to elsewhere; give that address"),
        ("status:413", "limits the size of a request"),
    ],
)
def test_permanent_answers_are_believed_at_once(order: Order, fake_node: Any, fault: str, words: str) -> None:
    fake_node.fault("^/info", 1000, fault)
    with pytest.raises(NodeError, match=words):
        order.run()
    assert fake_node.calls["/info"] == 1


@pytest.mark.parametrize("fault", ["status:404", "status:429", "status:500", "status:503", "json:null", "json:{"])
def test_passing_answers_are_asked_again(order: Order, fake_node: Any, fault: str) -> None:
    for pattern in ("^/options", "init", "^/task/.*/info"):
        fake_node.fault(pattern, 1, fault)
    order.run()
    assert order.record["attempt"] == 1


@pytest.mark.parametrize("status", [400, 401, 403, 405, 413, 501, 301])
def test_statuses_that_mean_it(status: int) -> None:
    assert not is_passing(HttpFault(status))


def test_an_answer_of_another_kind_is_a_fault(fake_node: Any) -> None:
    node = Connection(fake_node.address)
    for text in ("null", "5", '"x"'):
        fake_node.fault("^/info", 1, f"json:{text}")
        with pytest.raises(NodeServerError, match="nothing a node says"):
            node.get("/info")
    fake_node.fault("^/info", 1, "html")
    with pytest.raises(NodeServerError, match="text/html, not JSON"):
        node.get("/info")


class _Silent(BaseHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()


def test_https_to_a_node_that_speaks_http_is_permanent(order: Order, fake_node: Any) -> None:
    address = replace(fake_node.address, scheme="https")
    with pytest.raises(NodeError, match="the scheme the node speaks"):
        order.run(address=address)
    assert not fake_node.calls


def test_a_redirect_never_carries_the_token_elsewhere(fake_node: Any) -> None:
    seen: list[str] = []

    class Elsewhere(_Silent):
        def do_GET(self) -> None:
            seen.append(self.path)
            super().do_GET()

    class Redirecting(_Silent):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{other.server_port}{self.path}")
            self.end_headers()

    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as other,
        ThreadingHTTPServer(("127.0.0.1", 0), Redirecting) as node,
    ):
        threads = [threading.Thread(target=server.serve_forever, args=(0.01,)) for server in (other, node)]
        for thread in threads:
            thread.start()
        try:
            with pytest.raises(HttpFault, match="redirects to http://127.0.0.1") as caught:
                Connection(NodeAddress.parse(f"http://127.0.0.1:{node.server_port}", "s3cret")).get("/info")
        finally:
            for server in (other, node):
                server.shutdown()
            for thread in threads:
                thread.join()
    assert not seen
    assert "s3cret" not in str(caught.value)


def test_no_log_carries_the_token(order: Order, fake_node: Any, caplog: pytest.LogCaptureFixture) -> None:
    fake_node.token = "s3cret-word"
    with caplog.at_level(logging.DEBUG):
        order.run()
    assert "token=***" in caplog.text
    assert "s3cret-word" not in caplog.text
    assert not [path for path in order.work.rglob("*") if path.is_file() and b"s3cret-word" in path.read_bytes()]
    assert "s3cret-word" not in repr(order.progress)


def test_a_node_found_again_elsewhere_is_followed(order: Order, fake_node: Any) -> None:
    gone = NodeAddress.parse("http://127.0.0.1:1")
    order.run(address=gone, find_node=lambda: fake_node.address)
    assert order.record["state"] == "unpacked"


def test_a_node_that_is_started_again_is_waited_for_without_counting(
    order: Order, fake_node: Any, fast: Patience
) -> None:
    """No retry is left, yet a refused connection is no failure of the upload: the node comes back elsewhere."""
    gone = NodeAddress.parse("http://127.0.0.1:1")
    answers = iter([gone] * 5)
    node = Connection(gone, fast, lambda: next(answers, fake_node.address))
    patience = replace(fast, retries=0)
    ledger = Ledger.open(order.work, task=TASK, node="node", name="flight")
    upload = Upload(node, ledger, patience, Clock(patience), order.progress.append, keeps_one_copy=False)
    upload.begin("flight", {}, ())
    node.address, answers = gone, iter([gone] * 5)
    upload.send(order.files)
    node.address, answers = gone, iter([gone] * 5)
    upload.commit()
    assert fake_node.tasks[TASK].committed
    assert len(fake_node.tasks[TASK].files) == len(order.files)


def test_a_node_that_stays_away_ends_the_wait(order: Order, fast: Patience) -> None:
    patience = replace(fast, retries=0, still_s=0.1)
    ledger = Ledger.open(order.work, task=TASK, node="node", name="flight")
    node = Connection(NodeAddress.parse("http://127.0.0.1:1"), patience)
    upload = Upload(node, ledger, patience, Clock(patience), order.progress.append, keeps_one_copy=False)
    with pytest.raises(NodeError, match="no byte moved for"):
        upload.send(order.files)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Certificate and key of a site's own authority."""
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "cert.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=node"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(files[0]), "-keyout", str(files[1])]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    return files


def test_tls_on_any_port_behind_a_path_with_a_token(
    order: Order, fake_node: Any, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    fake_node.socket = context.wrap_socket(fake_node.socket, server_side=True)
    fake_node.prefix, fake_node.token = "/nodes/odm", "s3cret&word"
    with pytest.raises(NodeError, match="certificate verify failed.* set REQUESTS_CA_BUNDLE") as caught:
        order.run()
    assert "s3cret" not in str(caught.value)
    assert not fake_node.seen
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    order.run()
    assert all("token=s3cret%26word" in path for path in fake_node.seen)
    assert (order.work / "assets/big.bin").stat().st_size == 512_000


def test_a_proxy_of_the_site_is_not_asked_for_loopback(
    order: Order, fake_node: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    order.run()
    with pytest.raises(NodeConnectionError, match=r"127\.0\.0\.1.*port=1\D"):
        Connection(NodeAddress.parse("http://node.example")).get("/info")


def test_a_wrong_path_is_about_the_address(order: Order, fake_node: Any) -> None:
    address = fake_node.address
    fake_node.prefix = "/odm"
    with pytest.raises(NodeError, match="404 .* check scheme, host, port and path"):
        order.run(address=address)


def test_a_certificate_of_nobody_is_permanent() -> None:
    text = str(ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"))
    assert not is_passing(NodeConnectionError(text))
    assert is_passing(NodeConnectionError("Connection refused"))


def test_nobody_at_the_address_is_said_without_the_library_s_words() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(requests.exceptions.ConnectionError) as caught:
        requests.get(f"http://127.0.0.1:{port}/info", timeout=5)
    said = str(refusal(NodeConnectionError(str(caught.value)), "asking for the task", f"http://127.0.0.1:{port}"))
    assert said.startswith(f"http://127.0.0.1:{port}: asking for the task failed: connection refused; check that")


def test_an_unknown_name_is_said_by_name() -> None:
    text = (
        "HTTPConnectionPool(host='nowhere', port=3000): Max retries exceeded with url: /info (Caused by "
        "NameResolutionError(\"HTTPConnection(host='nowhere', port=3000): Failed to resolve 'nowhere' "
        '([Errno -2] Name or service not known)"))'
    )
    said = str(refusal(NodeConnectionError(text), "uploading", "http://nowhere:3000"))
    assert "the name nowhere is not known here (name or service not known); check that the node runs" in said
