"""Telling permanent from passing faults, and a failed task in words a field team understands."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from pyodm.exceptions import NodeResponseError, OdmError

from uav_workflow.errors import NodeError

TAIL_LINES = 200
SHOWN_LINES = 15

_MEMORY = re.compile(
    r"not enough memory|insufficient memory|out of memory|cannot allocate memory|memoryerror|bad_alloc"
    r"|\bkilled\b|(?:exit|code|status|signal|failed)\D{0,12}(?:137|-9)\b",
    re.IGNORECASE,
)
_DISK = re.compile(r"no space left|enospc|disk (?:is )?full", re.IGNORECASE)
_TOKEN = re.compile(r"authentication|unauthori[sz]ed|403 forbidden", re.IGNORECASE)
_UNKNOWN = re.compile(r"not found|invalid route for taskid|invalid uuid", re.IGNORECASE)
_CUT_UPLOAD = re.compile(r"unexpected end of (?:multipart|form)|aborted|econnreset|premature", re.IGNORECASE)


class NodeTaskFailed(NodeError):  # noqa: N818 - named as the node names the state
    """The node worked on the task and ended it without a result.

    Attributes
    ----------
    memory : bool
        The node ran out of memory.
    canceled : bool
        Somebody, or the node's own time limit, ended it.
    tail : tuple of str
        Last lines of the node's output.
    """

    def __init__(self, message: str, *, memory: bool = False, canceled: bool = False, tail: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.memory = memory
        self.canceled = canceled
        self.tail = tuple(tail)


class TaskLost(Exception):  # noqa: N818 - caught inside this room, never shown
    """The node does not know the task any more."""


class SessionSpoiled(Exception):  # noqa: N818 - caught inside this room, never shown
    """The upload session can't be finished; another one with a fresh uuid can."""


def is_passing(exc: OdmError) -> bool:
    """True when the same request may succeed later: every transport fault, and an upload cut on its way."""
    if isinstance(exc, NodeResponseError):
        return bool(_CUT_UPLOAD.search(str(exc)))
    return "413" not in str(exc)


def is_unknown_task(exc: OdmError) -> bool:
    """True when the node says that it knows no such task (NodeODM's and ClusterODM's words)."""
    return isinstance(exc, NodeResponseError) and bool(_UNKNOWN.search(str(exc)))


def is_refused_token(exc: OdmError) -> bool:
    """True when the node asks for another token."""
    return isinstance(exc, NodeResponseError) and bool(_TOKEN.search(str(exc)))


def refusal(exc: OdmError, doing: str, address: object) -> NodeError:
    """A fault that no retry helped against, as an error with its remedy."""
    text = readable(str(exc))
    if is_refused_token(exc):
        remedy = "check UAV_NODE_TOKEN"
    elif "413" in text:
        remedy = "a proxy in front of the node limits the size of a request; raise its limit"
    elif _DISK.search(text):
        remedy = "free disk space on the node"
    elif isinstance(exc, NodeResponseError):
        remedy = "change what the message names and run again"
    else:
        remedy = "check that the node runs and can be reached, then run again: finished uploads are not sent twice"
    return NodeError(f"{address}: {doing} failed: {text}; {remedy}")


def readable(text: str) -> str:
    """An error text of the node; the list of option errors, which comes as JSON in a string, is written out."""
    try:
        rows = json.loads(text)
    except ValueError:
        return text
    if not isinstance(rows, list):
        return text
    return "; ".join(
        f"option {row.get('name')}: {row.get('error')}" if isinstance(row, dict) else str(row) for row in rows
    )


def task_failed(
    address: object, uuid: str, last_error: str, output: Sequence[str], *, canceled: bool
) -> NodeTaskFailed:
    """What to tell of a task that ended as FAILED or CANCELED."""
    tail = [line for line in output[-TAIL_LINES:] if line.strip()]
    evidence = "\n".join([last_error, *tail])
    memory = not canceled and bool(_MEMORY.search(evidence))
    where = f"{address}: task {uuid}"
    if canceled:
        head = f"{where} was cancelled on the node (by a person, or by its limit of run time); run again to start anew"
    elif memory:
        head = (
            f"{where} ran out of memory ({last_error or 'process killed'}); use a node with more memory, or lower in "
            "this order: pc-quality, feature-quality, max-concurrency"
        )
    elif _DISK.search(evidence):
        head = f"{where} failed because the node's disk is full; free space there and run again"
    else:
        head = (
            f"{where} failed: {last_error or 'the node gave no reason'}; the same photos and options would fail again, "
            "so it is not repeated by itself: read the output below, run `uav check`, change photos or options"
        )
    shown = "\n".join(f"  | {line}" for line in tail[-SHOWN_LINES:]) or "  | (the node kept no output)"
    return NodeTaskFailed(f"{head}\nend of the node's output:\n{shown}", memory=memory, canceled=canceled, tail=tail)
