"""`uav node`: the node that ships with the workflow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from uav_workflow.cli.output import log


def node(
    host: Annotated[
        str, typer.Option(help="Address to listen at; the default answers this machine alone.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 lets the system choose; see node.json.")] = 3000,
    data_dir: Annotated[Path, typer.Option(help="Tasks, uploads and results; kept across restarts.")] = Path(
        "uav-node"
    ),
    token: Annotated[str, typer.Option(envvar="UAV_NODE_TOKEN", help="What calls must bring as ?token=…")] = "",
    max_images: Annotated[int | None, typer.Option(min=1, help="Files a task may have; no limit without.")] = None,
    parallel: Annotated[int, typer.Option(min=1, help="Tasks processed at a time.")] = 1,
    exit_when_idle: Annotated[
        float | None, typer.Option(min=1, metavar="SECONDS", help="End when for so long nobody needed the node.")
    ] = None,
) -> None:
    """Serve NodeODM's API 2.2.x over the photogrammetry engine."""
    from uav_workflow.node.server import NodeServer

    server = NodeServer(
        data_dir=data_dir,
        host=host,
        port=port,
        token=token,
        max_images=max_images,
        parallel=parallel,
        exit_when_idle_s=exit_when_idle,
    )
    server.run(lambda lock, _server: log.print(f"uav node: {lock.url}, data in {data_dir.resolve()}", soft_wrap=True))
