"""What went wrong in a task, kept where the run that asked for it can read it."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from uav_workflow.errors import CalibrationError, FlightDataError, NodeError, UavWorkflowError
from uav_workflow.store import write_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failed task: the sentence for the user, and whose fault it is."""

    kind: str
    blame: str
    """``data``, ``service`` or ``internal``."""
    message: str
    trace: str


def remember_failure(workspace: Path, flight: str, kind: str, exception: BaseException) -> None:
    """Write a failure down; a later failure of the same task replaces it."""
    folder = _folder(workspace, flight)
    folder.mkdir(parents=True, exist_ok=True)
    failure = Failure(
        kind=kind,
        blame=_blame(exception),
        message=str(exception) or type(exception).__name__,
        trace="".join(traceback.format_exception(exception)),
    )
    write_json(folder / f"{kind}.json", asdict(failure))


def forget_failures(workspace: Path, flight: str) -> None:
    """Clear what earlier runs of the flight left."""
    for path in _folder(workspace, flight).glob("*.json"):
        path.unlink(missing_ok=True)


def failures(workspace: Path, flight: str) -> Iterator[Failure]:
    """Failures of a flight's last run."""
    for path in sorted(_folder(workspace, flight).glob("*.json")):
        yield Failure(**json.loads(path.read_text(encoding="utf-8")))


def _folder(workspace: Path, flight: str) -> Path:
    return workspace / "failures" / flight


def _blame(exception: BaseException) -> str:
    if isinstance(exception, FlightDataError | CalibrationError):
        return "data"
    if isinstance(exception, NodeError):
        return "service"
    return "data" if isinstance(exception, UavWorkflowError) and isinstance(exception, ValueError) else "internal"
