"""Mapping of a large flight group by group: memory grows with a group, not with the flight."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from uav_workflow.engine.adjustment.block import Block
from uav_workflow.engine.ties.features import quiet_pycolmap
from uav_workflow.engine.ties.joining import join_blocks
from uav_workflow.engine.ties.mapping import UNTIED, MapSettings, map_models
from uav_workflow.engine.ties.partition import PhotoGroup
from uav_workflow.errors import EngineError


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouped:
    """The block that the groups make together.

    Attributes
    ----------
    block : Block
        Names are those of the database.
    others : list of list of str
        Photos of each block that could not be joined to this one.
    untied : list of int
        Groups no two photos of which could be tied together.
    """

    block: Block
    others: list[list[str]]
    untied: list[int]


def map_groups(
    database: Path,
    folder: Path,
    names: Sequence[str],
    groups: Sequence[PhotoGroup],
    settings: MapSettings,
    *,
    progress: Callable[[float], None],
) -> Grouped:
    """Blocks of the groups, one group after the other, joined into one.

    Parameters
    ----------
    names : sequence of str
        Photos in the database, in the order of the rows of the groups.

    Raises
    ------
    EngineError
        No two photos could be tied together.
    """
    blocks: list[Block] = []
    home: dict[str, int] = {}
    untied: list[int] = []
    for number, group in enumerate(groups):

        def placing(share: float, number: int = number) -> None:
            progress((number + share) / len(groups))

        work = folder / f"group-{number}"
        found = map_models(database, work, settings, only=[names[row] for row in group.photos], progress=placing)
        shutil.rmtree(work)
        home |= {names[row]: len(blocks) for row in group.core}
        blocks += found
        if not found:
            untied.append(number)
    if not blocks:
        raise EngineError(UNTIED)
    joined = join_blocks(blocks, home, _cameras(database))
    return Grouped(block=joined.block, others=joined.apart, untied=untied)


def _cameras(database: Path) -> dict[str, int]:
    with quiet_pycolmap().Database.open(database) as opened:
        return {image.name: int(image.camera_id) for image in opened.read_all_images()}
