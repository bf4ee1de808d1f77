"""JSON as clients send it."""

from __future__ import annotations

import json
from typing import NoReturn

from uav_workflow.domain.product import Json


def read_json(text: str) -> Json:
    """Parse as a browser does: no NaN or Infinity, and too deep a nesting is an error of the text, not ours.

    Raises
    ------
    ValueError
        The text is no JSON; the message says where.
    """
    try:
        document: Json = json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None
    return document


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
