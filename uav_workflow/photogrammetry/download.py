"""Fetching all.zip: resumed where the node lets us, believed only when every checksum inside it holds."""

from __future__ import annotations

import os
import shutil
import time
import zipfile
import zlib
from contextlib import suppress
from datetime import datetime
from io import FileIO
from pathlib import Path, PurePosixPath
from typing import Any

import requests
from pyodm.exceptions import NodeResponseError, NodeServerError, OdmError

from uav_workflow.errors import NodeError
from uav_workflow.photogrammetry.connection import Connection, HttpFault
from uav_workflow.photogrammetry.failure import (
    TaskLost,
    disk_failure,
    disk_full,
    is_passing,
    is_unknown_task,
    never_left,
    refusal,
)
from uav_workflow.photogrammetry.patience import Clock, Patience
from uav_workflow.photogrammetry.progress import NodeProgress, ProgressCallback

_CHUNK = 1 << 14
"""Bytes written at a time; what is lost of a connection that breaks is less than this."""
_REPORTED = 1 << 24
"""Bytes between two reports: the caller may send each to a scheduler."""
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)


class Fetch:
    """One task's all.zip on its way to us.

    Parameters
    ----------
    assets : Path
        Folder that will hold the archive's content; the archive is received beside it.
    """

    def __init__(
        self,
        node: Connection,
        uuid: str,
        assets: Path,
        *,
        patience: Patience,
        clock: Clock,
        on_progress: ProgressCallback,
    ) -> None:
        self._node = node
        self._uuid = uuid
        self._assets = assets
        self._part = assets.with_name(f"{uuid}.zip.part")
        self._patience = patience
        self._clock = clock
        self._on_progress = on_progress
        self._percent = 0.0

    def run(self) -> None:
        """Download and unpack; the folder appears by rename.

        The archive stays ``.part`` until its directory and the checksum of every member hold. A broken one is fetched
        again, within `Patience.retries`.

        Raises
        ------
        NodeError
            The archive can't be had, is broken each time, or does not fit on the disk.
        TaskLost
            The node does not know the task any more.
        """
        for failures in range(1, self._patience.retries + 2):
            self._download()
            try:
                _unpack(self._part, self._assets)
            except _BROKEN as exc:
                self._part.unlink(missing_ok=True)
                reason = f"{self._node.address}: all.zip of task {self._uuid} is broken ({exc})"
                if failures > self._patience.retries:
                    raise NodeError(
                        f"{reason} each of {failures} times; look at the disk and the log of the node"
                    ) from exc
                time.sleep(self._patience.pause(failures))
            else:
                _etag_file(self._part).unlink(missing_ok=True)
                self._part.unlink()
                return

    def _download(self) -> None:
        """Bring the part file to its full length; failures are counted from the last time it grew beyond itself."""
        self._clock.moved()
        failures, unknown_since = 0, None
        longest = _length(self._part)
        while True:
            try:
                if self._receive():
                    return
                problem: OdmError = NodeServerError("the connection ended before the file did")
            except OdmError as exc:
                problem = exc
            now = time.monotonic()
            if is_unknown_task(problem):
                unknown_since = now if unknown_since is None else unknown_since
                if now - unknown_since >= self._patience.not_found_s:
                    raise TaskLost(f"the node forgot the task before its results were fetched ({problem})")
                time.sleep(self._patience.poll_s)
                continue
            unknown_since = None
            after = _length(self._part)
            failures = 1 if after > longest else failures + (not never_left(problem))
            longest = max(longest, after)
            not_ready = isinstance(problem, NodeResponseError) and "not ready" in str(problem).lower()
            if failures > self._patience.retries or not (not_ready or is_passing(problem)):
                raise refusal(problem, "downloading the results", self._node.address) from problem
            self._clock.check(f"{self._node.address}: downloading the results: {problem}")
            time.sleep(self._patience.pause(max(failures, 1)))

    def _receive(self) -> bool:
        """One request, appended to the part file. True when the file has its full length."""
        have = _length(self._part)
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
            etag = _etag_file(self._part)
            if etag.exists():
                headers["If-Range"] = etag.read_text("utf-8")
        try:
            with self._node.stream(f"/task/{self._uuid}/download/all.zip", headers, self._clock.left_s) as answer:
                if "html" in answer.headers.get("Content-Type", ""):
                    raise NodeServerError(
                        "a page came instead of all.zip; a proxy or login page stands before the node"
                    )
                if answer.status_code == 200:
                    have = 0
                elif not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                    self._part.unlink(missing_ok=True)
                    raise NodeServerError("the node sent another part of the file than was asked for")
                total = _announced(answer, have)
                _check_space(self._part, total, have)
                _remember_etag(answer, self._part)
                have = self._write(answer, have, total)
        except HttpFault as exc:
            if exc.status != 416:
                raise
            # nothing follows what lies here: it is whole (an earlier run had no room to unpack it), or another file
            if zipfile.is_zipfile(self._part):
                return True
            self._part.unlink(missing_ok=True)
            raise NodeServerError("the node has another file than the one begun; it is fetched anew") from exc
        # without an announced length only the archive itself can tell that its end has come
        return have == total if total is not None else zipfile.is_zipfile(self._part)

    def _write(self, answer: requests.Response, have: int, total: int | None) -> int:
        """Append the body to the first ``have`` bytes of the part file; returns its length."""
        with self._open(have, total) as stream:
            for chunk in answer.iter_content(_CHUNK):
                self._clock.moved()
                try:
                    _write_all(stream, chunk)
                except OSError as exc:
                    needed = None if total is None else 2 * total - have
                    raise disk_failure(exc, self._part, "the results", needed) from exc
                before, have = have, have + len(chunk)
                if have // _REPORTED > before // _REPORTED:
                    self._report(have, total)
        self._report(have, total)
        return have

    def _open(self, have: int, total: int | None) -> FileIO:
        """Unbuffered: a full disk shows at the write, not when the file is closed."""
        try:
            return self._part.open("ab" if have else "wb", buffering=0)
        except OSError as exc:
            raise disk_failure(exc, self._part, "the results", total) from exc

    def _report(self, have: int, total: int | None) -> None:
        # a download that had to begin again does not fall back
        self._percent = max(self._percent, min(100.0 * have / total, 100.0) if total else 0.0)
        text = f"{have / 1e6:.0f} MB" + (f" of {total / 1e6:.0f} MB" if total else "")
        self._on_progress(NodeProgress(stage="downloading", percent=self._percent, text=text, uuid=self._uuid))


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _write_all(stream: FileIO, chunk: bytes) -> None:
    """An unbuffered file may take less than it is given, on a disk that is nearly full."""
    written = 0
    while written < len(chunk):
        written += stream.write(chunk[written:])


