"""Telling permanent from passing faults, and a failed task in words a field team understands."""

from __future__ import annotations

import errno
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from pyodm.exceptions import NodeConnectionError, NodeResponseError, OdmError

from uav_workflow.errors import NodeError
from uav_workflow.photogrammetry.connection import HttpFault

TAIL_LINES = 200
SHOWN_LINES = 15

_MEMORY = re.compile(
    r"not enough memory|insufficient memory|out of memory|cannot allocate memory|can't allocate|memoryerror|bad_alloc"
    r"|\bkilled\b|\bsigkill\b|(?:exit|code|status)\D{0,12}(?:137|-9)\b|failed \(137\)|signal 9\b",
    re.IGNORECASE,
)
_DISK = re.compile(r"no space left|enospc|disk (?:is )?full", re.IGNORECASE)
_TOKEN = re.compile(r"authentication|unauthori[sz]ed", re.IGNORECASE)
_TLS = re.compile(
    r"certificate|hostname .* doesn't match|wrong_version_number|record_layer|unknown_protocol", re.IGNORECASE
)
_NEVER_MADE = re.compile(r"newconnectionerror|failed to establish a new connection|connecttimeout", re.IGNORECASE)
_NOT_CONNECTED = re.compile(r"Failed to establish a new connection: \[Errno -?\d+\] ([^\"')]+)")
_NOT_RESOLVED = re.compile(r"Failed to resolve '([^']+)' \(\[Errno -?\d+\] ([^)]+)\)")
_DOWN = re.compile(
    r"connection refused|newconnectionerror|remotedisconnected|connection reset|connection aborted", re.I
)
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
    """The node does not know the task any more.

    Attributes
    ----------
    at_once : bool
        The node went down right after it took the task.
    """

    def __init__(self, message: str, *, at_once: bool = False) -> None:
        super().__init__(message)
        self.at_once = at_once


class SessionSpoiled(Exception):  # noqa: N818 - caught inside this room, never shown
    """The upload session can't be finished; another one with a fresh uuid can."""


_PASSING = frozenset({404, 408, 409, 423, 425, 429})
"""Statuses below 500 that gateways give while the node behind them starts; the others mean what they say."""


def is_passing(exc: OdmError) -> bool:
    """True when the same request may succeed later: every transport fault, and an upload cut on its way."""
    if isinstance(exc, NodeResponseError):
        return bool(_CUT_UPLOAD.search(str(exc)))
    if isinstance(exc, HttpFault):
        return exc.status in _PASSING or (exc.status >= 500 and exc.status not in (501, 505))
    return not (isinstance(exc, NodeConnectionError) and _TLS.search(str(exc)))


def is_unknown_task(exc: OdmError) -> bool:
    """True when the node says that it knows no such task (NodeODM's and ClusterODM's words)."""
    return isinstance(exc, NodeResponseError) and bool(_UNKNOWN.search(str(exc)))


def is_refused_token(exc: OdmError) -> bool:
    """True when the node, or a proxy before it, asks for another token."""
    if isinstance(exc, HttpFault):
        return exc.status in (401, 403, 407)
    return isinstance(exc, NodeResponseError) and bool(_TOKEN.search(str(exc)))


def is_down(exc: OdmError) -> bool:
    """True when nobody listens at the node's address, or a cluster dropped the call because its node is gone."""
    return isinstance(exc, NodeConnectionError) and bool(_DOWN.search(str(exc)))


def never_left(exc: OdmError) -> bool:
    """True when no byte of a request can have reached the node: the connection was never made."""
    return isinstance(exc, NodeConnectionError) and bool(_NEVER_MADE.search(str(exc)))


def refusal(exc: OdmError, doing: str, address: object) -> NodeError:
    """A fault that no retry helped against, as an error with its remedy."""
    text = readable(str(exc))
    return NodeError(f"{address}: {doing} failed: {_plain(text)}; {_remedy(exc, text)}")


def _plain(text: str) -> str:
    """What the system said of a connection that was never made, without the library's words around it."""
    if found := _NOT_CONNECTED.search(text):
        return found[1].strip().lower()
    if found := _NOT_RESOLVED.search(text):
        return f"the name {found[1]} is not known here ({found[2].strip().lower()})"
    return text


