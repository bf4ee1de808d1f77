"""Fetching all.zip: resumed where the node lets us, believed only when every checksum inside it holds."""

from __future__ import annotations

import shutil
import time
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import requests
from pyodm.exceptions import NodeServerError, OdmError

from uav_workflow.errors import NodeError
from uav_workflow.photogrammetry.address import AddressedNode
from uav_workflow.photogrammetry.failure import is_refused_token, is_unknown_task, refusal
from uav_workflow.photogrammetry.patience import Patience
from uav_workflow.photogrammetry.progress import NodeProgress, ProgressCallback

_CHUNK = 1 << 16
"""Bytes written at a time; what is lost of a connection that breaks is less than this."""
_REPORTED = 1 << 24
"""Bytes between two reports: the caller may send each to a scheduler."""
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)


def fetch_assets(
    node: AddressedNode, uuid: str, assets: Path, *, patience: Patience, on_progress: ProgressCallback
) -> None:
    """Download all.zip of a completed task and unpack it as ``assets``, which appears by rename.

    The archive stays ``.part`` until its directory and the checksum of every member hold. A broken one is fetched
    again, within `Patience.retries`.

    Raises
    ------
    NodeError
        The archive can't be had, is broken each time, or does not fit on the disk.
    """
    part = assets.with_name(f"{uuid}.zip.part")
    for failures in range(1, patience.retries + 2):
        _download(node, uuid, part, patience, on_progress)
        try:
            _unpack(part, assets)
        except _BROKEN as exc:
            part.unlink(missing_ok=True)
            reason = f"{node.address}: all.zip of task {uuid} is broken ({exc})"
            if failures > patience.retries:
                raise NodeError(f"{reason} each of {failures} times; look at the disk and the log of the node") from exc
            time.sleep(patience.pause(failures))
        else:
            _etag_file(part).unlink(missing_ok=True)
            part.unlink()
            return


def _download(node: AddressedNode, uuid: str, part: Path, patience: Patience, on_progress: ProgressCallback) -> None:
    """Bring the part file to its full length; failures are counted from the last time it grew beyond itself."""
    failures = 0
    longest = part.stat().st_size if part.exists() else 0
    while True:
        try:
            if _receive(node, uuid, part, on_progress):
                return
            problem: Exception = NodeServerError("the connection ended before the file did")
        except OdmError as exc:
            if is_refused_token(exc) or is_unknown_task(exc):
                raise refusal(exc, "downloading the results", node.address) from exc
            problem = exc
        after = part.stat().st_size if part.exists() else 0
        failures = 1 if after > longest else failures + 1
        longest = max(longest, after)
        if failures > patience.retries:
            raise refusal(_as_odm(problem), "downloading the results", node.address) from problem
        time.sleep(patience.pause(failures))


def _as_odm(problem: Exception) -> OdmError:
    return problem if isinstance(problem, OdmError) else NodeServerError(str(problem))


def _receive(node: AddressedNode, uuid: str, part: Path, on_progress: ProgressCallback) -> bool:
    """One request, appended to the part file. True when the file has the length the node announced (or none was)."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        etag = _etag_file(part)
        if etag.exists():
            headers["If-Range"] = etag.read_text("utf-8")
    try:
        with node.stream(f"/task/{uuid}/download/all.zip", headers) as answer:
            if "html" in answer.headers.get("Content-Type", ""):
                raise NodeServerError("a page came instead of all.zip; a proxy or login page stands before the node")
            if answer.status_code == 200:
                have = 0
            elif not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                part.unlink(missing_ok=True)
                raise NodeServerError("the node sent another part of the file than was asked for")
            total = _announced(answer, have)
            _check_space(part, total, have)
            _remember_etag(answer, part)
            have = _write(answer, part, have, partial(_report, on_progress, uuid, total))
    except NodeServerError as exc:
        if "416" in str(exc):
            part.unlink(missing_ok=True)
        raise
    return total is None or have == total


def _write(answer: requests.Response, part: Path, have: int, reported: Callable[[int], None]) -> int:
    """Append the body to the first ``have`` bytes of the part file; returns its length."""
    with part.open("ab" if have else "wb") as stream:
        for chunk in answer.iter_content(_CHUNK):
            try:
                stream.write(chunk)
            except OSError as exc:
                raise NodeError(f"{part}: can't be written ({exc.strerror}); free space and run again") from exc
            before, have = have, have + len(chunk)
            if have // _REPORTED > before // _REPORTED:
                reported(have)
    reported(have)
    return have


def _report(on_progress: ProgressCallback, uuid: str, total: int | None, have: int) -> None:
    percent = min(100.0 * have / total, 100.0) if total else 0.0
    text = f"{have / 1e6:.0f} MB" + (f" of {total / 1e6:.0f} MB" if total else "")
    on_progress(NodeProgress(stage="downloading", percent=percent, text=text, uuid=uuid))


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
        raise NodeError(
            f"{part.parent}: disk full: the results need {needed / 1e9:.2f} GB, {free / 1e9:.2f} GB are free; "
            "free space and run again, the task stays on the node"
        )


def _etag_file(part: Path) -> Path:
    return part.with_suffix(".etag")


def _remember_etag(answer: requests.Response, part: Path) -> None:
    etag = answer.headers.get("ETag", "")
    if etag and not etag.startswith("W/"):
        _etag_file(part).write_text(etag, "utf-8")
    else:
        _etag_file(part).unlink(missing_ok=True)


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
                bundle.extract(member, scratch)
    except OSError as exc:
        shutil.rmtree(scratch, ignore_errors=True)
        raise NodeError(f"{scratch}: the results can't be unpacked ({exc.strerror}); free space and run again") from exc
    except _BROKEN:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    shutil.rmtree(assets, ignore_errors=True)
    scratch.rename(assets)


def _refuse_leaving(name: str, archive: Path) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        raise NodeError(f"{archive}: holds {name!r}, which would leave the folder; this archive is not unpacked")


def remove_task(node: AddressedNode, uuid: str) -> Any:
    """Delete a task and its files on the node; a node that can't be reached keeps it, which harms nobody."""
    try:
        return node.post("/task/remove", data={"uuid": uuid})
    except OdmError:
        return None
