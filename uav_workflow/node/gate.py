"""What every request passes: the token, CORS, and the clock that says when the node was last needed."""

from __future__ import annotations

import time
from collections.abc import Collection
from hmac import compare_digest
from urllib.parse import parse_qs

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from uav_workflow.node.answers import answer
from uav_workflow.node.refusal import Refusal

OPEN_PATHS = frozenset({"/", "/swagger.json", "/auth/info", "/auth/login", "/auth/register"})
METHODS = "GET,HEAD,PUT,PATCH,POST,DELETE"


class Gate:
    """ASGI middleware around the whole application.

    Attributes
    ----------
    last_request : float
        Monotonic time of the last request that was let in.
    open_requests : int
        Requests being answered now (a long download counts until its last byte).
    """

    def __init__(self, app: ASGIApp, token: str = "", authorized_ips: Collection[str] = ()) -> None:
        self._app = app
        self._token = token.encode()
        self._authorized_ips = frozenset(authorized_ips)
        self.last_request = time.monotonic()
        self.open_requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_origin(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Access-Control-Allow-Origin"] = "*"
            await send(message)

        if scope["method"] == "OPTIONS":
            await Response(status_code=204, headers=_preflight(scope))(scope, receive, send_with_origin)
        elif (refusal := self._refusal(scope)) is not None:
            await answer(refusal.document())(scope, receive, send_with_origin)
        else:
            await self._let_in(scope, receive, send_with_origin)

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.open_requests += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self.open_requests -= 1
            self.last_request = time.monotonic()

    def _refusal(self, scope: Scope) -> Refusal | None:
        """Why a request is not let in; decided before anything of its body is read."""
        if scope["path"] in OPEN_PATHS:
            return None
        if not self._token_matches(scope):
            return Refusal("Invalid authentication token: token does not match.")
        caller = (scope.get("client") or ("unknown",))[0]
        if self._authorized_ips and caller not in self._authorized_ips:
            return Refusal(f"Invalid authentication IP: {caller} is not among the authorized addresses.")
        return None

    def _token_matches(self, scope: Scope) -> bool:
        """Compared in constant time; without a token of our own any is welcome."""
        if not self._token:
            return True
        query = scope["query_string"].decode("latin-1")
        given = parse_qs(query, keep_blank_values=True, errors="surrogateescape").get("token", [])
        return len(given) == 1 and compare_digest(given[0].encode("utf-8", "surrogateescape"), self._token)


def _preflight(scope: Scope) -> dict[str, str]:
    wanted = dict(scope["headers"]).get(b"access-control-request-headers", b"").decode("latin-1")
    return {
        "Access-Control-Allow-Methods": METHODS,
        **({"Access-Control-Allow-Headers": wanted} if wanted else {}),
    }
