"""One call of `run_task` with its surroundings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from uav_workflow.photogrammetry.client import run_task
from uav_workflow.photogrammetry.identity import task_uuid
from uav_workflow.photogrammetry.patience import Patience
from uav_workflow.photogrammetry.progress import NodeProgress
from uav_workflow.photogrammetry.task_order import TaskOrder, TaskResult

TASK = task_uuid("flight", {"a.jpg": "1"}, {"dsm": True})


class Order:
    """Twelve files of 5000 bytes for a node; `run` may be called again, as a later run of the worker would."""

    def __init__(self, node: Any, folder: Path, patience: Patience, count: int = 12) -> None:
        self.node = node
        self.work = folder / "work"
        self.patience = patience
        self.progress: list[NodeProgress] = []
        self.files = {}
        for index in range(count):
            path = folder / f"{index:02}.bin"
            path.write_bytes(bytes([index]) * 5000)
            self.files[f"IMG_{index:04}.JPG"] = path

    def call(self, **changes: Any) -> TaskResult:
        address = changes.pop("address", self.node.address)
        on_progress = changes.pop("on_progress", self.progress.append)
        find_node = changes.pop("find_node", None)
        order: dict[str, Any] = {
            "task_uuid": TASK,
            "name": "flight",
            "files": self.files,
            "options": {"dsm": True},
            "outputs": ("odm_dem",),
        }
        return run_task(
            address,
            TaskOrder(**(order | changes)),
            work=self.work,
            on_progress=on_progress,
            patience=self.patience,
            find_node=find_node,
        )

    def run(self, **changes: Any) -> Path:
        return self.call(**changes).assets

    @property
    def record(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.work / "node_task.json").read_text())
        return document
