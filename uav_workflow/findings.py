"""What a check has to say: a stable code, where, what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much a finding weighs."""

    ERROR = "error"
    """The flight is refused."""
    WARNING = "warning"
    """The flight runs; its numbers suffer as the message says."""
    INFO = "info"
    """Worth knowing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a check.

    Attributes
    ----------
    level : Level
    code : str
        Stable, lower case with hyphens (``time-zone-unknown``).
    where : str
        File, plot or product it speaks of, relative to the flight folder.
    message : str
        What is wrong, with the numbers.
    hint : str
        What to do about it; empty when nothing needs doing.
    """

    level: Level
    code: str
    where: str
    message: str
    hint: str = ""

    def to_json(self) -> dict[str, str]:
        """Plain dictionary for JSON."""
        return {key: str(value) for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, document: dict[str, str]) -> Finding:
        """Inverse of `to_json`."""
        return cls(**{**document, "level": Level(document["level"])})  # type: ignore[arg-type]


def error(code: str, where: str, message: str, hint: str = "") -> Finding:
    """Finding that refuses the flight."""
    return Finding(Level.ERROR, code, where, message, hint)


def warning(code: str, where: str, message: str, hint: str = "") -> Finding:
    """Finding that lets the flight run and says what suffers."""
    return Finding(Level.WARNING, code, where, message, hint)


def info(code: str, where: str, message: str, hint: str = "") -> Finding:
    """Finding worth knowing."""
    return Finding(Level.INFO, code, where, message, hint)


def has_errors(findings: Iterable[Finding]) -> bool:
    """True when at least one finding refuses the flight."""
    return any(finding.level is Level.ERROR for finding in findings)


_ORDER = {Level.ERROR: 0, Level.WARNING: 1, Level.INFO: 2}


def by_weight(findings: Iterable[Finding]) -> list[Finding]:
    """Errors first, then warnings, then infos; stable inside a level."""
    return sorted(findings, key=lambda finding: _ORDER[finding.level])
