"""Milder options for a node that ran out of memory: an ordered ladder, of what the node offers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from uav_workflow.domain.product import Json
from uav_workflow.photogrammetry.offered import OfferedOption

QUALITIES = ("ultra", "high", "medium", "low", "lowest")
"""ODM's words, from the most memory to the least."""

SPLIT_FROM = 100
"""Photos a flight needs before its two halves are worth being reconstructed apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowered:
    """One option that was set to need less memory."""

    option: str
    was: Json
    now: Json

    def __str__(self) -> str:
        return f"{self.option} {self.was} -> {self.now}"

    def to_json(self) -> dict[str, Json]:
        """Plain dictionary for the record."""
        return asdict(self)


_Step = Callable[[OfferedOption, Json, int], Json]
"""Gives a lower value of an option for so many photos; None when there is none."""


def _quality(option: OfferedOption, value: Json, _photos: int) -> Json:
    offered = [quality for quality in QUALITIES if quality in option.domain]
    if value not in offered or value == offered[-1]:
        return None
    return offered[offered.index(str(value)) + 1]


def _half(option: OfferedOption, value: Json, _photos: int) -> Json:
    number = _whole(value)
    # 0 and negative numbers mean "not limited" or "not resized"
    return number // 2 if number > 1 and option.objection(number // 2) is None else None


def _halves_of_the_flight(option: OfferedOption, value: Json, photos: int) -> Json:
    half = -(-photos // 2)
    fits = photos >= SPLIT_FROM and _whole(value) >= photos and option.objection(half) is None
    return half if fits else None


def _whole(value: Json) -> int:
    try:
        return int(str(value))
    except ValueError:
        return 0


LADDER: Sequence[tuple[str, _Step]] = (
    ("pc-quality", _quality),
    ("feature-quality", _quality),
    ("max-concurrency", _half),
    ("resize-to", _half),
    ("split", _halves_of_the_flight),
)
"""Options in the order in which they are lowered: first what costs the products least for the memory it saves."""


def lower(
    options: Mapping[str, Json], offered: Mapping[str, OfferedOption], photos: int, done: Sequence[str], *, last: bool
) -> list[Lowered]:
    """Take the next step down; empty when there is none.

    Parameters
    ----------
    options : mapping
        Options of the task that failed; an option that is not among them stands at the node's default.
    photos : int
        Number of photos of the task.
    done : sequence of str
        Options lowered before; each is lowered once.
    last : bool
        There is no further attempt: then every step that is left is taken at once.
    """
    steps = []
    for name, step in LADDER:
        option = offered.get(name)
        if option is None or name in done:
            continue
        was = options.get(name, option.default)
        now = step(option, was, photos)
        if now is not None:
            steps.append(Lowered(option=name, was=was, now=now))
    return steps if last else steps[:1]
