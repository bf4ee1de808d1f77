"""NodeODM's routes over the queue and the upload sessions."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.metadata import version
from urllib.parse import parse_qsl

import psutil
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from uav_workflow.engine.options import OPTIONS
from uav_workflow.node.answers import answer, cut_off, disk_failed, not_found, refused
from uav_workflow.node.asset import asset_response
from uav_workflow.node.book import TaskBook
from uav_workflow.node.json_input import read_json
from uav_workflow.node.multipart import TEXT_LIMIT, Form, arriving, read_form
from uav_workflow.node.policy import Policy
from uav_workflow.node.queue import TaskQueue
from uav_workflow.node.refusal import Refusal
from uav_workflow.node.session import Session, granted_options, ignored_options, task_uuid
from uav_workflow.node.swagger import describe
from uav_workflow.node.task import Status, Task
from uav_workflow.node.uploads import Uploads

API_VERSION = "2.2.4"
"""Version of NodeODM's API that is spoken; clients need exactly three integers."""

_NUMBER = re.compile(r"\s*([+-]?\d{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class NodeApi:
    """Handlers of the routes; each gives NodeODM's answer or raises `Refusal`."""

    book: TaskBook
    uploads: Uploads
    queue: TaskQueue
    policy: Policy

    def app(self) -> Starlette:
        """The application with all routes."""
        routes = [
            Route("/", self.home, methods=["GET"]),
            Route("/swagger.json", self.swagger, methods=["GET"]),
            Route("/auth/info", self.auth_info, methods=["GET"]),
            Route("/auth/login", self.auth_unavailable, methods=["POST"]),
            Route("/auth/register", self.auth_unavailable, methods=["POST"]),
            Route("/info", self.info, methods=["GET"]),
            Route("/options", self.options, methods=["GET"]),
            Route("/task/list", self.task_list, methods=["GET"]),
            Route("/task/new", self.new, methods=["POST"]),
            Route("/task/new/init", self.init, methods=["POST"]),
            Route("/task/new/upload/{uuid}", self.upload, methods=["POST"]),
            Route("/task/new/commit/{uuid}", self.commit, methods=["POST"]),
            Route("/task/cancel", self.cancel, methods=["POST"]),
            Route("/task/remove", self.remove, methods=["POST"]),
            Route("/task/restart", self.restart, methods=["POST"]),
            Route("/task/{uuid}/info", self.task_info, methods=["GET"]),
            Route("/task/{uuid}/output", self.task_output, methods=["GET"]),
            Route("/task/{uuid}/download/{asset}", self.download, methods=["GET"]),
        ]
        handlers = {404: not_found, 405: not_found, Refusal: refused, OSError: disk_failed, ClientDisconnect: cut_off}
        return Starlette(routes=routes, exception_handlers=handlers)

    async def home(self, request: Request) -> Response:
        """Page for a person; tells nothing about tasks, because it needs no token."""
        return HTMLResponse(
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>uav node</title></head><body>'
            f"<h1>uav node</h1><p>uav-workflow {version('uav-workflow')}, speaking NodeODM's API {API_VERSION}. "
            'Description: <a href="swagger.json">swagger.json</a></p></body></html>'
        )

    async def swagger(self, request: Request) -> Response:
        """Machine-readable list of the routes."""
        return answer(describe(request.app.routes, API_VERSION))

    async def auth_info(self, request: Request) -> Response:
        """Where to get a token: from the operator."""
        message = "Ask the operator of this node for its token and pass it as ?token=…"
        return answer({"message": message, "loginUrl": None, "registerUrl": None})

    async def auth_unavailable(self, request: Request) -> Response:
        """There are no accounts."""
        return answer({"error": "Not available"})

    async def info(self, request: Request) -> Response:
        """What the node is and how busy it is."""
        memory = psutil.virtual_memory()
        return answer(
            {
                "version": API_VERSION,
                "taskQueueCount": self.book.active_count,
                "totalMemory": memory.total,
                "availableMemory": memory.available,
                "cpuCores": psutil.cpu_count() or 1,
                "maxImages": self.policy.max_images,
                "maxParallelTasks": self.policy.parallel,
                "engineVersion": f"uav-workflow {version('uav-workflow')}",
                "engine": "odm",
            }
        )

    async def options(self, request: Request) -> Response:
        """Options the engine honours."""
        return answer([spec.to_json() for spec in OPTIONS])

    async def task_list(self, request: Request) -> Response:
        """Ids of all tasks."""
        return answer([{"uuid": uuid} for uuid in self.book.uuids()])

    async def init(self, request: Request) -> Response:
        """Open an upload session."""
        form = await read_form(request.headers.get("content-type", ""), request.stream(), None)
        uuid = self._new_uuid(request)
        self.uploads.open(Session.from_fields(uuid, form.fields, self.policy))
        return answer({"uuid": uuid})

    async def upload(self, request: Request) -> Response:
        """Take photos and text files into a session."""
        uuid = request.path_params["uuid"].lower()
        self.uploads.session(uuid)
        form = await self._receive(request, uuid)
        if not form.files:
            raise Refusal("Need at least 1 file.", no_retry=True)
        return answer({"success": True})

    async def commit(self, request: Request) -> Response:
        """Make a task of a session."""
        uuid = request.path_params["uuid"].lower()
        self._commit(uuid)
        return answer({"uuid": uuid})

    async def new(self, request: Request) -> Response:
        """Session, upload and commit in one call."""
        uuid = self._new_uuid(request)
        # received under an id of its own: a first attempt that is cut must not take the second one's files with it
        draft = task_uuid(None)
        self.uploads.open_draft(draft)
        try:
            form = await self._receive(request, draft)
            session = Session.from_fields(uuid, form.fields, self.policy)
            count, limit = self.uploads.count(draft), self.policy.max_images
            if count == 0 and not session.zipurl:
                raise Refusal("Need at least 1 file or a zip file url.", no_retry=True)
            if limit is not None and count > limit:
                raise Refusal(f"{count} images uploaded, but this node can only process up to {limit}.")
            self._new_uuid(request)  # another attempt may have been faster
            self.uploads.adopt(draft, session)
        finally:
            await asyncio.to_thread(self.uploads.close, draft)
        self._commit(uuid)
        return answer({"uuid": uuid})

    async def task_info(self, request: Request) -> Response:
        """State of a task, with its output from a line on when asked for."""
        task = self.book.task(self._uuid(request))
        document = task.info()
        wanted = request.query_params.get("with_output")
        if wanted is not None:
            document["output"] = list(await self._output(task, wanted))
        return answer(document)

    async def task_output(self, request: Request) -> Response:
        """Console output from a line on; a negative number counts from the end."""
        task = self.book.task(self._uuid(request))
        return answer(list(await self._output(task, request.query_params.get("line", ""))))

    async def download(self, request: Request) -> Response:
        """all.zip, with ETag and ranges, so that a cut download goes on where it stopped."""
        task = self.book.task(self._uuid(request))
        if request.path_params["asset"] != "all.zip":
            raise Refusal("Invalid asset")
        path = self.book.files.archive(task.uuid)
        if task.status is not Status.COMPLETED or not path.is_file():
            raise Refusal("Asset not ready")
        return asset_response(path, request.scope)

    async def cancel(self, request: Request) -> Response:
        """End a task that waits or runs."""
        return await _act(await _action_fields(request), self.queue.cancel)

    async def remove(self, request: Request) -> Response:
        """End a task and delete everything of it."""
        return await _act(await _action_fields(request), self.queue.remove)

    async def restart(self, request: Request) -> Response:
        """Process a finished task again."""
        fields = await _action_fields(request)
        text = fields.get("options")
        options = granted_options(text, self.policy) if text else None
        ignored = ignored_options(text)
        return await _act(fields, lambda uuid: self.queue.restart(uuid, options, ignored))

    def _new_uuid(self, request: Request) -> str:
        wanted = request.headers.get("set-uuid")
        uuid = task_uuid(wanted)
        # also where a task lies whose state could not be read
        if uuid in self.book or (self.book.files.tasks / uuid).exists():
            raise Refusal(f"Invalid set-uuid: {wanted} is a task already", no_retry=True)
        return uuid

    async def _receive(self, request: Request, uuid: str) -> Form:
        """Store the files of a body."""
        try:
            form = await read_form(request.headers.get("content-type", ""), request.stream(), self.uploads.parts(uuid))
            await asyncio.to_thread(self.uploads.keep, uuid, form)
        except ClientDisconnect:
            raise Refusal("Unexpected end of multipart data") from None
        except FileNotFoundError:  # committed or removed meanwhile
            raise Refusal("Invalid uuid (not found)") from None
        return form

    def _commit(self, uuid: str) -> None:
        session = self.uploads.session(uuid).again(self.policy)
        count = self.uploads.count(uuid)
        if count == 0 and not session.zipurl:
            self.uploads.close(uuid)
            raise Refusal("Need at least 1 file.")
        self.queue.commit(session, count)

    def _uuid(self, request: Request) -> str:
        """Task's id from the path, found in any letter case; as the client wrote it when it is unknown."""
        text: str = request.path_params["uuid"]
        return text.lower() if text.lower() in self.book else text

    async def _output(self, task: Task, line: str) -> list[str]:
        growing = task.status is Status.RUNNING
        lines = await asyncio.to_thread(self.book.files.output_lines, task.uuid, growing=growing)
        number = _NUMBER.match(line)
        return lines[int(number[1]) :] if number else lines


async def _act(fields: dict[str, str], action: Callable[[str], Awaitable[None]]) -> Response:
    uuid = fields.get("uuid")
    if not uuid:
        raise Refusal("uuid param missing.")
    try:
        await action(uuid.lower())
    except Refusal as exc:
        return answer({"success": False, **exc.document()})
    return answer({"success": True})


async def _action_fields(request: Request) -> dict[str, str]:
    """Fields of a form or JSON body; multipart is not read here, as in NodeODM."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/x-www-form-urlencoded", "application/json"):
        return {}
    body = bytearray()
    async for piece in arriving(request.stream()):
        body += piece
        if len(body) > TEXT_LIMIT:
            raise Refusal(f"The body is longer than {TEXT_LIMIT} bytes")
    text = body.decode("utf-8", "replace")
    if kind == "application/x-www-form-urlencoded":
        return dict(parse_qsl(text, keep_blank_values=True))
    try:
        document = read_json(text) if text else {}
    except ValueError as exc:
        raise Refusal(str(exc)) from exc
    if not isinstance(document, dict):
        return {}
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in document.items()}
