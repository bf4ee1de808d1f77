"""What was uploaded, sorted out: photos to the engine, text files to their places."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from uav_workflow.node.refusal import Refusal

INPUTS = frozenset({"images", "geo.txt", "gcp_list.txt", "image_groups.txt", "task_output.txt"})
"""Names in the project's folder that are no results."""

SEED = "seed.zip"

Say = Callable[[str], None]
"""Told a line for the task's output."""


def prepare(project: Path, max_images: int | None, say: Say) -> int:
    """Move special files out of ``images`` and count what remains; doing it twice does no harm.

    Raises
    ------
    Refusal
        More files than the node takes, or no photo among them.
    """
    shutil.rmtree(project.parent / "parts", ignore_errors=True)  # bodies that were open when the task was committed
    images = project / "images"
    uploaded = sorted(images.iterdir())
    if max_images is not None and len(uploaded) > max_images:
        raise Refusal(f"{len(uploaded)} images uploaded, but this node can only process up to {max_images}.")
    for path in uploaded:
        if path.suffix.lower() == ".txt":
            _move_text(path, project, say)
        elif path.name == SEED:
            path.replace(project.parent / SEED)
        elif path.suffix.lower() == ".zip":
            path.unlink()
            say(f"{path.name} is not unpacked; upload the photos themselves")
    count = sum(1 for _ in images.iterdir())
    if count == 0:
        raise Refusal("No photos among the uploaded files; upload JPG or TIFF images")
    return count


def clear_results(project: Path) -> None:
    """Delete what an earlier run of the engine left; photos, text inputs and the console copy stay."""
    for path in project.iterdir():
        if path.name not in INPUTS:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def unpack_seed(project: Path, say: Say) -> None:
    """Lay the files of an uploaded seed.zip into the project, where there is one; inputs are never overwritten.

    Raises
    ------
    Refusal
        The archive can't be read, or a name in it leaves the project.
    """
    seed = project.parent / SEED
    if not seed.exists():
        return
    try:
        with zipfile.ZipFile(seed) as bundle:
            for entry in bundle.infolist():
                parts = entry.filename.replace("\\", "/").split("/")
                if ".." in parts or parts[0] == "" or ":" in parts[0]:
                    raise Refusal(f"{SEED}: {entry.filename!r} leaves the task's folder")
                if parts[0] not in INPUTS:
                    bundle.extract(entry, project)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as exc:
        raise Refusal(f"{SEED} can't be unpacked: {exc}") from exc
    say(f"{SEED} is unpacked; this engine starts from the photos all the same and reuses none of it")


def _move_text(path: Path, project: Path, say: Say) -> None:
    name = path.name.lower()
    target = project / (name if name in ("geo.txt", "image_groups.txt") else "gcp_list.txt")
    if target.exists() and target.name == "gcp_list.txt":
        if path.read_bytes() != target.read_bytes():
            say(f"{path.name} is ignored: another file of ground control points was uploaded too")
        path.unlink()
        return
    path.replace(target)
