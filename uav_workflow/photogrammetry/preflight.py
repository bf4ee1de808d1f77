"""What can be known to fail before a byte is sent: files, the node's kind and limit, options, our own disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyodm.types import NodeInfo

from uav_workflow.domain.product import Json
from uav_workflow.errors import NodeError
from uav_workflow.photogrammetry.connection import Connection
from uav_workflow.photogrammetry.failure import disk_full
from uav_workflow.photogrammetry.offered import OfferedOption, not_offered, objections, read_offered

NOT_PHOTOS = (".txt", ".zip", ".las", ".laz")
OWN_ENGINE = "uav-workflow"
"""How `engineVersion` of the node that ships with this project begins; it keeps one copy of a file sent twice."""

RESULTS_SHARE = 0.5
"""Least size of all.zip relative to the photos' that is reckoned with; it lies on the disk twice while it is unpacked.

To refuse early what is hopeless: ODM's own products of brighton_beach weigh 0.3 of its photos, at 5 cm, with
a JPEG orthophoto and without the point cloud. The size itself is known, and checked, when the download begins."""

Ask = Callable[[str], Any]
"""GET with bounded retries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a node is and has.

    Attributes
    ----------
    version : str
        Of the API and of the engine, for messages.
    keeps_one_copy : bool
        A file that is sent twice is there once.
    """

    version: str
    keeps_one_copy: bool
    max_images: int | None
    options: Mapping[str, OfferedOption]

    @classmethod
    def ask(cls, node: Connection, ask: Ask) -> Offer:
        """Ask a node for /info and /options.

        Raises
        ------
        NodeError
            It is no NodeODM, or too old.
        """
        answer = ask("/info")
        info = NodeInfo(answer) if isinstance(answer, dict) else None
        version = str(info.version) if info else "?"
        parts = version.split(".")
        if info is None or len(parts) != 3 or not all(part.isdigit() for part in parts):
            raise NodeError(
                f"{node.address}: does not answer like a NodeODM (version {version!r}); check host, port and path"
            )
        if tuple(int(part) for part in parts) < (1, 4, 0):
            raise NodeError(f"{node.address}: NodeODM API {version} is too old; 1.4.0 or newer is needed")
        engine = str(info.engine_version)
        return cls(
            version=f"NodeODM API {version}, engine {engine}",
            keeps_one_copy=engine.startswith(OWN_ENGINE),
            max_images=info.max_images if isinstance(info.max_images, int) and info.max_images > 0 else None,
            options=read_offered(ask("/options")),
        )

    def check_count(self, node: Connection, count: int) -> None:
        """Raise a `NodeError` when the node takes fewer files; it counts text files too."""
        if self.max_images is not None and self.max_images < count:
            raise NodeError(
                f"{node.address}: takes at most {self.max_images} files a task, {count} are to be sent; "
                "use a node with a higher limit (NodeODM --max_images), or split the flight"
            )

    def check_options(self, node: Connection, options: Mapping[str, Json], dispensable: Collection[str]) -> list[str]:
        """Dispensable options this node does not have; a `NodeError` names any other the node would drop or refuse."""
        unknown = not_offered(options, self.options, dispensable)
        wrong = objections({name: value for name, value in options.items() if name not in unknown}, self.options)
        if wrong:
            raise NodeError(
                f"{node.address}: can't be given these options: {'; '.join(wrong)}. Correct the recipe; "
                f"`GET {node.address}/options` lists {len(self.options)} options with their types and domains"
            )
        return unknown


def check_files(files: Mapping[str, Path]) -> None:
    """Names a node keeps apart, files that can be read.

    Raises
    ------
    NodeError
        A name has a folder, two differ in case only, a file is absent, empty or unreadable.
    """
    if not any(is_photo(name) for name in files):
        raise NodeError("no photos to send: a task needs some")
    lower: dict[str, str] = {}
    for name, path in files.items():
        if "/" in name or "\\" in name or name != name.strip() or not name:
            raise NodeError(f"upload name {name!r} ({path}): must be a plain file name without a folder")
        if name.lower() in lower:
            raise NodeError(f"upload names {lower[name.lower()]!r} and {name!r} differ in case only; rename one")
        lower[name.lower()] = name
        if not path.is_file():
            raise NodeError(f"{path}: is not there, or no file; it was to be sent as {name}")
        try:
            with path.open("rb") as stream:
                empty = not stream.read(1)
        except OSError as exc:
            raise NodeError(f"{path}: can't be read ({exc.strerror}); check the file, its rights and its disk") from exc
        if empty:
            raise NodeError(f"{path}: is empty; copy it from the card again, or take it out of the flight")


def check_disk(work: Path, files: Mapping[str, Path]) -> None:
    """Raise a `NodeError` with numbers when the results of so many photos can't fit on our disk."""
    photos = sum(path.stat().st_size for name, path in files.items() if is_photo(name))
    needed = int(2 * RESULTS_SHARE * photos)
    if shutil.disk_usage(work).free < needed:
        raise disk_full(work, f"the results of {photos / 1e6:.1f} MB of photos, zipped and unpacked", needed)


def is_photo(name: str) -> bool:
    """Whether a node counts a file as a photo."""
    return not name.lower().endswith(NOT_PHOTOS)
