"""Sending a task's files: streamed from disk, few at a time, each retried within bounds, none sent twice unseen."""

from __future__ import annotations

import json
import mimetypes
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, BinaryIO

from pyodm.exceptions import NodeServerError, OdmError
from pyodm.utils import MultipartEncoder, options_to_json

from uav_workflow.domain.product import Json
from uav_workflow.errors import NodeError
from uav_workflow.photogrammetry.connection import Connection
from uav_workflow.photogrammetry.failure import (
    SessionSpoiled,
    TaskLost,
    is_down,
    is_passing,
    is_unknown_task,
    never_left,
    refusal,
)
from uav_workflow.photogrammetry.ledger import Ledger
from uav_workflow.photogrammetry.patience import Clock, Patience
from uav_workflow.photogrammetry.progress import NodeProgress, ProgressCallback


class _Stopped(Exception):  # noqa: N818 - says only that another upload failed
    """An upload given up because another one failed."""


class Upload:
    """One task on its way to a node: `begin`, `send`, `commit`.

    Parameters
    ----------
    keeps_one_copy : bool
        The node drops a file it already has; then a file whose answer was lost is simply sent again. Other nodes
        would store it beside the first, perhaps cut, copy, so there the session is given up for a fresh one.
    """

    def __init__(
        self,
        node: Connection,
        ledger: Ledger,
        patience: Patience,
        clock: Clock,
        on_progress: ProgressCallback,
        *,
        keeps_one_copy: bool,
    ) -> None:
        self._node = node
        self._ledger = ledger
        self._patience = patience
        self._clock = clock
        self._on_progress = on_progress
        self._keeps_one_copy = keeps_one_copy
        self._stop = threading.Event()
        self._went_down = False

    def begin(self, name: str, options: Mapping[str, Json], outputs: Sequence[str]) -> None:
        """Open the session under the ledger's uuid; safe to repeat until it is committed."""
        fields = {"name": name or "flight", "options": options_to_json(dict(options)), "skipPostProcessing": "true"}
        if outputs:
            fields["outputs"] = json.dumps(list(outputs))

        def init() -> Any:
            form = MultipartEncoder(fields=fields)
            headers = {"Content-Type": form.content_type, "set-uuid": self._ledger.uuid}
            return self._node.post("/task/new/init", data=form, headers=headers)

        answer = self._retry(init, "opening the task")
        if not isinstance(answer, dict) or str(answer.get("uuid", "")).lower() != self._ledger.uuid:
            raise NodeError(
                f"{self._node.address}: did not open the task under the uuid asked for ({answer!r}); "
                "it is not a NodeODM 2.x, or something between answers in its place"
            )

    def send(self, files: Mapping[str, Path]) -> None:
        """Send what the node has not confirmed yet.

        Raises
        ------
        NodeError
            A file is refused, or the node can't be reached for as long as `Patience` allows.
        SessionSpoiled
            The session can't be finished under this uuid.
        """
        sent = self._ledger.sent()
        lost = (self._ledger.begun() - sent) & set(files)
        if lost and not self._keeps_one_copy:
            raise SessionSpoiled(f"the answer for {min(lost)} was lost, so the node may hold it twice")
        self._clock.moved()
        waiting = [name for name in sorted(files) if name not in sent]
        done = len(files) - len(waiting)
        self._report(done, len(files))
        with ThreadPoolExecutor(self._patience.parallel_uploads, thread_name_prefix="upload") as pool:
            futures = {pool.submit(self._send_one, name, files[name]) for name in waiting}
            try:
                while futures:
                    finished, futures = wait(futures, return_when=FIRST_COMPLETED, timeout=0.5)
                    for future in finished:
                        self._raise_cause(future)
                    done += len(finished)
                    if finished:
                        self._report(done, len(files))
            except BaseException:
                self._stop.set()
                for future in futures:
                    future.cancel()
                raise

    @staticmethod
    def _raise_cause(future: Future[None]) -> None:
        """Raise what an upload failed of; those that only stopped because of it are silent."""
        with suppress(_Stopped):
            future.result()

    def commit(self) -> None:
        """Start the task; a lost answer is settled by asking for the task."""
        self._clock.moved()
        failures = absences = 0
        while True:
            try:
                self._node.post(f"/task/new/commit/{self._ledger.uuid}")
            except OdmError as exc:
                failures, absences = failures + (not never_left(exc)), absences + never_left(exc)
                if self._is_committed(exc):
                    return
                if failures > self._patience.retries or not (is_passing(exc) or is_unknown_task(exc)):
                    raise refusal(exc, "starting the task", self._node.address) from exc
                self._clock.check(f"{self._node.address}: starting the task: {exc}")
                time.sleep(self._patience.pause(failures + absences))
            else:
                return

    def _is_committed(self, exc: OdmError) -> bool:
        """Whether a commit that failed did its work; raises when it never can."""
        self._went_down = self._went_down or is_down(exc)
        known = self._known()
        if known is False and is_unknown_task(exc) and self._went_down:
            raise TaskLost("the node went down when it was to start the task, and forgot it", at_once=True) from exc
        if known is False and (is_unknown_task(exc) or "at least 1 file" in str(exc)):
            raise SessionSpoiled("the node does not know the upload any more") from exc
        return known is True

    def _known(self) -> bool | None:
        """Whether the node knows the task; None when it does not answer."""
        try:
            self._node.get(f"/task/{self._ledger.uuid}/info")
        except OdmError as exc:
            return False if is_unknown_task(exc) else None
        return True

    def _send_one(self, name: str, path: Path) -> None:
        """Send one file; the first that fails stops the others."""
        if self._stop.is_set():
            raise _Stopped
        self._ledger.mark_begun(name)

        def post() -> Any:
            with ExitStack() as stack:
                stream = _Source(stack.enter_context(_open(path)), path, self._clock)
                kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
                form = MultipartEncoder(fields={"images": [(name, stream, kind)]})
                answer = self._node.post(
                    f"/task/new/upload/{self._ledger.uuid}",
                    data=form,
                    headers={"Content-Type": form.content_type},
                    limit_s=self._clock.left_s,
                )
            if not (isinstance(answer, dict) and answer.get("success")):
                raise NodeServerError(f"unexpected answer to an upload: {answer!r:.200}")
            return answer

        try:
            self._retry(post, f"uploading {name}", may_repeat=self._keeps_one_copy)
        except BaseException:
            self._stop.set()
            raise
        self._ledger.mark_sent(name)

    def _retry(self, call: Any, doing: str, *, may_repeat: bool = True) -> Any:
        """Call until it answers; a permanent fault, or too many passing ones, is a `NodeError`."""
        failures = absences = 0
        while True:
            try:
                return call()
            except OdmError as exc:
                # a node that is being started again is waited for as long as stillness is borne
                failures, absences = failures + (not never_left(exc)), absences + never_left(exc)
                if is_unknown_task(exc):
                    raise SessionSpoiled("the node does not know the upload any more") from exc
                if not is_passing(exc) or failures > self._patience.retries:
                    raise refusal(exc, doing, self._node.address) from exc
                if not may_repeat and not never_left(exc):
                    raise SessionSpoiled(f"{doing}: the answer was lost ({exc})") from exc
                self._clock.check(f"{self._node.address}: {doing}: {exc}")
            if self._stop.wait(self._patience.pause(failures + absences)):
                raise _Stopped

    def _report(self, done: int, total: int) -> None:
        self._on_progress(
            NodeProgress(
                stage="uploading",
                percent=100.0 * done / max(total, 1),
                text=f"{done} of {total} files uploaded",
                uuid=self._ledger.uuid,
            )
        )


class _Source:
    """A file on its way: tells the clock that bytes move, and says which file can't be read."""

    def __init__(self, stream: BinaryIO, path: Path, clock: Clock) -> None:
        self._stream = stream
        self._path = path
        self._clock = clock
        # the encoder takes the length from these two
        self.fileno, self.tell = stream.fileno, stream.tell

    def read(self, size: int = -1) -> bytes:
        """Read as a binary file does."""
        self._clock.moved()
        try:
            return self._stream.read(size)
        except OSError as exc:
            raise _unreadable(self._path, exc) from exc


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as exc:
        raise _unreadable(path, exc) from exc


def _unreadable(path: Path, exc: OSError) -> NodeError:
    return NodeError(f"{path}: can't be read for upload ({exc.strerror}); check the file and the card or disk it is on")