def _announced(answer: requests.Response, offset: int) -> int | None:
    length = answer.headers.get("Content-Length", "")
    return offset + int(length) if length.isdigit() else None


def _check_space(part: Path, total: int | None, have: int) -> None:
    """Refuse early what can't fit: the rest of the archive, and its content unpacked (stored, not compressed)."""
    if total is None:
        return
    needed = (total - have) + total
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise disk_full(part.parent, "the results", needed)


def _etag_file(part: Path) -> Path:
    return part.with_suffix(".etag")


def _remember_etag(answer: requests.Response, part: Path) -> None:
    etag = answer.headers.get("ETag", "")
    try:
        if etag and not etag.startswith("W/"):
            _etag_file(part).write_text(etag, "utf-8")
        else:
            _etag_file(part).unlink(missing_ok=True)
    except OSError as exc:
        raise disk_failure(exc, part, "the results") from exc


def _unpack(archive: Path, assets: Path) -> None:
    """Unpack beside the target and rename; reading a member checks its CRC."""
    scratch = assets.with_name(f".{assets.name}.unpacking")
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as bundle:
            members = bundle.infolist()
            if not members:
                raise zipfile.BadZipFile("it is empty")
            for member in members:
                _refuse_leaving(member.filename, archive)
            scratch.mkdir(parents=True)
            for member in members:
                _keep_date(member, Path(bundle.extract(member, scratch)))
    except OSError as exc:
        shutil.rmtree(scratch, ignore_errors=True)
        raise disk_failure(exc, assets, "the unpacked results", archive.stat().st_size) from exc
    except _BROKEN:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    shutil.rmtree(assets, ignore_errors=True)
    scratch.rename(assets)


def _keep_date(member: zipfile.ZipInfo, path: Path) -> None:
    """Give a file the date it has in the archive: it tells what an earlier run left there."""
    with suppress(ValueError, OverflowError):  # dates no clock has
        seconds = datetime(*member.date_time).timestamp()
        os.utime(path, (seconds, seconds))


def _refuse_leaving(name: str, archive: Path) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        raise NodeError(f"{archive}: holds {name!r}, which would leave the folder; this archive is not unpacked")


def remove_task(node: Connection, uuid: str) -> Any:
    """Delete a task and its files on the node; a node that can't be reached keeps it, which harms nobody."""
    try:
        return node.post("/task/remove", data={"uuid": uuid})
    except OdmError:
        return None
