"""Answers in the shapes NodeODM's clients expect: JSON with its charset, errors with status 200, HTML for the rest."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from uav_workflow.domain.product import Json
from uav_workflow.node.refusal import Refusal, disk_refusal


def answer(document: Mapping[str, Json] | Sequence[Json]) -> Response:
    """JSON answer."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    return Response(text, headers={"Content-Type": "application/json; charset=utf-8"})


async def refused(request: Request, exc: Exception) -> Response:
    """A refusal is an ordinary answer with an ``error`` in it."""
    assert isinstance(exc, Refusal)
    return answer(exc.document())


async def disk_failed(request: Request, exc: Exception) -> Response:
    """A write that failed outside the places that expect it."""
    assert isinstance(exc, OSError)
    return answer(disk_refusal(exc).document())


async def cut_off(request: Request, exc: Exception) -> Response:
    """The caller hung up in the middle of a body; nobody reads this."""
    return answer(Refusal("The request was cut").document())


async def not_found(request: Request, exc: Exception) -> Response:
    """Unknown route or method."""
    what = html.escape(f"{request.method} {request.url.path}")
    return HTMLResponse(
        f'<!DOCTYPE html><html lang="en"><head><title>Error</title></head><body><pre>Cannot {what}</pre></body></html>',
        status_code=404,
    )
