"""How the node says no."""

from __future__ import annotations

import errno

from uav_workflow.errors import NodeError


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


def disk_refusal(exc: OSError) -> Refusal:
    """What a failed write means for the client."""
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return Refusal("The node's disk is full; nothing of this request was kept. Free space on the node, then retry")
    return Refusal(f"The node could not write to its disk: {exc.strerror or exc}")
