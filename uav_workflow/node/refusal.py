"""How the node says no."""

from __future__ import annotations

import errno

from uav_workflow.errors import NodeError

DISK_FULL = "Disk full (ENOSPC): the node's disk is full"
"""How a full disk is said, wherever it shows."""


class Refusal(NodeError):  # noqa: N818 - an answer, not a fault
    """A request the node does not accept; becomes ``{"error": message}`` with HTTP status 200, NodeODM's way.

    Parameters
    ----------
    message : str
    no_retry : bool
        Sending the same again is hopeless.
    """

    def __init__(self, message: str, *, no_retry: bool = False) -> None:
        super().__init__(message)
        self.no_retry = no_retry

    def document(self) -> dict[str, str | bool]:
        """Body of the answer."""
        return {"error": str(self), **({"noRetry": True} if self.no_retry else {})}


def is_full(exc: OSError) -> bool:
    """Whether a write found no space."""
    return exc.errno in (errno.ENOSPC, errno.EDQUOT)


def disk_refusal(exc: OSError) -> Refusal:
    """What a failed write means for the client."""
    if is_full(exc):
        return Refusal(f"{DISK_FULL}; nothing half written was kept. Free space on the node, then try again")
    return Refusal(f"The node could not write to its disk: {exc.strerror or exc}")
