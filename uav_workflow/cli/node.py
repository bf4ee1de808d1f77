"""`uav node`: the node that ships with the workflow."""

from __future__ import annotations

import ipaddress
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from uav_workflow.cli.output import log

if TYPE_CHECKING:
    from uav_workflow.node.policy import Policy


Host = Annotated[str, typer.Option(help="Address to listen at; the default answers this machine alone.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 lets the system choose; see node.json.")]
DataDir = Annotated[Path, typer.Option(help="Tasks, uploads and results; kept across restarts.")]
Token = Annotated[
    str, typer.Option(envvar="UAV_NODE_TOKEN", help="What calls must bring as ?token=…; better given by environment.")
]
MaxImages = Annotated[int | None, typer.Option(min=1, help="Files a task may have; no limit without.")]
Parallel = Annotated[int, typer.Option(min=1, help="Tasks processed at a time.")]
MaxConcurrency = Annotated[
    int | None, typer.Option(min=1, help="Threads a task may use at most, whatever it asks for.")
]
MaxRuntime = Annotated[
    float | None, typer.Option(min=0, metavar="MINUTES", help="Cancel tasks that are processed for longer.")
]
KeepTasks = Annotated[
    float, typer.Option(min=0, metavar="MINUTES", help="Delete finished tasks, with their results, after this.")
]
KeepUploads = Annotated[
    float, typer.Option(min=0, metavar="MINUTES", help="Delete uploads nobody goes on with after this.")
]
AllowZipurl = Annotated[
    bool, typer.Option("--allow-zipurl", help="Let clients name an archive the node fetches from its own network.")
]
AllowWebhook = Annotated[
    bool, typer.Option("--allow-webhook", help="Let clients name an address the node tells of their task's end.")
]
Webhook = Annotated[str, typer.Option(metavar="URL", help="Told of the end of every task.")]
AuthorizedIp = Annotated[
    list[str] | None, typer.Option(metavar="ADDRESS", help="Answer this caller only; may be repeated.")
]
ExitWhenIdle = Annotated[
    float | None, typer.Option(min=1, metavar="SECONDS", help="End when for so long nobody needed the node.")
]


def node(
    host: Host = "127.0.0.1",
    port: Port = 3000,
    data_dir: DataDir = Path("uav-node"),
    token: Token = "",
    max_images: MaxImages = None,
    parallel: Parallel = 1,
    max_concurrency: MaxConcurrency = None,
    max_runtime: MaxRuntime = None,
    cleanup_tasks_after: KeepTasks = 2880,
    cleanup_uploads_after: KeepUploads = 2880,
    allow_zipurl: AllowZipurl = False,
    allow_webhook: AllowWebhook = False,
    webhook: Webhook = "",
    authorized_ip: AuthorizedIp = None,
    exit_when_idle: ExitWhenIdle = None,
) -> None:
    """Serve NodeODM's API 2.2.x over the photogrammetry engine.

    Every state of a task is on disk before it counts: after a crash or a power cut start the node again on the same
    --data-dir, and finished results are there, uploads go on, and the task that ran is processed anew. SIGTERM and
    Ctrl-C end it in order.
    """
    from uav_workflow.node.policy import Policy

    policy = Policy(
        max_images=max_images,
        parallel=parallel,
        max_runtime_min=max_runtime,
        max_concurrency=max_concurrency,
        keep_tasks_min=cleanup_tasks_after,
        keep_uploads_min=cleanup_uploads_after,
        allow_zipurl=allow_zipurl,
        allow_webhook=allow_webhook,
        webhook=webhook,
        authorized_ips=tuple(authorized_ip or ()),
    )
    _serve(host, port, data_dir, token, policy, exit_when_idle)


def _serve(host: str, port: int, data_dir: Path, token: str, policy: Policy, exit_when_idle_s: float | None) -> None:
    from uav_workflow.node.server import NodeServer

    _tell_of_tasks()
    if not token and not _is_loopback(host):
        log.print(
            f"uav node: {host} can be reached from the network, and no token guards it: whoever reaches it may use "
            "it. Set UAV_NODE_TOKEN",
            style="yellow",
            soft_wrap=True,
        )
    server = NodeServer(
        data_dir=data_dir, host=host, port=port, token=token, policy=policy, exit_when_idle_s=exit_when_idle_s
    )
    server.run(lambda lock, _server: log.print(f"uav node: {lock.url}, data in {data_dir.resolve()}", soft_wrap=True))
    log.print("uav node: ended; tasks that were running are queued at the next start", soft_wrap=True)


def _tell_of_tasks() -> None:
    """A line on standard error for every step of every task."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", "%Y-%m-%d %H:%M:%S"))
    listener = logging.getLogger("uav_workflow.node")
    listener.setLevel(logging.INFO)
    listener.addHandler(handler)
    listener.propagate = False


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
