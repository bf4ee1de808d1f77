"""Names of tasks, the same on every run, so that a task that is still alive is found again instead of sent twice."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping

from uav_workflow.domain.product import Json

_NAMESPACE = uuid.UUID("6f7b3f0e-5d0c-5a55-9a9e-3f1f1c5f8a11")


def task_uuid(flight_id: str, inputs: Mapping[str, str] | str, options: Mapping[str, Json]) -> str:
    """Name of a task: the same for the same flight, inputs and options (uuid5, lower case).

    Parameters
    ----------
    flight_id : str
    inputs : mapping or str
        Upload name to sha256 of every file sent, or one digest that stands for them all.
    options : mapping
        Options asked for.
    """
    files = inputs if isinstance(inputs, str) else dict(inputs)
    content = json.dumps([flight_id, files, dict(options)], sort_keys=True, separators=(",", ":"))
    return str(uuid.uuid5(_NAMESPACE, content))


def attempt_uuid(first: str, attempt: int, session: int, changed: Mapping[str, Json] | None = None) -> str:
    """Uuid of a later attempt or upload session; attempt 1, session 1 of unchanged options carries the task's own.

    Parameters
    ----------
    first : str
        From `task_uuid`.
    attempt, session : int
        From 1.
    changed : mapping, optional
        Options that are no longer those the task was named for.
    """
    if attempt == 1 and session == 1 and not changed:
        return first
    options = json.dumps(dict(changed), sort_keys=True, separators=(",", ":")) if changed else ""
    return str(uuid.uuid5(uuid.UUID(first), f"{attempt}/{session}{options}"))
