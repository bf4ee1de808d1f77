"""How long work says where it stands."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float, str], None]
"""Called with the fraction done (0 - 1) and a short text; called from one thread only."""


def silent(fraction: float, text: str) -> None:
    """Progress that nobody watches."""


def part(progress: Progress | None, start: float, end: float) -> Progress:
    """Progress of one step, as a share ``[start, end]`` of the whole."""
    if progress is None:
        return silent
    outer = progress

    def inner(fraction: float, text: str) -> None:
        outer(start + (end - start) * fraction, text)

    return inner
