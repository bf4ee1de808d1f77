"""Photos the node fetches itself, where its operator allows ``zipurl``."""

from __future__ import annotations

import shutil
import threading
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import requests

from uav_workflow.node.filing import place, safe_name, sync_folder
from uav_workflow.node.refusal import Refusal

CONNECT_S, READ_S = 20, 60
CHUNK = 1024 * 1024


def fetch_photos(url: str, project: Path, ended: threading.Event) -> None:
    """Fetch an archive and lay its files flat into ``images``; doing it twice does no harm.

    Raises
    ------
    Refusal
        The address can't be reached or does not hold an archive, a name in it is refused, or the task was ended
        meanwhile (`ended` is set).
    OSError
        The disk is full or can't be written.
    """
    archive = project.parent / "zipurl.zip.part"
    where = urlsplit(url).hostname or "?"
    try:
        _fetch(url, where, archive, ended)
        _unpack(where, archive, project / "images", ended)
    finally:
        archive.unlink(missing_ok=True)


def _fetch(url: str, where: str, archive: Path, ended: threading.Event) -> None:
    try:
        with (
            requests.get(url, stream=True, timeout=(CONNECT_S, READ_S), headers={"Accept-Encoding": "identity"}) as got,
            archive.open("wb") as stream,
        ):
            if got.status_code != 200:
                raise Refusal(f"zipurl: {where} answered {got.status_code} {got.reason}")
            for chunk in got.iter_content(CHUNK):
                _go_on(ended)
                stream.write(chunk)
            declared = got.headers.get("Content-Length")
            if declared is not None and declared.isdigit() and stream.tell() != int(declared):
                raise Refusal(f"zipurl: {where} sent {stream.tell()} of {declared} bytes")
    except requests.RequestException as exc:
        raise Refusal(f"zipurl: {where} can't be fetched: {exc}") from exc


def _unpack(where: str, archive: Path, images: Path, ended: threading.Event) -> None:
    scratch = archive.with_name("zipurl.file.part")
    try:
        with zipfile.ZipFile(archive) as bundle:
            for entry in bundle.infolist():
                base = entry.filename.replace("\\", "/").rpartition("/")[2]
                # folders, and what file managers leave beside the photos
                if entry.is_dir() or base.startswith(".") or entry.filename.startswith("__MACOSX/"):
                    continue
                _go_on(ended)
                with bundle.open(entry) as source, scratch.open("wb") as target:
                    shutil.copyfileobj(source, target, CHUNK)
                place(scratch, images, safe_name(base))
                scratch.unlink()  # the placed file keeps the bytes; the next entry gets a file of its own
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as exc:
        raise Refusal(f"zipurl: what {where} sent is no archive that can be unpacked ({exc})") from exc
    finally:
        scratch.unlink(missing_ok=True)
    sync_folder(images)


def _go_on(ended: threading.Event) -> None:
    if ended.is_set():
        raise Refusal("The task was ended while its photos were fetched")
