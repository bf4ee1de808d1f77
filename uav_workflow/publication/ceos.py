"""Validation stage after CEOS LPV, as far as a flight or a campaign may claim it."""

from __future__ import annotations

SITES_OF_STAGE_2 = 30


def stage(n: int) -> int:
    """Stage of a variable with `n` pairs of a drone's and a ground value: 0 without any, else 1.

    Never more: CEOS LPV stage 2 asks, beside a significant set of places and times, for consistency over space and
    time and for peer review, and neither can be seen from the data of a campaign.
    """
    return 1 if n > 0 else 0


def reason(n: int) -> str:
    """Why it is this stage and not a higher one: key of the words of every language."""
    if n == 0:
        return "no_pair"
    return "few_pairs" if n < SITES_OF_STAGE_2 else "many_pairs"
