"""Why an engine failed, in words for the client."""

from __future__ import annotations

import re
from collections.abc import Sequence

from uav_workflow.node.engine_process import Exit
from uav_workflow.node.refusal import DISK_FULL

_NO_SPACE = 28
"""Exit code of our engine when a write found no space (the number of ENOSPC)."""

NO_ROOM_MIB = 16.0
"""With less than this left no stage of an engine can write, whatever it says."""

_FULL = re.compile(r"no space left|enospc|disk (is )?full|quota exceeded", re.IGNORECASE)

_BY_CODE = {
    1: "Cannot process dataset",
    3: "Installation issue",
    _NO_SPACE: DISK_FULL,
    132: "Unsupported CPU",
    134: "Cannot process dataset",
    137: "Not enough memory",
    139: "Cannot process dataset",
}


def failure_message(ended: Exit, output: Sequence[str]) -> str:
    """Message for status 30: NodeODM's words for the exit code, then the engine's own reason.

    Never empty: without a reason the last line of the output stands in.
    """
    if ended.code < 0:
        return ended.reason
    text = _BY_CODE.get(ended.code, f"Processing failed ({ended.code})")
    if ended.code == 137:
        held = f" when its processes held about {ended.peak_mib:.0f} MiB" if ended.peak_mib >= 1 else ""
        reason = ended.reason or f"the system killed the engine{held}"
        return (
            f"{text} (137): {reason}. Use fewer or smaller photos, a lower pc-quality or feature-quality, "
            "max-concurrency 1, or a node with more memory"
        )
    last = next((line for line in reversed(output) if line.strip()), "")
    reason = ended.reason or last
    if _FULL.search(" ".join([reason, *output[-20:]])):
        text = DISK_FULL
    elif ended.free_mib < NO_ROOM_MIB:
        text = f"{DISK_FULL} ({ended.free_mib:.1f} MiB were left)"
    return f"{text}: {reason}" if reason else text
