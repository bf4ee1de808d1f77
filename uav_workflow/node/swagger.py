"""Machine-readable list of the routes (Swagger 2.0), made from the routes themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable

from starlette.routing import Route

from uav_workflow.domain.product import Json

_FIELDS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "/task/new/init": (
        ("set-uuid", "header", "string"),
        ("name", "formData", "string"),
        ("options", "formData", "string"),
        ("skipPostProcessing", "formData", "string"),
        ("webhook", "formData", "string"),
        ("zipurl", "formData", "string"),
        ("outputs", "formData", "string"),
        ("dateCreated", "formData", "integer"),
    ),
    "/task/new/upload/{uuid}": (("images", "formData", "file"),),
    "/task/cancel": (("uuid", "formData", "string"),),
    "/task/remove": (("uuid", "formData", "string"),),
    "/task/restart": (("uuid", "formData", "string"), ("options", "formData", "string")),
    "/task/{uuid}/info": (("with_output", "query", "integer"),),
    "/task/{uuid}/output": (("line", "query", "integer"),),
}
_FIELDS["/task/new"] = (*_FIELDS["/task/new/init"], *_FIELDS["/task/new/upload/{uuid}"])
"""Parameters by route: name, where it travels, type. The token, a query parameter of all, is said once."""


def describe(routes: Iterable[Route], version: str) -> dict[str, Json]:
    """The whole document."""
    paths: dict[str, Json] = {}
    for route in routes:
        operation: dict[str, Json] = {
            "summary": (route.endpoint.__doc__ or "").strip().partition("\n")[0],
            "parameters": _parameters(route.path),
            "responses": {"200": {"description": 'OK; an object with an "error" says what is wrong'}},
        }
        paths[route.path] = {method.lower(): operation for method in sorted(set(route.methods or ()) - {"HEAD"})}
    return {
        "swagger": "2.0",
        "info": {"title": "uav node", "version": version, "description": "NodeODM's API over this project's engine"},
        "basePath": "/",
        "consumes": ["multipart/form-data", "application/x-www-form-urlencoded", "application/json"],
        "produces": ["application/json", "application/zip"],
        "securityDefinitions": {"token": {"type": "apiKey", "in": "query", "name": "token"}},
        "security": [{"token": []}],
        "paths": paths,
    }


def _parameters(path: str) -> list[Json]:
    in_path: list[Json] = [
        {"name": name, "in": "path", "required": True, "type": "string"} for name in re.findall(r"{(\w+)}", path)
    ]
    return in_path + [{"name": name, "in": place, "type": kind} for name, place, kind in _FIELDS.get(path, ())]
