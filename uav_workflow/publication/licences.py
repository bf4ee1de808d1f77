"""Addresses of licences that data are published under."""

from __future__ import annotations

KNOWN = frozenset(
    {
        "CC0-1.0",
        "CC-BY-4.0",
        "CC-BY-SA-4.0",
        "CC-BY-NC-4.0",
        "CC-BY-NC-SA-4.0",
        "CC-BY-ND-4.0",
        "CC-BY-NC-ND-4.0",
        "ODbL-1.0",
        "ODC-By-1.0",
        "PDDL-1.0",
        "etalab-2.0",
        "OGL-UK-3.0",
    }
)
"""SPDX identifiers of open data licences: an address is made of these alone, never of words."""
SCHEME = "https://spdx.org/licenses/"


def address(licence: str | None) -> str | None:
    """Where the text of a licence stands; None where nobody knows."""
    if licence and licence.startswith(("http://", "https://")):
        return licence
    return f"{SCHEME}{licence}.html" if licence in KNOWN else None
