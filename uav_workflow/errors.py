"""Errors a user can act on. Each leaf is also the standard library's error of its kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uav_workflow.findings import Finding


class UavWorkflowError(Exception):
    """Base of every error of this project. The message says what, where and what to do."""


class FlightDataError(UavWorkflowError, ValueError):
    """The flight folder can't be used as it is; `findings` say why."""

    def __init__(self, message: str, findings: Sequence[Finding] = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


class RecipeError(UavWorkflowError, ValueError):
    """A recipe or a ``--set`` has an unknown key or an impossible value."""


class UsageError(UavWorkflowError, ValueError):
    """A command was called with arguments that do not fit together."""


class StoreError(UavWorkflowError, OSError):
    """The product store can't be read or written."""


class RasterError(UavWorkflowError, OSError):
    """A raster is missing, broken, or not on the grid it must be on."""


class CalibrationError(UavWorkflowError, ValueError):
    """Captures can't be turned into reflectance."""


class EngineError(UavWorkflowError, RuntimeError):
    """Photogrammetry failed on these photos."""


class NodeError(UavWorkflowError, RuntimeError):
    """A processing node refused, failed or could not be reached."""


class NotMade(UavWorkflowError, RuntimeError):  # noqa: N818 - an answer, not a fault
    """A product can't be made from what there is; the message is the reason shown to the user."""
