"""A task of the node: what it was asked, and how far it has come."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any

from uav_workflow.domain.product import Json


class Status(IntEnum):
    """Status codes of NodeODM. A task is born RUNNING while its files are looked at, then QUEUED, then RUNNING."""

    QUEUED = 10
    RUNNING = 20
    FAILED = 30
    COMPLETED = 40
    CANCELED = 50


ACTIVE = frozenset({Status.QUEUED, Status.RUNNING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One state of one task; a transition makes a new one, which is written to disk before it counts.

    Attributes
    ----------
    sequence : int
        Order of arrival; the queue is first in, first out.
    date_created, started : int
        Milliseconds since 1970; `started` is None while the engine has not begun.
    options : list of {"name", "value"}
        Validated, typed, in the engine's order.
    outputs : tuple of str
        Paths wanted in all.zip; empty means the usual ones.
    prepared : bool
        Special files are sorted out, the photos counted.
    processed : bool
        The engine has finished; only all.zip is still to be written.
    zipurl : str
        Where an archive of photos is fetched from while the task is prepared.
    webhook : str
        Address to tell when the task ends.
    untold : tuple of str
        Addresses that are still to be told of the end.
    processing_time : int
        Milliseconds; -1 before the start.
    """

    uuid: str
    name: str
    sequence: int
    date_created: int
    options: list[dict[str, Json]]
    outputs: tuple[str, ...] = ()
    skip_post_processing: bool = False
    zipurl: str = ""
    webhook: str = ""
    untold: tuple[str, ...] = ()
    status: Status = Status.RUNNING
    error_message: str = ""
    images_count: int = 0
    prepared: bool = False
    processed: bool = False
    started: int | None = None
    processing_time: int = -1
    progress: float = 0.0

    def info(self) -> dict[str, Json]:
        """Answer of ``/task/{uuid}/info`` without the output."""
        status: dict[str, Json] = {"code": int(self.status)}
        if self.error_message:
            status["errorMessage"] = self.error_message
        running = self.status is Status.RUNNING and self.started is not None
        elapsed = now_ms() - self.started if running and self.started is not None else self.processing_time
        return {
            "uuid": self.uuid,
            "name": self.name,
            "dateCreated": self.date_created,
            "processingTime": elapsed,
            "status": status,
            "options": list(self.options),
            "imagesCount": self.images_count,
            "progress": round(self.progress, 2),
        }

    def to_json(self) -> dict[str, Any]:
        """Everything, for the state file."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Task:
        """Inverse of `to_json`; KeyError, TypeError or ValueError on a document that is none."""
        fields = {name: document[name] for name in cls.__dataclass_fields__ if name in document}
        exact = {"status": Status(document["status"])}
        tuples = {name: tuple(document.get(name, ())) for name in ("outputs", "untold")}
        return cls(**{**fields, **exact, **tuples})


def now_ms() -> int:
    """Wall clock in whole milliseconds."""
    return time.time_ns() // 1_000_000
