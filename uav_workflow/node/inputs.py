"""What was uploaded, sorted out: photos to the engine, text files to their places."""

from __future__ import annotations

import shutil
from pathlib import Path

from uav_workflow.node.refusal import Refusal

INPUTS = frozenset({"images", "geo.txt", "gcp_list.txt", "image_groups.txt", "task_output.txt"})
"""Names in the project's folder that are no results."""


def prepare(project: Path, max_images: int | None) -> int:
    """Move special files out of ``images`` and count what remains; doing it twice does no harm.

    Raises
    ------
    Refusal
        More files than the node takes, or no photo among them.
    """
    images = project / "images"
    uploaded = sorted(images.iterdir())
    if max_images is not None and len(uploaded) > max_images:
        raise Refusal(f"{len(uploaded)} images uploaded, but this node can only process up to {max_images}.")
    for path in uploaded:
        if path.suffix.lower() == ".txt":
            _move_text(path, project)
    count = sum(1 for _ in images.iterdir())
    if count == 0:
        raise Refusal("No photos among the uploaded files; upload JPG or TIFF images")
    return count


def clear_results(project: Path) -> None:
    """Delete what an earlier run of the engine left; photos, text inputs and the console copy stay."""
    for path in project.iterdir():
        if path.name not in INPUTS:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def _move_text(path: Path, project: Path) -> None:
    name = path.name.lower()
    target = project / (name if name in ("geo.txt", "image_groups.txt") else "gcp_list.txt")
    if target.exists() and target.name == "gcp_list.txt":
        with (project / "task_output.txt").open("a", encoding="utf-8") as console:
            console.write(f"{path.name} is ignored: another file of ground control points was uploaded too\n")
        path.unlink()
        return
    path.replace(target)
