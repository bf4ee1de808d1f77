"""``python -m uav_workflow.node.zip_source PROJECT``: fetch the photos of a task whose client named a ``zipurl``.

A process of its own, so that a cancel ends it even when the site stalls; it is started like an engine and tells its
reason the same way, in ``failure.txt``. The address is read from the session, because a command line is seen by every
user of the machine.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import requests

from uav_workflow.node.filing import place, safe_name, sync_folder
from uav_workflow.node.refusal import Refusal, disk_refusal

COMMAND = (sys.executable, "-P", "-m", "uav_workflow.node.zip_source")
CONNECT_S, READ_S = 20, 60
CHUNK = 1024 * 1024


def main() -> int:
    """Fetch and unpack; exit status 1 with a reason when that fails."""
    parser = argparse.ArgumentParser()
    parser.add_argument("project", type=Path)
    parser.add_argument("--progress-fd", type=int, help="Unused.")
    project: Path = parser.parse_args().project
    try:
        fetch_photos(json.loads((project.parent / "session.json").read_text("utf-8"))["zipurl"], project)
    except (Refusal, OSError) as exc:
        reason = exc if isinstance(exc, Refusal) else disk_refusal(exc)
        (project / "failure.txt").write_text(str(reason), encoding="utf-8")
        return 1
    return 0


def fetch_photos(url: str, project: Path) -> None:
    """Fetch an archive and lay its files flat into ``images``; doing it twice does no harm.

    Raises
    ------
    Refusal
        The address can't be reached or does not hold an archive, or a name in it is refused.
    OSError
        The disk is full or can't be written.
    """
    where = urlsplit(url).hostname or "?"
    # the node deletes the scratch folder however this process ends
    archive = project / "tmp" / "zipurl.zip"
    _fetch(url, where, archive)
    _unpack(where, archive, project / "images")


def _fetch(url: str, where: str, archive: Path) -> None:
    try:
        with (
            requests.get(url, stream=True, timeout=(CONNECT_S, READ_S), headers={"Accept-Encoding": "identity"}) as got,
            archive.open("wb") as stream,
        ):
            if got.status_code != 200:
                raise Refusal(f"zipurl: {where} answered {got.status_code} {got.reason}")
            for chunk in got.iter_content(CHUNK):
                stream.write(chunk)
            declared = got.headers.get("Content-Length")
            if declared is not None and declared.isdigit() and stream.tell() != int(declared):
                raise Refusal(f"zipurl: {where} sent {stream.tell()} of {declared} bytes")
    except requests.RequestException as exc:
        raise Refusal(f"zipurl: {where} can't be fetched: {exc}") from exc


def _unpack(where: str, archive: Path, images: Path) -> None:
    scratch = archive.with_name("zipurl.file")
    try:
        with zipfile.ZipFile(archive) as bundle:
            for entry in bundle.infolist():
                base = entry.filename.replace("\\", "/").rpartition("/")[2]
                # folders, and what file managers leave beside the photos
                if entry.is_dir() or base.startswith(".") or entry.filename.startswith("__MACOSX/"):
                    continue
                with bundle.open(entry) as source, scratch.open("wb") as target:
                    shutil.copyfileobj(source, target, CHUNK)
                place(scratch, images, safe_name(base))
                scratch.unlink(
                    missing_ok=True
                )  # the placed file keeps the bytes; the next entry gets a file of its own
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as exc:
        raise Refusal(f"zipurl: what {where} sent is no archive that can be unpacked ({exc})") from exc
    sync_folder(images)


if __name__ == "__main__":
    sys.exit(main())
