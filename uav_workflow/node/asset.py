"""Sending a result so that a cut download goes on where it stopped."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.types import Scope

_RANGES = re.compile(r"bytes\s*=\s*(\d+-\d*|-\d+)(\s*,\s*(\d+-\d*|-\d+))*", re.IGNORECASE)


def asset_response(path: Path, scope: Scope) -> Response:
    """Answer with a file: 200, 206 for a range, 304 for a validator that still holds, 416 for a range beyond its end.

    A Range header that is malformed or counts in other units is ignored (RFC 9110, section 14.2).
    """
    headers = Headers(scope=scope)
    given = headers.get("range")
    if given is not None and not _well_formed(given):
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name.lower() != b"range"]
    disposition = {"Content-Disposition": f"attachment; filename={path.name}"}
    response = FileResponse(path, media_type="application/zip", headers=disposition, stat_result=path.stat())
    held = [tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")]
    if response.headers["etag"] in held or held == ["*"]:
        return Response(status_code=304, headers={"etag": response.headers["etag"]})
    return response


def _well_formed(given: str) -> bool:
    if not _RANGES.fullmatch(given.strip()) or len(given) > 1000:
        return False
    spans = [span.strip().split("-") for span in given.partition("=")[2].split(",")]
    return all(not (first and last) or int(first) <= int(last) for first, last in spans)
