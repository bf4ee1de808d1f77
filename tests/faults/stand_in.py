"""A node process whose engine copies a prepared result: `python -m tests.faults.stand_in --data-dir D --port N`.

The engine takes its time while the file named by UAV_TEST_HOLD exists. Where it finds the one named by UAV_TEST_HUNGER
it takes that away and is killed, as the system kills for lack of memory.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

ENGINE = """
import os, pathlib, shutil, sys, time
project = pathlib.Path(sys.argv[1])
print("photos", *sorted(path.name for path in (project / "images").iterdir()), flush=True)
with os.fdopen(int(sys.argv[3]), "w") as progress:
    progress.write("50\\n")
hunger = pathlib.Path(os.environ["UAV_TEST_HUNGER"])
if hunger.exists():
    hunger.unlink()
    os.kill(os.getpid(), 9)
hold = pathlib.Path(os.environ["UAV_TEST_HOLD"])
while hold.exists():
    time.sleep(0.01)
shutil.copytree(os.environ["UAV_TEST_RESULT"], project, dirs_exist_ok=True)
"""


def main() -> None:
    from uav_workflow.node.server import NodeServer

    parser = argparse.ArgumentParser()
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--exit-when-idle", type=float)
    given = parser.parse_args()
    NodeServer(
        data_dir=given.data_dir,
        port=given.port,
        token=os.environ.get("UAV_NODE_TOKEN", ""),
        exit_when_idle_s=given.exit_when_idle,
        engine_command=(sys.executable, "-c", ENGINE),
    ).run()


if __name__ == "__main__":
    main()
