"""Where the plot tables of workspaces are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def plot_tables(workspaces: Sequence[Path]) -> list[Path]:
    """plots.parquet of every flight, the newest; a flight that several workspaces know is taken from the last.

    Raises
    ------
    UsageError
        A workspace is no folder.
    """
    from uav_workflow.errors import UsageError
    from uav_workflow.store import Store
    from uav_workflow.submission.registry import Registry

    tables: dict[str, Path] = {}
    for root in workspaces:
        if not root.is_dir():
            raise UsageError(f"{root}: is no folder; name a workspace of `uav run`")
        store = Store(root)
        for record in Registry(root):
            product = store.latest(record.flight_id).get("plots")
            if product is not None and product.not_made is None:
                tables[record.flight_id] = product.file("plots.parquet")
    return list(tables.values())
