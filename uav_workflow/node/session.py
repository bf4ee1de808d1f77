"""What init or new said of the task to come."""

from __future__ import annotations

import json
import posixpath
import re
import uuid as uuid_module
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from uav_workflow.domain.product import Json
from uav_workflow.engine.options import OPTIONS
from uav_workflow.node.json_input import read_json
from uav_workflow.node.option_input import parse_options
from uav_workflow.node.policy import Policy
from uav_workflow.node.refusal import Refusal
from uav_workflow.node.task import now_ms

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-7][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The text fields of init or new, checked; `ignored` names the options this engine does not have."""

    uuid: str
    name: str
    options: list[dict[str, Json]]
    outputs: tuple[str, ...]
    skip_post_processing: bool
    date_created: int
    zipurl: str = ""
    webhook: str = ""
    ignored: tuple[str, ...] = ()

    @classmethod
    def from_fields(cls, uuid: str, fields: dict[str, str], policy: Policy) -> Session:
        """Check the text fields of init or new.

        Raises
        ------
        Refusal
            Bad options, or a wish this node does not grant.
        """
        created = fields.get("dateCreated", "")
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return cls(
            uuid=uuid,
            name=fields.get("name") or f"Task of {stamp}",
            options=granted_options(fields.get("options"), policy),
            outputs=_parse_outputs(fields.get("outputs")),
            skip_post_processing=fields.get("skipPostProcessing") == "true",
            date_created=int(created) if re.fullmatch(r"[0-9]{1,16}", created) else now_ms(),
            zipurl=_address("zipurl", fields, policy.allow_zipurl),
            webhook=_address("webhook", fields, policy.allow_webhook),
            ignored=ignored_options(fields.get("options")),
        )

    def again(self, policy: Policy) -> Session:
        """Checked once more at the commit: the node may have become another since.

        Raises
        ------
        Refusal
            What was granted then is not now.
        """
        fields = {"options": json.dumps(self.options), "zipurl": self.zipurl, "webhook": self.webhook}
        now = Session.from_fields(self.uuid, fields, policy)
        return replace(self, options=now.options, ignored=(*self.ignored, *now.ignored))

    def to_json(self) -> dict[str, Json]:
        """Plain dictionary for session.json."""
        return {
            "uuid": self.uuid,
            "name": self.name,
            "options": list(self.options),
            "outputs": list(self.outputs),
            "skip_post_processing": self.skip_post_processing,
            "date_created": self.date_created,
            "zipurl": self.zipurl,
            "webhook": self.webhook,
            "ignored": list(self.ignored),
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Session:
        """Inverse of `to_json`."""
        tuples = {name: tuple(document.get(name, ())) for name in ("outputs", "ignored")}
        return cls(**{**document, **tuples})


def is_uuid(text: str) -> bool:
    """Whether it is an id in lower case."""
    return _UUID.fullmatch(text) is not None


def task_uuid(wanted: str | None) -> str:
    """Id of a new task: the client's, in lower case, or a fresh one."""
    if wanted is None:
        return str(uuid_module.uuid4())
    uuid = wanted.strip().lower()
    if not is_uuid(uuid):
        raise Refusal(f"Invalid set-uuid: {wanted} is not a UUID", no_retry=True)
    return uuid


def granted_options(text: str | None, policy: Policy) -> list[dict[str, Json]]:
    """Options of a request, checked (see `parse_options`), and max-concurrency within what the operator grants."""
    rows = parse_options(text, OPTIONS)
    if policy.max_concurrency is None:
        return rows
    values = {str(row["name"]): row["value"] for row in rows}
    threads = values.get("max-concurrency")
    # 0 leaves the number to the engine, which would take every core
    wanted = threads if isinstance(threads, int) and threads > 0 else policy.max_concurrency
    values["max-concurrency"] = min(wanted, policy.max_concurrency)
    return [{"name": spec.name, "value": values[spec.name]} for spec in OPTIONS if spec.name in values]


def ignored_options(text: str | None) -> tuple[str, ...]:
    """Names of options that are dropped, as NodeODM drops them: the task's output says so, a typo must show."""
    document = read_json(text) if text else []
    rows = document if isinstance(document, list) else []
    known = {spec.name for spec in OPTIONS}
    names = [str(row["name"]) for row in rows if isinstance(row, dict) and isinstance(row.get("name"), str)]
    return tuple(dict.fromkeys(" ".join(name.split())[:60] for name in names if name not in known))[:50]


def _address(name: str, fields: dict[str, str], allowed: bool) -> str:
    """Address the node shall connect to: only where its operator wants that (server-side request forgery)."""
    url = fields.get(name, "")
    if url and not allowed:
        raise Refusal(
            f"{name} is not allowed here: this node opens no connections for its clients; upload the photos and ask "
            f"for the status instead, or let the operator start the node with --allow-{name}",
            no_retry=True,
        )
    if url and not re.match(r"https?://[^/]", url, re.IGNORECASE):
        raise Refusal(f"{name}: {url!r} is no http or https address", no_retry=True)
    return url


def _parse_outputs(text: str | None) -> tuple[str, ...]:
    """Paths asked for; an empty or unreadable list means the usual ones."""
    try:
        document = read_json(text) if text else []
    except ValueError:
        return ()
    if not isinstance(document, list):
        return ()
    paths = []
    for item in document:
        if isinstance(item, str) and item.strip():
            path = posixpath.normpath(item.strip().replace("\\", "/"))
            if path.startswith(("/", "../")) or path == "..":
                raise Refusal(f"outputs: {item} leaves the task's folder", no_retry=True)
            paths.append(path)
    return tuple(paths)
