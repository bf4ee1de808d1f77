"""A small NodeODM whose faults are switched on by a test."""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from odm_files import archive

from uav_workflow.photogrammetry.address import NodeAddress

QUALITY = ["ultra", "high", "medium", "low", "lowest"]
OPTIONS = (
    ("dsm", "bool", "false", ""),
    ("dtm", "bool", "false", ""),
    ("skip-orthophoto", "bool", "false", ""),
    ("orthophoto-resolution", "float", "5", "float > 0.0"),
    ("dem-resolution", "float", "5", "float > 0.0"),
    ("pc-quality", "enum", "medium", QUALITY),
    ("feature-quality", "enum", "high", QUALITY),
    ("max-concurrency", "int", "8", "positive integer"),
    ("split", "int", "999999", "positive integer"),
    ("mesh-octree-depth", "int", "11", "integer: 1 <= x <= 14"),
    ("matcher-neighbors", "int", "0", "positive integer"),
    ("boundary", "string", "", "json"),
)


@dataclass
class FakeTask:
    name: str
    options: list[dict[str, object]]
    files: list[tuple[str, bytes]] = field(default_factory=list)
    polls: int = 0
    committed: bool = False


class FakeNode(ThreadingHTTPServer):
    """State of the node; `fault(path pattern, times, kind)` arms a fault for the next calls that match."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lock = threading.Lock()
        self.tasks: dict[str, FakeTask] = {}
        self.calls: Counter[str] = Counter()
        self.seen: list[str] = []
        self.ranges: list[str | None] = []
        self.faults: list[list[object]] = []
        self.statuses = [20, 20, 40]
        self.progress = [0, 50, 100]
        self.error_message = ""
        self.output = ["one", "two"]
        self.zip = archive({"odm_report/shots.geojson": b"{}", "big.bin": bytes(range(256)) * 2000})
        self.token = ""
        self.ranges_offered = False
        self.keeps_one_copy = False
        self.options = [
            {"name": name, "type": kind, "value": value, "domain": domain, "help": ""}
            for name, kind, value, domain in OPTIONS
        ]
        self.max_images: int | None = None
        self.version = "2.2.4"
        self.prefix = ""
        """Path in front of the API, as a proxy gives it."""
        self.cluster = False
        """Speaks as a ClusterODM in front of nodes does."""
        self.released = threading.Event()

    @property
    def address(self) -> NodeAddress:
        scheme = "https" if isinstance(self.socket, ssl.SSLSocket) else "http"
        return NodeAddress.parse(f"{scheme}://127.0.0.1:{self.server_address[1]}{self.prefix}", self.token)

    def fault(self, pattern: str, times: int, kind: str) -> None:
        self.faults.append([re.compile(pattern), times, kind])

    def armed(self, path: str) -> str:
        with self.lock:
            for row in self.faults:
                if row[0].search(path) and row[1] > 0:  # type: ignore[attr-defined,operator]
                    row[1] -= 1  # type: ignore[operator]
                    return str(row[2])
        return ""

    def info(self, uuid: str) -> dict[str, object]:
        task = self.tasks[uuid]
        step = min(task.polls, len(self.statuses) - 1)
        task.polls += 1
        status: dict[str, object] = {"code": self.statuses[step]}
        if self.statuses[step] == 30 and self.error_message:
            status["errorMessage"] = self.error_message
        return {
            "uuid": uuid,
            "name": task.name,
            "dateCreated": 1700000000000,
            "processingTime": 1,
            "status": status,
            "options": task.options,
            "imagesCount": sum(not name.endswith(".txt") for name, _ in task.files),
            "progress": self.progress[min(step, len(self.progress) - 1)],
            "output": self.output[-1:],
        }


class _Handler(BaseHTTPRequestHandler):
    server: FakeNode
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        kind = self.server.armed(f"early {self.path}")
        if kind == "drop":
            self.close_connection = True
            self.connection.close()
            return
        self._serve(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def _serve(self, body: bytes) -> None:
        node = self.server
        if not self.path.startswith(node.prefix):
            self._send(404, b"<html>no such page</html>", "text/html")
            return
        parts = urlsplit(self.path.removeprefix(node.prefix))
        with node.lock:
            node.calls[parts.path.split("/task/")[-1] if "/new/" in parts.path else parts.path] += 1
            node.seen.append(self.path)
        if node.token and parse_qs(parts.query).get("token") != [node.token]:
            if node.cluster:
                self._send(401, b"", "text/plain")
                return
            self._json({"error": "Invalid authentication token: token does not match."})
            return
        kind = node.armed(parts.path)
        if not self._answer_fault(kind, parts.path, body):
            self._route(parts.path, body, self._send, cut=kind)

    def _answer_fault(self, kind: str, path: str, body: bytes) -> bool:
        """Do what an armed fault asks for; False when the call is to be served."""
        name, _, text = kind.partition(":")
        if name == "502":
            self._send(502, b"<html>bad gateway</html>", "text/html")
        elif name == "html":
            self._send(200, b"<html>log in</html>", "text/html")
        elif name == "status":
            self._send(int(text), b'{"message": "no"}', "application/json")
        elif name == "json":
            self._send(200, text.encode(), "application/json")
        elif name == "error":
            self._json({"error": text})
        elif name in ("stall", "drop", "after"):
            if name == "stall":
                self.server.released.wait(20)
            if name == "after":  # the work is done, the answer is lost
                self._route(path, body, lambda *_: None)
            self.close_connection = True
            self.connection.close()
        else:
            return False
        return True

    def _route(self, path: str, body: bytes, send: Callable[..., None], cut: str = "") -> None:  # noqa: C901
        node = self.server
        reply = lambda document: send(200, json.dumps(document).encode(), "application/json")  # noqa: E731
        uuid = path.rsplit("/", maxsplit=1)[-1]
        if path == "/info":
            document = {"version": node.version, "maxImages": node.max_images, "engine": "odm"}
            if node.cluster:
                reply(document | {"version": "1.5.3", "totalMemory": 99999999999, "cpuCores": 99999999999})
                return
            reply(document | {"engineVersion": "uav-workflow 0.1.0" if node.keeps_one_copy else "3.6.0"})
        elif path == "/options":
            reply(node.options)
        elif path == "/task/new/init":
            uuid = self.headers["set-uuid"]
            fields = _fields(body)
            old = node.tasks.get(uuid)
            files = old.files if old else []
            node.tasks[uuid] = FakeTask(fields["name"][0][1].decode(), json.loads(fields["options"][0][1]), files)
            reply({"uuid": uuid})
        elif path.startswith("/task/new/upload/"):
            if uuid not in node.tasks or node.tasks[uuid].committed:
                reply({"error": "Invalid uuid (not found)"})
                return
            with node.lock:
                for name, content in _fields(body)["images"]:
                    if not (node.keeps_one_copy and (name, content) in node.tasks[uuid].files):
                        node.tasks[uuid].files.append((name, content))
            reply({"success": True})
        elif path.startswith("/task/new/commit/"):
            if uuid not in node.tasks or node.tasks[uuid].committed:
                reply({"error": "Invalid uuid (not found)"})
                return
            node.tasks[uuid].committed = True
            reply({"uuid": uuid})
        elif path == "/task/remove":
            node.tasks.pop(parse_qs(body.decode())["uuid"][0], None)
            reply({"success": True})
        else:
            self._task_route(path, reply, cut)

    def _task_route(self, path: str, reply: Callable[[object], None], cut: str) -> None:
        node = self.server
        uuid = path.split("/")[2]
        if uuid not in node.tasks or not node.tasks[uuid].committed:
            route = f"Invalid route for taskId {uuid}:{path.rsplit('/', maxsplit=1)[-1]}, no valid route possible."
            reply({"error": route if node.cluster else f"{uuid} not found"})
        elif path.endswith("/info"):
            reply(node.info(uuid))
        elif path.endswith("/output"):
            reply(node.output)
        else:
            self._download(cut)

    def _download(self, cut: str) -> None:
        node = self.server
        wanted = self.headers.get("Range")
        node.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and node.ranges_offered else 0
        content = node.zip[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", "application/zip")
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(node.zip) - 1}/{len(node.zip)}")
        if node.ranges_offered:
            self.send_header("ETag", '"one"')
        if cut != "cut-silently":
            self.send_header("Content-Length", str(len(content)))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        if cut == "garbled":
            content = content[: len(content) // 2] + b"\x00\xff" + content[len(content) // 2 + 2 :]
        self.wfile.write(content[: len(content) // 2] if cut.startswith("cut") else content)
        self.wfile.flush()
        self.close_connection = bool(cut)

    def _json(self, document: object) -> None:
        self._send(200, json.dumps(document).encode(), "application/json; charset=utf-8")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _fields(body: bytes) -> dict[str, list[tuple[str, bytes]]]:
    """Parts of a multipart body: field name to (file name, content)."""
    boundary = body.split(b"\r\n", 1)[0]
    fields: dict[str, list[tuple[str, bytes]]] = {}
    for part in body.split(boundary)[1:-1]:
        head, content = part[2:-2].split(b"\r\n\r\n", 1)
        name = re.search(rb'name="([^"]*)"', head)
        file = re.search(rb'filename="([^"]*)"', head)
        assert name
        fields.setdefault(name[1].decode(), []).append((file[1].decode() if file else "", content))
    return fields
