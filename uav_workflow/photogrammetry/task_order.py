"""What a node is asked to do, and what came of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from uav_workflow.domain.product import Json
from uav_workflow.photogrammetry.fallback import Lowered
from uav_workflow.photogrammetry.preflight import is_photo


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOrder:
    """What a node is asked to do.

    Attributes
    ----------
    task_uuid : str
        From `identity.task_uuid`: of flight, inputs and options.
    name : str
        Title of the task on the node.
    files : mapping
        Upload name (unique without regard to case, no slash) to file.
    options : mapping
        ODM option name to value, each checked against the node's /options.
    outputs : sequence of str
        Paths wanted in all.zip; empty for the node's default list.
    dispensable : collection of str
        Options that matter only to nodes that have them (seam levelling of textures, to one without textures). On
        others they are left out, and the result lists them.
    may_lower : bool
        After lack of memory, try again with milder options (see `fallback.LADDER`).
    """

    task_uuid: str
    name: str
    files: Mapping[str, Path]
    options: Mapping[str, Json]
    outputs: Sequence[str] = ()
    dispensable: Collection[str] = ()
    may_lower: bool = True

    @property
    def photos(self) -> int:
        """Files the node counts as photos."""
        return sum(is_photo(name) for name in self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """What came of a task.

    Attributes
    ----------
    assets : Path
        The unpacked all.zip.
    uuid : str
        The task on the node.
    options : mapping
        Options the node worked with.
    left_out : tuple of str
        Options the node does not have.
    lowered : tuple of Lowered
        Options lowered for lack of memory.
    attempts : int
    reasons : tuple of str
        Why earlier attempts and upload sessions were given up.
    """

    assets: Path
    uuid: str
    options: Mapping[str, Json]
    left_out: tuple[str, ...]
    lowered: tuple[Lowered, ...]
    attempts: int
    reasons: tuple[str, ...]