def _remedy(exc: OdmError, text: str) -> str:
    if isinstance(exc, HttpFault):
        return _status_remedy(exc.status)
    if is_refused_token(exc):
        return _TOKEN_REMEDY
    if isinstance(exc, NodeConnectionError) and _TLS.search(text):
        return (
            "check that the address begins with the scheme the node speaks (http or https); for a certificate of your "
            "own authority set REQUESTS_CA_BUNDLE to its file"
        )
    if _DISK.search(text):
        return "free disk space on the node"
    if isinstance(exc, NodeResponseError):
        return "change what the message names and run again"
    return _LATER


_TOKEN_REMEDY = "check UAV_NODE_TOKEN"
_LATER = "check that the node runs and can be reached, then run again: finished uploads are not sent twice"


def _status_remedy(status: int) -> str:
    special = {
        401: _TOKEN_REMEDY,
        403: f"the node, or a proxy in front of it, refuses this caller: {_TOKEN_REMEDY} and the proxy's rules",
        413: "a proxy in front of the node limits the size of a request; raise its limit",
    }
    if status in special:
        return special[status]
    if status >= 500 or status in _PASSING - {404}:
        return _LATER
    if status < 400:
        return "give that address as the node's, or ask its operator: calls are not sent on to other places"
    return "check scheme, host, port and path of the address: no NodeODM answers there"


def disk_failure(exc: OSError, path: Path, what: str, needed: int | None = None) -> NodeError:
    """An error of our own disk, with numbers when it is full."""
    if exc.errno not in (errno.ENOSPC, errno.EDQUOT):
        return NodeError(f"{path}: {what} can't be written ({exc.strerror}); mend the disk and run again")
    return disk_full(path, what, needed)


def disk_full(path: Path, what: str, needed: int | None = None) -> NodeError:
    """The disk below `path` has no room for `what`, with the numbers."""
    folder = next((parent for parent in (path, *path.parents) if parent.is_dir()), Path("/"))
    free = shutil.disk_usage(folder).free
    wish = f"about {_size(needed)} are needed, " if needed is not None else ""
    return NodeError(
        f"{folder}: disk full: no room for {what}: {wish}{_size(free)} are free; free space or give another "
        "--workspace, then run again: what is done on the node and what was fetched is kept"
    )


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


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
    address: object, uuid: str, last_error: str, output: Sequence[str], *, canceled: bool, lowered: str = ""
) -> NodeTaskFailed:
    """What to tell of a task that ended as FAILED or CANCELED; `lowered` says what was tried against lack of memory."""
    tail = [line for line in output[-TAIL_LINES:] if line.strip()]
    evidence = "\n".join([last_error, *tail])
    memory = not canceled and bool(_MEMORY.search(evidence))
    where = f"{address}: task {uuid}"
    if canceled:
        head = f"{where} was cancelled on the node (by a person, or by its limit of run time); run again to start anew"
    elif memory:
        head = (
            f"{where} ran out of memory ({_memory_words(last_error, tail)})"
            + (f", after these options had been lowered: {lowered}" if lowered else "")
            + "; use a node with more memory, send fewer or smaller photos, or lower in this order: pc-quality, "
            "feature-quality, max-concurrency"
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


def node_goes_down(address: object, version: str, options: Mapping[str, object]) -> NodeError:
    """What to tell when a node refused connections right after it took a task, twice with the same options."""
    numbers = [f"{name}={value}" for name, value in options.items() if type(value) in (int, float)]
    known = (
        f" Some builds of NodeODM 2.2.4 end at any numeric option; sent were {', '.join(numbers)}." if numbers else ""
    )
    return NodeError(
        f"{address}: the node ({version or 'of unknown version'}) went down right after it took the task, twice with "
        f"the same options, so it is not sent a third time.{known} Read the node's log, update the node or lower the "
        "options; without --node and UAV_NODE the node that ships with this workflow does the work"
    )


def _memory_words(last_error: str, tail: Sequence[str]) -> str:
    """The words that gave the lack of memory away."""
    for text in (last_error, *reversed(tail)):
        if _MEMORY.search(text):
            return text.strip()[:200]
    return last_error or "process killed"
