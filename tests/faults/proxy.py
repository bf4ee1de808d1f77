"""A proxy between client and node, over real sockets, that breaks what a test tells it to break."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

_CHUNK = 1 << 14
_HTML = b"<!DOCTYPE html><html><body>Please log in</body></html>"


@dataclass
class Rule:
    """For the next calls that match: what goes wrong, and after how many bytes of the body."""

    pattern: str
    fault: str
    times: int = 1
    at: int = 0


@dataclass
class Call:
    """One request that came by."""

    method: str
    path: str
    range: str = ""
    file: str = ""
    fault: str = ""
    answered: bool = False
    """The whole answer went to the client."""


@dataclass
class Proxy:
    """Every connection carries one call: both sides are told to close after it.

    Faults: ``502``, ``html``; ``cut-body`` and ``stall-body`` (of the request); ``stall``; ``lose-answer``;
    ``cut-answer``, ``stall-answer``, ``trickle-answer``; ``no-length`` and ``cut-no-length`` (Content-Length dropped).
    """

    target: int
    rules: list[Rule] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.held = threading.Event()
        """A stalled call has reached its point."""
        self._released = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def break_next(self, pattern: str, fault: str, times: int = 1, at: int = 0) -> None:
        """Arm a fault for the calls whose ``METHOD /path`` matches."""
        self.rules.append(Rule(pattern, fault, times, at))

    def uploads(self, *, answered: bool) -> list[str]:
        """Names of the files whose upload was, or was not, confirmed to the client."""
        return [call.file for call in self.calls if "/upload/" in call.path and call.answered is answered]

    def serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._handle, args=(client,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        self._released.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _handle(self, client: socket.socket) -> None:
        with client:
            client.settimeout(60)
            with suppress(OSError):
                self._pass_on(client)

    def _pass_on(self, client: socket.socket) -> None:
        head, body = _head(client)
        if not head:
            return
        method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
        call = Call(method, path.split("?", 1)[0], _header(head, "range"))
        length = int(_header(head, "content-length") or 0)
        if "/upload/" in path:
            while b"\r\n\r\n" not in body and len(body) < length:
                body += client.recv(_CHUNK)
            name = re.search(rb'filename="([^"]*)"', body)
            call.file = name[1].decode() if name else ""
        rule = self._rule(f"{method} {call.path} {call.file}")
        call.fault = rule.fault if rule else ""
        self.calls.append(call)
        if rule and rule.fault in ("502", "html"):
            status = b"502 Bad Gateway" if rule.fault == "502" else b"200 OK"
            heading = b"HTTP/1.1 %s\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
            # as gateways do, without reading the body first
            client.sendall(heading % (status, len(_HTML)) + _HTML)
            _drain(client)
            return
        with socket.create_connection(("127.0.0.1", self.target), 10) as node:
            node.settimeout(60)
            node.sendall(_closing(head))
            self._carry_body(client, node, body, length, rule)
            call.answered = self._carry_answer(client, node, rule)

    def _rule(self, words: str) -> Rule | None:
        with self._lock:
            for rule in self.rules:
                if rule.times > 0 and re.search(rule.pattern, words):
                    rule.times -= 1
                    return rule
        return None

    def _carry_body(
        self, client: socket.socket, node: socket.socket, body: bytes, length: int, rule: Rule | None
    ) -> None:
        end = min(rule.at, length) if rule and rule.fault in ("cut-body", "stall-body") else length
        passed = 0
        while True:
            piece = body[: end - passed]
            node.sendall(piece)
            passed += len(piece)
            if passed >= end:
                break
            body = client.recv(_CHUNK)
            if not body:
                raise ConnectionError("the client went away")
        if rule and rule.fault == "cut-body":
            _reset(client)
            raise ConnectionError("cut on purpose")
        if rule and rule.fault in ("stall-body", "stall"):
            self._hold()

    def _carry_answer(self, client: socket.socket, node: socket.socket, rule: Rule | None) -> bool:
        head, body = _head(node)
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        fault, passed = rule.fault if rule else "", 0
        if fault == "lose-answer":
            _drain(node)
            _reset(client)
            return False
        if fault.endswith("no-length"):
            head = re.sub(rb"(?i)\r\ncontent-length:[^\r]*", b"", head)
        client.sendall(head)
        left = rule.at if rule and fault in ("cut-answer", "stall-answer", "cut-no-length") else -1
        if fault == "trickle-answer":
            self._trickle(client)
            return False
        while True:
            piece = body if left < 0 else body[:left]
            client.sendall(piece)
            passed += len(piece)
            left -= len(piece) if left > 0 else 0
            if left == 0:
                if fault == "stall-answer":
                    self._hold()
                return False
            body = node.recv(_CHUNK)
            if not body:
                break
        # a node killed in mid-answer closes the line as one that has said all does
        return bool(head) and (length is None or passed >= int(length[1]))

    def _trickle(self, client: socket.socket) -> None:
        """Send a byte now and then, for ever: no silence is ever long."""
        while not self._released.wait(0.05):
            client.sendall(b" ")

    def _hold(self) -> None:
        self.held.set()
        self._released.wait(60)
        raise ConnectionError("held on purpose")

    def let_go(self) -> None:
        """End every stalled call; later ones stall anew."""
        self._released.set()
        self.rules.clear()
        for thread in list(self._threads):
            thread.join(10)
        self._released = threading.Event()
        self.held = threading.Event()


@contextmanager
def proxied(target: int) -> Iterator[Proxy]:
    """A proxy before a port of this machine."""
    proxy = Proxy(target)
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join(10)


def until(condition: Callable[[], Any], timeout_s: float = 60) -> Any:
    """First true value of a condition."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError("the condition did not become true in time")


def _head(source: socket.socket) -> tuple[bytes, bytes]:
    """Head of a message with its empty line, and what came of the body with it."""
    got = b""
    while b"\r\n\r\n" not in got:
        piece = source.recv(_CHUNK)
        if not piece:
            return b"", b""
        got += piece
    head, body = got.split(b"\r\n\r\n", 1)
    return head + b"\r\n\r\n", body


def _header(head: bytes, name: str) -> str:
    found = re.search(rf"(?im)^{name}:\s*([^\r]*)", head.decode("latin-1"))
    return found[1] if found else ""


def _closing(head: bytes) -> bytes:
    head = re.sub(rb"(?i)\r\nconnection:[^\r]*", b"", head)
    return head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)


def _drain(source: socket.socket) -> None:
    source.settimeout(1)
    with suppress(OSError):
        while source.recv(_CHUNK):
            pass


def _reset(client: socket.socket) -> None:
    """Close with RST, as a router does that forgot the connection."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
