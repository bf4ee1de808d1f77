"""Counts and short lists for messages."""

from __future__ import annotations

from collections.abc import Iterable


def listed(names: Iterable[str], shown: int = 2) -> str:
    """First names and how many more there are: ``a, b and 4 more``."""
    every = list(names)
    text = ", ".join(every[:shown])
    return f"{text} and {len(every) - shown} more" if len(every) > shown else text


def counted(count: int, noun: str, verb: str = "") -> str:
    """Number, noun and verb that agree: ``1 photo is``, ``3 photos are``; the verb is given in the plural."""
    singular = {"are": "is", "have": "has", "lie": "lies", "carry": "carries", "look": "looks", "name": "names"}
    noun = noun if count == 1 else f"{noun}s"
    verb = singular.get(verb, verb) if count == 1 else verb
    return f"{count} {noun} {verb}".rstrip()
