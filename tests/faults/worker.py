"""`uav` with a client that is quick to try again and the stand-in as its own node: `-m tests.faults.worker run …`."""

from __future__ import annotations

import sys

import tasks.node
from tasks.photogrammetry import NodeTask
from uav_workflow.cli.main import main
from uav_workflow.photogrammetry.patience import Patience

QUICK = Patience(
    timeout_s=5,
    answer_s=5,
    retries=500,
    pause_s=0.05,
    pause_max_s=0.2,
    poll_s=0.1,
    not_found_s=0.5,
    after_commit_s=0,
    grace_s=60,
)

if __name__ == "__main__":
    tasks.node.COMMAND = (sys.executable, "-m", "tests.faults.stand_in")
    NodeTask.patience = classmethod(lambda _cls: QUICK)  # type: ignore[method-assign,assignment]
    main()
