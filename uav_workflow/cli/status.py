"""`uav status`: what a workspace knows, has made, and failed to make."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from uav_workflow.cli.output import JsonFlag, emit, out


def status(
    workspace: Annotated[Path | None, typer.Option(help="Products and scratch; UAV_WORKSPACE or .uav.")] = None,
    json_: JsonFlag = False,
) -> None:
    """List the flights of a workspace with their products and failures, and whether its own node lives."""
    from tasks.failures import failures
    from uav_workflow.node.lock import read_lock
    from uav_workflow.settings import Settings
    from uav_workflow.store import Store
    from uav_workflow.submission.registry import Registry

    root = workspace or Settings().workspace
    store = Store(root)
    rows = [
        {
            "flight": record.flight_id,
            "site": record.site,
            "captured": record.captured,
            "captures": record.captures,
            "products": {kind: str(product.path) for kind, product in store.latest(record.flight_id).items()},
            "failures": {failure.kind: failure.message for failure in failures(root, record.flight_id)},
        }
        for record in Registry(root)
    ]
    lock = read_lock(root / "node")
    if json_:
        emit({"workspace": str(root), "node": lock.url if lock else None, "flights": rows})
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("flight", "site", "captured", "captures", "made", "failed"):
        table.add_column(column, overflow="fold")
    for row in rows:
        made, failed = row["products"], row["failures"]
        assert isinstance(made, dict)
        assert isinstance(failed, dict)
        table.add_row(
            str(row["flight"]),
            Text(str(row["site"])),
            str(row["captured"] or "")[:16].replace("T", " "),
            str(row["captures"]),
            f"{len(made)} products",
            Text("; ".join(f"{kind}: {message.splitlines()[0]}" for kind, message in failed.items())),
        )
    out.print(table)
    for row in rows:
        out.print(f"{row['flight']}: {store.root / str(row['flight'])}", soft_wrap=True, markup=False)
    out.print(f"own node: {lock.url if lock else 'not running'}")
